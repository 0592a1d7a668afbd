"""One running stack for all workers of a test session: the first that needs it starts it, and stops it afterwards."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tillflow.settings import Settings
from tillflow.stack.plan import Stack
from tillflow.stack.running import replace_home, running_stack
from tillflow.stack.state import read_state


@contextmanager
def shared_stack(folder: Path, load: Callable[[Stack], None]) -> Iterator[Stack]:
    """The stack below `folder`; who starts it also calls `load`, before anybody else gets to see it.

    It belongs to the worker that started it, which afterwards waits until nobody uses it any more.
    """
    ready, start, use = (folder / name for name in ("ready", "start.lock", "use.lock"))
    with ExitStack() as ours:
        with ExitStack() as used:
            with _locked(start, fcntl.LOCK_EX):
                is_ours = not ready.exists()
                if not is_ours:
                    home = Path(ready.read_text())
                    state = read_state(home)
                    assert state is not None, f"the stack in {home} is gone"
                    stack = Stack(replace_home(Settings.from_environment(), home), state.ports)
                else:
                    home = Path(mkdtemp(prefix="stack-", dir=folder))
                    stack = ours.enter_context(running_stack(home))
                    load(stack)
                    ready.write_text(str(home))
                    ours.callback(ready.unlink)
                used.enter_context(_locked(use, fcntl.LOCK_SH))
            yield stack
        if is_ours:  # who comes from here on waits, and then starts a stack of their own
            with _locked(start, fcntl.LOCK_EX), _locked(use, fcntl.LOCK_EX):
                ours.close()


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with path.open("w") as held:
        fcntl.flock(held, kind)
        yield

"""Starting and stopping a stack from outside: `up`, `down`, the demo and tests use these."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from tillflow.settings import Settings
from tillflow.stack.components import base_environment
from tillflow.stack.errors import StackError
from tillflow.stack.files import open_log
from tillflow.stack.plan import WEB_PORT_VARIABLE, Stack, prepare_home
from tillflow.stack.ports import is_free
from tillflow.stack.processes import in_sessions, is_alive, marked, stop
from tillflow.stack.state import StackState, read_state
from tillflow.stack.supervisor import MARK

PLAN = "tillflow.stack.plan:start"
Watcher = Callable[[StackState], None]


def launch(home: Path, *, port: int | None = None, tied_to_us: bool = False) -> subprocess.Popen[bytes]:
    """Start a guard in the background and return at once.

    `tied_to_us`: the stack stops when we do, however we end.
    """
    if port is not None and not is_free(port):
        raise StackError(f"port {port} is taken; choose another with --port")
    clean_up(home)
    command = [sys.executable, "-P", "-m", "tillflow.stack.guard", "--home", str(home), "--plan", PLAN]
    environment = base_environment({"TILLFLOW_HOME": str(home), MARK: str(home)})
    environment.pop(WEB_PORT_VARIABLE, None)
    if port is not None:
        environment[WEB_PORT_VARIABLE] = str(port)
    with open_log(home / "logs" / "supervisor.log") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            [*command, *(["--until-stdin-closes"] if tied_to_us else [])],
            stdin=subprocess.PIPE if tied_to_us else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches us, and we stop it in order
        )


def wait_until_running(
    home: Path, guard: subprocess.Popen[bytes], watcher: Watcher = lambda _state: None
) -> StackState:
    """Return when everything is healthy. Raises `StackError` with the reason when it fails."""
    while True:
        ended = guard.poll() is not None
        state = read_state(home)
        ours = state is not None and any(r.pid == guard.pid and r.alive for r in state.guards)
        if state is not None and ours:
            watcher(state)
            if state.phase == "running":
                return state
        if ended:
            said = guard.stdout.read().decode(errors="replace").strip() if guard.stdout else ""
            raise StackError(said or f"the start was stopped (log: {home}/logs/supervisor.log)")
        time.sleep(0.1)


def stop_stack(home: Path, patience: float = 45) -> bool:
    """Stop the stack of `home` and whatever is left of it; False when nothing ran."""
    state = read_state(home)
    alive = [record for record in state.guards if record.alive] if state else []
    if alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(alive[0].pid, signal.SIGTERM)
        until = time.monotonic() + patience
        while any(is_alive(r.pid, r.born) for r in alive) and time.monotonic() < until:
            time.sleep(0.1)
    return clean_up(home, whole=True) or bool(alive)


def clean_up(home: Path, *, whole: bool = False) -> bool:
    """Stop what a killed stack left behind; True when there was something.

    With a living guard this does nothing, unless `whole`.
    """
    state = read_state(home)
    if state is not None and state.alive and not whole:
        return False
    leftovers: dict[int, psutil.Process] = {}
    if state is not None:
        leftovers.update((p.pid, p) for p in in_sessions(state.sessions))
    leftovers.update((p.pid, p) for p in marked(MARK, str(home)))
    stop(leftovers.values(), grace=5)
    return bool(leftovers)


@contextmanager
def running_stack(
    home: Path | None = None, *, port: int | None = None, watcher: Watcher = lambda _state: None
) -> Iterator[Stack]:
    """A whole stack for the time of the block: healthy inside, gone afterwards whatever happens.

    `home`: default from the settings. `watcher` is called with the progress of the start.
    """
    settings = Settings.from_environment()
    if home is not None:
        settings = replace_home(settings, home)
    if (state := read_state(settings.home)) is not None and state.alive:
        raise StackError(f"a stack already runs in {settings.home}; ./tillflow down stops it")
    prepare_home(settings.home)
    guard = launch(settings.home, port=port, tied_to_us=True)
    try:
        state = wait_until_running(settings.home, guard, watcher)
        yield Stack(settings, state.ports)
    finally:
        if guard.stdin:
            guard.stdin.close()
        try:
            guard.wait(45)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            stop_stack(settings.home)
        if guard.stdout:
            guard.stdout.close()


def replace_home(settings: Settings, home: Path) -> Settings:
    """The same settings for another home: what lies below the home moves with it."""
    fresh = Settings.from_environment({**os.environ, "TILLFLOW_HOME": str(home)})
    return replace(settings, home=fresh.home, storage=fresh.storage, temp_dir=fresh.temp_dir)

"""`./tillflow test`: pytest with our configuration, whatever folder it is called from."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Final, NoReturn

from tillflow.settings import REPOSITORY
from tillflow.stack.components import base_environment

#: where pytest makes the temporary folders of a session
TEMPORARY_ROOT: Final = "PYTEST_DEBUG_TEMPROOT"


#: more at once wait for each other's servers
_MOST_WORKERS: Final = 4


def run(arguments: Sequence[str]) -> NoReturn:
    """Become pytest: Ctrl-C reaches it, and it stops in order what its fixtures have started."""
    environment = base_environment({})
    # tests make what they need; one that reads the developer's own stack is a mistake
    for name in ("TILLFLOW_DATABASE_URL", "TILLFLOW_STORAGE", "TILLFLOW_ZONE"):
        environment.pop(name, None)
    # tests want the processors as well: a task that stands back for them would hardly run
    environment["TILLFLOW_TASK_NICENESS"] = "0"
    # A folder of this session alone: as root, another session's start would close the shared one to the
    # system user that PostgreSQL runs as. The session removes it when it passed.
    environment.setdefault(TEMPORARY_ROOT, tempfile.mkdtemp(prefix="tillflow-test-"))
    if not arguments:  # the whole suite: the processors share it, and one that is done takes of the other's
        # one more than there are processors, for many tests wait for a server or a clock
        arguments = ("-n", str(min(_MOST_WORKERS, (os.cpu_count() or 1) + 1)), "--dist", "worksteal")
    os.chdir(REPOSITORY)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *arguments], environment)  # noqa: S606 - no shell

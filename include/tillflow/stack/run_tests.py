"""`./tillflow test`: pytest with our configuration, whatever folder it is called from."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tillflow.settings import REPOSITORY
from tillflow.stack.components import base_environment


def run(arguments: Sequence[str]) -> NoReturn:
    """Become pytest: Ctrl-C reaches it, and it stops in order what its fixtures have started."""
    environment = base_environment({})
    # tests make what they need; one that reads the developer's own stack is a mistake
    for name in ("TILLFLOW_DATABASE_URL", "TILLFLOW_STORAGE", "TILLFLOW_ZONE"):
        environment.pop(name, None)
    os.chdir(REPOSITORY)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *arguments], environment)  # noqa: S606 - no shell

"""Whom PostgreSQL runs as: it refuses to run as root, so root gives it a user of its own."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tillflow.stack.errors import StackError

ROOTS_STAND_IN = "tillflow-postgres"
"""A system user without a home, a shell or a password."""


@dataclass(frozen=True)
class SystemUser:
    """A user to run a program as; `uid` None means: as ourselves."""

    uid: int | None = None
    gid: int | None = None

    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to start a program as this user."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give `path` to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def write(self, path: Path, text: str) -> None:
        """Write `path` as a private file of this user."""
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        self.own(path)

    def open_way_to(self, path: Path) -> None:
        """Let this user walk to `path` and to our Python packages: execute, never read."""
        if self.uid is None:
            return
        for target in (path, Path(sys.prefix)):
            for folder in target.absolute().parents:
                mode = folder.stat().st_mode
                if not mode & stat.S_IXOTH:
                    folder.chmod(mode | stat.S_IXOTH)


def postgres_user() -> SystemUser:
    """Ourselves, or for root the stand-in, made when there is none."""
    if os.geteuid() != 0:
        return SystemUser()
    try:
        entry = pwd.getpwnam(ROOTS_STAND_IN)
    except KeyError:
        entry = _make_stand_in()
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _make_stand_in(patience: float = 10) -> pwd.struct_passwd:
    """Make the user, or find the one that another start is making: only one at a time may write the list of users."""
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", ROOTS_STAND_IN]
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with suppress(OSError):
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - constant command
        with suppress(KeyError):
            return pwd.getpwnam(ROOTS_STAND_IN)
        time.sleep(0.1)
    raise StackError(
        "PostgreSQL refuses to run as root and no user could be made for it; start Tillflow as an ordinary user"
    )

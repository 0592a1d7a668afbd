"""The browser of these tests: the system's Chromium, which a machine of Debian's may install by itself."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

VARIABLE = "TILLFLOW_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "chromium")
ADVICE = f"install Chromium ({' '.join(INSTALL)}), or let {VARIABLE} name one"


@cache
def chromium(lock: Path) -> str:
    """Path of a Chromium; skips the test where there is none and we cannot install one.

    `lock`: a file that only one worker at a time may hold, for apt-get does not wait for another.
    """
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        path = found() or _install()
    if path is None:
        pytest.skip(f"no Chromium here: {ADVICE}")
    return path


def arguments() -> list[str]:
    """Of its command line: root may not have a sandbox."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def found() -> str | None:
    """Path of a Chromium that is here already."""
    if named := os.environ.get(VARIABLE):
        return named
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    said: list[str] = []
    # the lists of packages may be missing or old: a second time with new ones
    for command in (INSTALL, ("apt-get", "update"), INSTALL):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, check=False, timeout=240,
        )  # fmt: skip
        said.append(done.stdout)
        if path := found():
            return path
    return pytest.skip(f"Chromium could not be installed: {ADVICE}. {' '.join(INSTALL)} said: {''.join(said)[-1000:]}")

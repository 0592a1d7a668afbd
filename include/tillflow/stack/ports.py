"""Free TCP ports on 127.0.0.1, remembered per stack so that a bookmark survives a restart.

Between choosing a port and listening on it lie the seconds in which a server starts. Two stacks that start together
would choose the same one, so a process keeps what it has chosen: a lock per port, until it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Final

from tillflow.stack.errors import StackError
from tillflow.stack.files import write_atomically

HOST = "127.0.0.1"
REMEMBERED = "stack.json"
FIRST_CHOICE = {"web": 8080}
"""Ports people expect; everything else takes any free one."""
_kept: Final[dict[int, IO[bytes]]] = {}
"""What this process has chosen: port -> its locked file. Closed, and so free again, when the process ends."""


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # what servers do: ports in TIME_WAIT count as free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port nobody listens on; somebody may take it before you do, so be ready to ask again."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def keep(port: int) -> bool:
    """Whether `port` is ours from now on: no other process of ours has chosen it and may be about to listen."""
    if port in _kept:
        return True
    folder = Path(gettempdir()) / f"tillflow-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = (folder / str(port)).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _kept[port] = lock
    return True


def kept_free_port() -> int:
    """A free port that no other process of ours will choose."""
    while not keep(port := free_port()):
        pass
    return port


def remembered_ports(home: Path) -> dict[str, int]:
    """The ports this stack used last time; empty when it never ran or the file is damaged."""
    try:
        ports = json.loads((home / REMEMBERED).read_text())["ports"]
        return {str(name): int(port) for name, port in ports.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def choose_ports(home: Path, names: tuple[str, ...], wanted: Mapping[str, int]) -> dict[str, int]:
    """A free port per name: the wanted one or an error, else last time's, else any; kept and remembered."""
    last = remembered_ports(home)
    chosen: dict[str, int] = {}

    def take(port: int | None) -> bool:
        return port is not None and port not in chosen.values() and is_free(port) and keep(port)

    for name in names:
        if name in wanted:
            if not take(wanted[name]):
                raise StackError(f"port {wanted[name]} is taken; choose another with --port")
            chosen[name] = wanted[name]
            continue
        port = next(filter(take, (last.get(name), FIRST_CHOICE.get(name))), None)
        while port is None:
            port = next(filter(take, [free_port()]), None)
        chosen[name] = port
    write_atomically(home / REMEMBERED, json.dumps({"ports": chosen}, indent=2) + "\n")
    return chosen

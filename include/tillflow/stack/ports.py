"""Free TCP ports on 127.0.0.1, remembered per stack so that a bookmark survives a restart."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from tillflow.stack.errors import StackError
from tillflow.stack.files import write_atomically

HOST = "127.0.0.1"
REMEMBERED = "stack.json"
FIRST_CHOICE = {"web": 8080}
"""Ports people expect; everything else takes any free one."""


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


def remembered_ports(home: Path) -> dict[str, int]:
    """The ports this stack used last time; empty when it never ran or the file is damaged."""
    try:
        ports = json.loads((home / REMEMBERED).read_text())["ports"]
        return {str(name): int(port) for name, port in ports.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def choose_ports(home: Path, names: tuple[str, ...], wanted: Mapping[str, int]) -> dict[str, int]:
    """A free port per name: the wanted one or an error, else last time's, else any; remembered."""
    last = remembered_ports(home)
    chosen: dict[str, int] = {}
    for name in names:
        if name in wanted:
            if not is_free(wanted[name]):
                raise StackError(f"port {wanted[name]} is taken; choose another with --port")
            chosen[name] = wanted[name]
            continue
        candidates = [last.get(name), FIRST_CHOICE.get(name)]
        chosen[name] = next(
            (port for port in candidates if port and port not in chosen.values() and is_free(port)),
            0,
        )
        while not chosen[name]:
            port = free_port()
            chosen[name] = 0 if port in chosen.values() else port
    write_atomically(home / REMEMBERED, json.dumps({"ports": chosen}, indent=2) + "\n")
    return chosen

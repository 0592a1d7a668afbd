from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tillflow.stack.errors import StackError
from tillflow.stack.ports import choose_ports, free_port, is_free, keep, remembered_ports

NAMES = ("web", "postgres")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_listening_port_is_not_free(taken: int) -> None:
    assert not is_free(taken)
    assert is_free(free_port())


def test_ports_survive_a_restart(tmp_path: Path) -> None:
    first = choose_ports(tmp_path, NAMES, {"web": free_port()})
    assert choose_ports(tmp_path, NAMES, {}) == first == remembered_ports(tmp_path)


def test_a_remembered_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path, taken: int) -> None:
    (tmp_path / "stack.json").write_text(f'{{"ports": {{"postgres": {taken}}}}}')
    chosen = choose_ports(tmp_path, NAMES, {"web": free_port()})
    assert chosen["postgres"] != taken
    assert is_free(chosen["postgres"])


def test_a_wanted_port_that_is_taken_is_an_error(tmp_path: Path, taken: int) -> None:
    with pytest.raises(StackError, match=f"port {taken} is taken"):
        choose_ports(tmp_path, NAMES, {"web": taken})


@pytest.fixture
def chosen_elsewhere() -> Iterator[int]:
    """A port another process has chosen, on which its server does not listen yet."""
    port = free_port()
    code = f"from tillflow.stack.ports import keep; assert keep({port}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        yield port
        other.kill()


def test_two_stacks_that_start_together_choose_different_ports(tmp_path: Path, chosen_elsewhere: int) -> None:
    (tmp_path / "stack.json").write_text(f'{{"ports": {{"web": {chosen_elsewhere}}}}}')
    assert is_free(chosen_elsewhere)
    assert choose_ports(tmp_path, NAMES, {})["web"] != chosen_elsewhere
    with pytest.raises(StackError, match="is taken"):
        choose_ports(tmp_path, NAMES, {"web": chosen_elsewhere})


def test_a_port_is_free_again_when_its_process_was_killed(chosen_elsewhere: int) -> None:
    assert not keep(chosen_elsewhere)
    subprocess.run(["pkill", "-9", "-f", f"keep\\({chosen_elsewhere}\\)"], check=True)
    assert keep_soon(chosen_elsewhere)


def keep_soon(port: int) -> bool:
    until = time.monotonic() + 5
    while not keep(port) and time.monotonic() < until:
        time.sleep(0.02)
    return keep(port)


def test_two_names_never_share_a_port(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "stack.json").write_text(f'{{"ports": {{"web": {port}, "postgres": {port}}}}}')
    chosen = choose_ports(tmp_path, NAMES, {})
    assert len(set(chosen.values())) == 2


@pytest.mark.parametrize("content", ["", "[]", "{", '{"ports": 1}', '{"ports": {"web": "x"}}'])
def test_a_damaged_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)
    assert remembered_ports(tmp_path) == {}
    assert set(choose_ports(tmp_path, NAMES, {})) == set(NAMES)

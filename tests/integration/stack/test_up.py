"""The real stack, once: up, status, down, and what is said when something is in the way."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.small_disks import small_disk
from tillflow.stack.components import base_environment
from tillflow.stack.errors import StackError, one_line
from tillflow.stack.processes import marked
from tillflow.stack.running import stop_stack
from tillflow.stack.supervisor import MARK


def tillflow(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = base_environment({"TILLFLOW_HOME": str(home)})
    for name in ("TILLFLOW_DATABASE_URL", "TILLFLOW_STORAGE"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-P", "-m", "tillflow", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def status_of(home: Path) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(tillflow(home, "status", "--json").stdout)
    return status


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "a home"
    yield home
    stop_stack(home)
    assert not marked(MARK, str(home))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.slow
def test_up_status_and_down(home: Path) -> None:
    up = tillflow(home, "up")
    assert up.returncode == 0, up.stderr
    status = status_of(home)
    assert status["running"]
    assert status["url"] in up.stdout
    assert {process["name"] for process in status["processes"] if process["healthy"]} >= {
        "postgres",
        "mail-sink",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
    }
    assert all(process["healthy"] for process in status["processes"])
    assert set(status["users"]) == {"admin", "uploader", "lottery_admin", "provider", "customer_user", "auditor"}
    signed_in(status["url"], "auditor", status["users"]["auditor"])
    with psycopg.connect(status["database"]) as connection:
        connection.execute("select from portal.customer")

    again = tillflow(home, "up")
    assert again.returncode == 0
    assert again.stdout.startswith("already running")

    down = tillflow(home, "down")
    assert down.returncode == 0
    assert not marked(MARK, str(home))
    assert tillflow(home, "down").stdout == "nothing was running\n"
    assert status_of(home)["running"] is False


def signed_in(url: str, user: str, password: str) -> None:
    body = json.dumps({"username": user, "password": password}).encode()
    request = urllib.request.Request(f"{url}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["access_token"]


def test_a_taken_port_is_one_line_and_starts_nothing(home: Path, taken: int) -> None:
    result = tillflow(home, "up", "--port", str(taken))
    assert result.returncode == 1
    assert result.stderr.splitlines() == [f"tillflow: port {taken} is taken; choose another with --port"]
    assert not (home / "postgres").exists()


def test_a_home_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        result = tillflow(home, "up")
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1


def test_a_wrong_setting_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLFLOW_ZONE", "Nowhere")
    result = tillflow(home, "up")
    assert result.returncode == 1
    assert result.stderr.startswith("tillflow: TILLFLOW_ZONE is 'Nowhere'; allowed: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "the disk is full (/x/y)"),
        (StackError("postgres stopped: could not write: No space left on device (log: /x)"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "cannot write to /x"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/x/y"), "cannot write to /x/y"),
        (StackError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_every_problem_is_one_line(error: Exception, said: str) -> None:
    assert one_line(error).startswith(said)
    assert "\n" not in one_line(error)


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=30) as disk:
        result = tillflow(disk / "home", "up")
        assert result.returncode == 1
        (line,) = [line for line in result.stderr.splitlines() if not line.startswith("  ")]
        assert "the disk is full" in line
        assert not marked(MARK, str(disk / "home"))

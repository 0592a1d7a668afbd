"""Task processes that can be killed, and an installation for each of them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.faults.books import books, files
from tests.faults.payment_matrix import Matrix
from tests.faults.task_process import settings_for
from tests.gateways import SandboxServer, running_sandbox
from tests.importing import CHANNEL, PIN_SECRET
from tests.strategies import PORTAL
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, connect
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.settings import REPOSITORY
from tillflow.stack.postgres import PostgresServer, binaries

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def mould(postgres: PostgresServer, migrated: str) -> str:
    """The name of a database with portal data."""
    url = copy_database(postgres, migrated, "faults_mould")
    with connect(url, role=APP_ROLE) as conn:
        then = datetime(2026, 1, 1, tzinfo=UTC)
        load_portal_data(conn, PORTAL.files(), actor="test", now=then, pin_secret=PIN_SECRET)
    return "faults_mould"


def copy_database(postgres: PostgresServer, mould: str, name: str) -> str:
    copied = "create database {} template {} owner tillflow_migrator"
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL(copied).format(sql.Identifier(name), sql.Identifier(mould)))
        admin.execute(sql.SQL("grant temporary on database {} to tillflow_app").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(postgres.url("tillflow"))._replace(path=f"/{name}"))


def stop_at_once(server: PostgresServer) -> None:
    """As a power cut: no session ends, nothing is written."""
    stop = [str(binaries() / "pg_ctl"), "-w", "-m", "immediate", "-D", str(server.data), "stop"]
    subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd="/", **server.user.popen_arguments())


@dataclass
class TaskProcesses:
    """The worker that forks them."""

    worker: subprocess.Popen[str]

    def run(self, **job: object) -> int:
        """The exit code of one task process; negative when it was killed."""
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        self.worker.stdin.write(json.dumps(job) + "\n")
        self.worker.stdin.flush()
        return int(self.worker.stdout.readline())


@pytest.fixture(scope="session")
def tasks() -> Iterator[TaskProcesses]:
    command = [sys.executable, "-m", "tests.faults.task_process"]
    environment = {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, text=True, **pipes) as worker:  # type: ignore[call-overload]
        yield TaskProcesses(worker)
        worker.stdin.close()


@dataclass
class Installation:
    """A database with portal data, and a storage."""

    url: str
    home: Path

    def drop(self, kind: Kind, name: str, content: bytes) -> None:
        folder = Path(settings_for(str(self.home)).storage) / "inbox" / kind.value
        folder = folder / CHANNEL if kind is Kind.OFFLINE_SALES else folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    def state(self) -> tuple[dict[str, list[str]], list[str]]:
        """Everything in the books and in the storage."""
        with connect(self.url, role=APP_ROLE) as conn:
            return books(conn), files(Path(settings_for(str(self.home)).storage))


@pytest.fixture(scope="session")
def install(
    postgres: PostgresServer, mould: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Installation]:
    def make() -> Installation:
        number = next(_numbers)
        url = copy_database(postgres, mould, f"faults_{number}")
        return Installation(url, tmp_path_factory.mktemp(f"home{number}"))

    return make


@pytest.fixture(scope="session")
def payment_workers() -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tests.faults.payment_worker"]
    environment = {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
    given = {"cwd": REPOSITORY, "env": environment, "text": True, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **given) as one, subprocess.Popen(command, **given) as other:  # type: ignore[call-overload]
        yield one, other
        one.stdin.close()
        other.stdin.close()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with running_sandbox(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def matrix(
    database: str,
    sandbox_process: SandboxServer,
    payment_workers: tuple[subprocess.Popen[str], subprocess.Popen[str]],
    tmp_path: Path,
) -> Iterator[Matrix]:
    yield Matrix(database, sandbox_process, payment_workers, tmp_path)
    sandbox_process.reset()

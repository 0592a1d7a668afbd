"""A real PostgreSQL for every test that asks: one server per session, one database like new per test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tillflow.db import migrate
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.stack.postgres import PostgresServer, running_postgres
from tillflow.stack.run_tests import TEMPORARY_ROOT


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remove the temporary folder that `./tillflow test` made for this session, unless something failed."""
    if hasattr(session.config, "workerinput"):
        return  # one of several workers: the others may still need it
    root = Path(os.environ.get(TEMPORARY_ROOT, ""))
    if exitstatus == 0 and root.name.startswith("tillflow-test-"):
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server of this session; nothing in it has to survive, so it need not wait for the disk."""
    with running_postgres(tmp_path_factory.mktemp("stack"), fsync="off", synchronous_commit="off") as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """The name of a database that has every migration: the mould of the others."""
    migrate.apply(postgres.url("tillflow"))
    return "tillflow"


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer, migrated: str) -> Databases:
    """The databases that have every migration and nothing else."""
    return Databases(postgres, migrated)


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """URL of a migrated database in which nothing is, as its owner."""
    with databases.one() as url:
        yield url


@pytest.fixture
def conn(database: str) -> Iterator[Connection]:
    """A connection to the fresh database, acting as the application does."""
    with connect(database, role=APP_ROLE) as connection:
        yield connection

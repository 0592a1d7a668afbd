"""A real PostgreSQL for every test that asks: one server per session, one fresh database per test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tillflow.db import migrate
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.stack.postgres import PostgresServer, running_postgres
from tillflow.stack.run_tests import TEMPORARY_ROOT

_numbers = itertools.count(1)


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


@pytest.fixture
def database(postgres: PostgresServer, migrated: str) -> Iterator[str]:
    """URL of a fresh, migrated database, as its owner; dropped afterwards."""
    name = f"test_{next(_numbers)}"
    owner = postgres.url("tillflow")
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner tillflow_migrator").format(
                sql.Identifier(name), sql.Identifier(migrated)
            )
        )
        admin.execute(sql.SQL("grant temporary on database {} to tillflow_app").format(sql.Identifier(name)))
    yield urlunsplit(urlsplit(owner)._replace(path=f"/{name}"))
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def conn(database: str) -> Iterator[Connection]:
    """A connection to the fresh database, acting as the application does."""
    with connect(database, role=APP_ROLE) as connection:
        yield connection

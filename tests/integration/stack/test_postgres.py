from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from tillflow.stack.errors import StackError
from tillflow.stack.postgres import PostgresServer, running_postgres

FAST = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        tmp_path_factory.mktemp("home") / "with blanks and a name much longer than a socket's path may be" / ("x" * 60)
    )


def test_data_survives_a_restart_and_nothing_runs_afterwards(home: Path) -> None:
    with running_postgres(home, **FAST) as server:
        with psycopg.connect(server.url("tillflow")) as connection:
            connection.execute("create table kept as select 1 as one")
        pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    assert not server.is_running
    assert not Path(f"/proc/{pid}").exists()
    with running_postgres(home, **FAST) as again, psycopg.connect(again.url("tillflow")) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_starting_a_running_server_is_harmless(home: Path) -> None:
    with running_postgres(home, **FAST) as server:
        same = PostgresServer(home, settings=FAST)
        same.start()
        assert same.port == server.port


def test_stopping_twice_is_harmless(home: Path) -> None:
    server = PostgresServer(home)
    server.stop()
    server.stop()


def test_other_users_of_the_machine_cannot_get_in(home: Path) -> None:
    with running_postgres(home, **FAST) as server:
        for url in (
            f"postgresql://postgres@127.0.0.1:{server.port}/postgres",
            f"postgresql://postgres:wrong@127.0.0.1:{server.port}/postgres",
            f"postgresql://airflow:{server.password('airflow')}@127.0.0.1:{server.port}/tillflow",
        ):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
        assert (server.home / "secrets").stat().st_mode & 0o077 == 0
        for secret in (server.home / "secrets").iterdir():
            assert secret.stat().st_mode & 0o077 == 0
        assert server.data.stat().st_mode & 0o077 == 0


def test_the_server_is_set_up_as_promised(home: Path) -> None:
    with running_postgres(home) as server, psycopg.connect(server.superuser_url) as connection:
        asked = "select name, setting from pg_settings where name = any(%s)"
        names = ["fsync", "jit", "TimeZone", "listen_addresses", "unix_socket_directories"]
        assert dict(connection.execute(asked, [names]).fetchall()) == {
            "fsync": "on",
            "jit": "off",
            "TimeZone": "UTC",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }


def test_the_application_owns_nothing_and_may_use_temporary_tables(home: Path) -> None:
    from tillflow.db import migrate

    with running_postgres(home, **FAST) as server:
        migrate.apply(server.url("tillflow"))
        server.ensure_application_login()
        server.ensure_application_login()
        with psycopg.connect(server.application_url, autocommit=True) as connection:
            connection.execute("create temporary table scratch (n int)")
            for forbidden in ("drop table portal.customer", "create schema mine", "create role other"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(forbidden)


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    server = PostgresServer(home, settings={"shared_buffers": "much"})
    with pytest.raises(StackError, match="shared_buffers"):
        server.start()
    assert not server.is_running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a stand-in")
def test_root_opens_the_way_and_not_the_folders(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with running_postgres(closed / "home", **FAST):
        assert closed.stat().st_mode & 0o777 == 0o701

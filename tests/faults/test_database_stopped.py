"""The database server is stopped at once in mid-run, with everything its disk did not have; and books that lie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from tests.faults.books import books
from tests.faults.conftest import stop_at_once
from tests.faults.task_process import POINTS, quick_gate, run_import, settings_for
from tests.importing import PIN_SECRET
from tests.strategies import PORTAL
from tillflow import imports
from tillflow.codes import Kind
from tillflow.db import bulk, migrate
from tillflow.db.connection import APP_ROLE, Connection, answering, connect
from tillflow.errors import BrokenBalanceError, UnavailableError
from tillflow.intake import booking
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.generate import sync_dump
from tillflow.stack.postgres import PostgresServer, running_postgres

DUMP = sync_dump(PORTAL, 4, 80, bad_share=0.5).content()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server of its own that waits for the disk, with portal data."""
    with running_postgres(tmp_path_factory.mktemp("own"), fsync="on", shared_buffers="32MB") as server:
        migrate.apply(server.url("tillflow"))
        with connect(server.url("tillflow"), role=APP_ROLE) as conn:
            then = datetime(2026, 1, 1, tzinfo=UTC)
            load_portal_data(conn, PORTAL.files(), actor="test", now=then, pin_secret=PIN_SECRET)
        _checkpoint(server)
        yield server


def _checkpoint(server: PostgresServer) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute("checkpoint")


@pytest.fixture
def url(server: PostgresServer, request: pytest.FixtureRequest) -> str:
    """A copy of the database with portal data."""
    name = f"stopped_{abs(hash(request.node.name))}"
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute(f"create database {name} template tillflow owner tillflow_migrator")  # type: ignore[arg-type]
        admin.execute(f"grant temporary on database {name} to tillflow_app")  # type: ignore[arg-type]
    # A copied sequence has not logged its numbers ahead: after a crash it would give them out again.
    _checkpoint(server)
    return server.url("tillflow").removesuffix("tillflow") + name


def _drop(home: Path) -> None:
    inbox = Path(settings_for(str(home)).storage) / "inbox" / "equipment_sync"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "dump.csv").write_bytes(DUMP)


@pytest.fixture(autouse=True)
def without_great_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "run_gate", quick_gate)
    monkeypatch.setattr(imports, "utc_now", imports.utc_now)  # run_import sets it


def _call_once_at(point: str, then: object, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, when, matches = POINTS[point]
    original, calls = getattr(owner, name), iter([then])

    def wrapper(*args: object, **kwargs: object) -> object:
        hit = matches(*args, **kwargs)
        if hit and when == "before":
            next(calls, lambda: None)()  # type: ignore[operator]
        result = original(*args, **kwargs)
        if hit and when == "after":
            next(calls, lambda: None)()  # type: ignore[operator]
        return result

    monkeypatch.setattr(owner, name, wrapper)


def _books(url: str) -> dict[str, list[str]]:
    with connect(url, role=APP_ROLE) as conn:
        return books(conn)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "after the archive is put",
        "after the import is committed",
        "after the judge",
        "after the vends are copied",
        "just before the commit",
        "just after the commit",
    ],
)
def test_a_server_that_stops_in_mid_run_loses_and_doubles_nothing(
    server: PostgresServer, url: str, point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected_home, home = tmp_path / "expected", tmp_path / "home"
    _drop(home)
    with monkeypatch.context() as stopping:
        _call_once_at(point, lambda: stop_at_once(server), stopping)
        with pytest.raises(UnavailableError, match=r"nothing was booked|does not answer") as error:
            run_import(url, str(home), Kind.EQUIPMENT_SYNC)
    assert "\n" not in str(error.value)
    with pytest.raises(UnavailableError, match="the database does not answer"):
        connect(url)
    server.stop()
    server.start()
    run_import(url, str(home), Kind.EQUIPMENT_SYNC)
    found = _books(url)
    assert len(found["books.vend_sale"]) + len(found["intake.transaction"]) == 80
    _drop(expected_home)
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute("create database expected template tillflow owner tillflow_migrator")
        admin.execute("grant temporary on database expected to tillflow_app")
    expected_url = server.url("tillflow").removesuffix("tillflow") + "expected"
    run_import(expected_url, str(expected_home), Kind.EQUIPMENT_SYNC)
    assert found == _books(expected_url)
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute("drop database expected with (force)")


@pytest.mark.parametrize("table", ["books.vend_sale", "intake.transaction", "books.exception", "intake.balance"])
def test_a_batch_that_gets_lost_breaks_the_balance_and_nothing_is_committed(
    url: str, server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Rows that are not written, however it came: the database itself refuses the commit."""
    original = bulk.write

    def lossy(conn: Connection, written: str, rows: pa.RecordBatchReader, **options: object) -> int:
        if written == table:
            read = rows.read_all()
            rows = read.slice(0, read.num_rows - 1).to_reader()
        return original(conn, written, rows, **options)  # type: ignore[arg-type]

    _drop(tmp_path)
    with monkeypatch.context() as losing:
        losing.setattr(bulk, "write", lossy)
        loud = pytest.raises(
            (psycopg.DatabaseError, BrokenBalanceError),
            match=r"the balance in ... does not match its rows|exceptions were judged and \d+ written",
        )
        with loud, answering():
            run_import(url, str(tmp_path), Kind.EQUIPMENT_SYNC)
    found = _books(url)
    for empty in ("books.vend_sale", "books.exception", "intake.transaction", "intake.balance", "mail.message"):
        assert found[empty] == [], empty
    assert found["status"] == ["processing"]
    run_import(url, str(tmp_path), Kind.EQUIPMENT_SYNC)
    assert len(_books(url)["books.vend_sale"]) > 0

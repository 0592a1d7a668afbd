"""The daily run's tasks, with the database behind them and without a running Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# before the first import of Airflow, which would make ~/airflow otherwise
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parents[3] / ".tillflow" / "test-airflow"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.faults.task_process import quick_gate
from tests.importing import CHANNEL, PIN_SECRET
from tests.strategies import PORTAL
from tillflow import imports
from tillflow.airflow_edge import daily
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.errors import UnavailableError
from tillflow.intake import booking
from tillflow.samples.generate import NOW, offline_sales, sync_dump
from tillflow.samples.orders import HEADER
from tillflow.samples.sample_file import as_csv

SYNC, OFFLINE, PORTAL_DATA = Kind.EQUIPMENT_SYNC, Kind.OFFLINE_SALES, Kind.PORTAL_DATA
NOTHING: dict[str, list[str]] = {"taken": [], "refused": [], "left": [], "broken": []}


@pytest.fixture
def night(database: str, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation that daily.* finds by its environment; gives its inbox."""
    monkeypatch.setenv("TILLFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("TILLFLOW_PIN_SECRET", PIN_SECRET.decode())
    monkeypatch.setattr(booking, "run_gate", lambda *args, **kwargs: [])
    monkeypatch.setattr(imports, "utc_now", lambda: NOW)

    @contextmanager
    def connection() -> Iterator[Connection]:
        with connect(database, role=APP_ROLE) as opened:
            yield opened

    monkeypatch.setattr(daily, "tillflow_connection", connection)
    monkeypatch.setattr(daily, "get_current_context", lambda: {"dag_run": SimpleNamespace(run_id="night-1")})
    inbox = tmp_path / "storage" / "inbox"
    for folder in ("portal_data", "equipment_sync", f"offline_sales/{CHANNEL}"):
        (inbox / folder).mkdir(parents=True)
    return inbox


def fill(inbox: Path) -> None:
    (inbox / "portal_data" / "portal.zip").write_bytes(PORTAL.zipped())
    (inbox / "equipment_sync" / "a-bad.csv").write_bytes(b"no,dump\n1,2\n")
    (inbox / "equipment_sync" / "b-good.csv").write_bytes(sync_dump(PORTAL, 9, 10, bad_share=0).content())
    (inbox / "offline_sales" / CHANNEL / "orders.csv").write_bytes(offline_sales(PORTAL, 9, 5, bad_share=0).content())


def sweep() -> list[dict[str, list[str]]]:
    return [daily.sweep_inbox(kind) for kind in (PORTAL_DATA, SYNC, OFFLINE)]


def scalar(conn: Connection, query: str) -> Any:
    row = conn.execute(query).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def test_one_bad_file_stops_nobody_and_the_second_run_finds_nothing(night: Path, conn: Connection) -> None:
    fill(night)
    assert sweep() == [
        NOTHING | {"taken": ["portal.zip"]},
        NOTHING | {"taken": ["b-good.csv"], "refused": ["a-bad.csv"]},
        NOTHING | {"taken": ["orders.csv"]},
    ]
    assert scalar(conn, "select count(*) from books.vend_sale") > 0
    assert scalar(conn, "select count(*) from books.offline_sale") > 0
    assert scalar(conn, "select count(*) from mail.message") == 4
    assert not [path for path in night.rglob("*") if path.is_file()]
    before = scalar(conn, "select count(*) from books.sale")
    assert sweep() == [NOTHING] * 3
    assert scalar(conn, "select count(*) from books.sale") == before
    assert scalar(conn, "select count(*) from mail.message") == 4


def test_a_file_that_is_still_written_stays_for_the_next_run(night: Path) -> None:
    fill(night)
    daily.sweep_inbox(PORTAL_DATA)
    path = night / "equipment_sync" / "b-good.csv"
    with path.open("ab"):
        assert daily.sweep_inbox(SYNC) == NOTHING | {"refused": ["a-bad.csv"]}
    assert daily.sweep_inbox(SYNC) == NOTHING | {"taken": ["b-good.csv"]}


def test_what_an_interrupted_run_left_is_finished(
    night: Path, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(night)
    daily.sweep_inbox(PORTAL_DATA)
    (night / "equipment_sync" / "a-bad.csv").unlink()

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(imports, "book", die)
        with pytest.raises(KeyboardInterrupt):
            daily.sweep_inbox(SYNC)
    import_id = scalar(conn, "select max(id) from intake.import")
    assert scalar(conn, f"select status from intake.import_status where import_id = {import_id}") == "processing"
    assert daily.sweep_inbox(SYNC) == NOTHING | {"taken": [f"import {import_id}"]}
    assert scalar(conn, f"select status from intake.import_status where import_id = {import_id}") != "processing"


@pytest.mark.parametrize("step", ["write_validation_page", "queue_import_report"])
@pytest.mark.parametrize(
    ("kind", "name", "becomes", "has_page"),
    [
        (PORTAL_DATA, "portal.zip", "taken", False),
        (SYNC, "a-bad.csv", "refused", False),  # at the door
        (SYNC, "b-good.csv", "taken", True),
        (OFFLINE, "orders.csv", "refused", True),  # by the rules
    ],
)
def test_an_import_whose_task_died_before_anybody_was_told_is_told_of(
    night: Path, conn: Connection, monkeypatch: pytest.MonkeyPatch, kind: Kind, name: str, becomes: str,
    has_page: bool, step: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(booking, "run_gate", quick_gate)
    fill(night)
    sample = offline_sales(PORTAL, 9, 5, bad_share=0)
    refused = as_csv(HEADER, [*sample.rows, sample.rows[0] | {"ORDER_ID": "12A"}])
    (night / "offline_sales" / CHANNEL / "orders.csv").write_bytes(refused)
    if kind is not PORTAL_DATA:
        daily.sweep_inbox(PORTAL_DATA)
    for path in night.rglob("*.*"):
        if path.name != name:
            path.unlink()

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, suppress(KeyboardInterrupt):  # what has no page does not die of it
        dying.setattr(imports, step, die)
        daily.sweep_inbox(kind)
    import_id = scalar(conn, "select max(id) from intake.import")
    died = scalar(conn, f"select count(*) from mail.message where topic = 'import:{import_id}'") == 0
    assert died == (has_page or step == "queue_import_report")
    assert daily.sweep_inbox(kind) == (NOTHING | {becomes: [f"import {import_id}"]} if died else NOTHING)
    assert scalar(conn, f"select count(*) from mail.message where topic = 'import:{import_id}'") == 1
    assert (night.parent / "validation" / f"{import_id}.html").exists() == has_page
    assert daily.sweep_inbox(kind) == NOTHING


def test_an_import_that_has_just_been_booked_is_left_to_who_booked_it(
    night: Path, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    del night
    monkeypatch.setattr(daily, "utc_now", lambda: NOW)
    conn.execute(
        "insert into intake.import (kind, file_name, uploader, source, source_version, sha256, size_bytes,"
        " received_at, booked_at, archive_path)"
        " values ('equipment_sync', 'dump.csv', 'ann', 'test', '1', repeat('a', 64), 1, %s, %s, 'x')",
        [NOW - timedelta(hours=1), NOW - timedelta(minutes=14)],
    )
    assert daily.sweep_inbox(SYNC) == NOTHING
    monkeypatch.setattr(daily, "utc_now", lambda: NOW + timedelta(minutes=2))
    assert daily.sweep_inbox(SYNC) == NOTHING | {"taken": ["import 1"]}


def test_a_defect_that_one_file_brings_to_light_keeps_no_other_out_and_ends_the_run_red(
    night: Path, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(night)
    daily.sweep_inbox(PORTAL_DATA)
    original = imports.take_in

    def broken(door: Any, delivery: Any) -> Any:
        if delivery.file_name == "a-bad.csv":
            raise ZeroDivisionError
        return original(door, delivery)

    monkeypatch.setattr(imports, "take_in", broken)
    swept = daily.sweep_inbox(SYNC)
    assert swept == NOTHING | {"taken": ["b-good.csv"], "broken": ["a-bad.csv"]}
    assert (night / "equipment_sync" / "a-bad.csv").exists()
    with pytest.raises(AirflowFailException, match=r"not processed, see the log: a-bad\.csv"):
        daily.report_day(None, [swept])
    assert scalar(conn, "select count(*) from mail.message where topic like 'daily_report%'") == 1


def test_a_database_that_goes_away_ends_the_task(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(night)

    @contextmanager
    def nowhere() -> Iterator[Connection]:
        yield connect("postgresql://nobody@127.0.0.1:1/nothing")

    monkeypatch.setattr(daily, "tillflow_connection", nowhere)
    with pytest.raises(UnavailableError, match="the database does not answer"):
        daily.sweep_inbox(SYNC)
    assert len([path for path in night.rglob("*") if path.is_file()]) == 4


def test_the_report_of_a_run_is_queued_once(night: Path, conn: Connection) -> None:
    del night
    for _ in range(2):
        daily.report_day("2026-07-01", [NOTHING])
    subjects = conn.execute("select subject from mail.message").fetchall()
    assert len(subjects) == 1
    assert subjects[0][0].startswith("Tillflow daily report 2026-07-01")

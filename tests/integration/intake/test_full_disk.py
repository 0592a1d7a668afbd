"""A disk without a byte left: one clear line, nothing half done, and the work goes on where there is room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.task_process import quick_gate
from tests.importing import Importer
from tests.small_disks import filled, small_disk
from tests.strategies import PORTAL
from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.errors import UnavailableError
from tillflow.intake import booking
from tillflow.samples.generate import NOW, sync_dump

from .conftest import Inbox

SYNC = Kind.EQUIPMENT_SYNC


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=8) as mounted:
        yield mounted


@pytest.fixture
def inbox(books_url: str, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """Everything but the database lies on the small disk; a dump waits."""
    monkeypatch.setattr(booking, "run_gate", quick_gate)
    with connect(books_url, role=APP_ROLE) as conn:
        found = Inbox(Importer(conn, disk, now=NOW))
        found.drop(SYNC, sync_dump(PORTAL, 8, 2000).content())
        yield found


def files(disk: Path) -> set[str]:
    return {path.name for path in disk.rglob("*") if path.is_file()}


def count(conn: Connection, table: str) -> int:
    (found,) = conn.execute(f"select count(*) from {table}").fetchone()  # type: ignore[misc,arg-type]
    return int(found)


def test_a_file_that_cannot_be_archived_stays_in_the_inbox(inbox: Inbox, disk: Path) -> None:
    with filled(disk):
        with pytest.raises(UnavailableError, match=r"the storage does not work: .*; nothing was booked") as error:
            inbox.take(SYNC)
        assert "\n" not in str(error.value)
    assert files(disk) == {"given.csv"}
    assert count(inbox.conn, "intake.import") == 0
    assert inbox.take(SYNC).rows == 2000


def test_a_booked_import_whose_page_cannot_be_written_has_page_and_mail_afterwards(inbox: Inbox, disk: Path) -> None:
    it = inbox.importer
    import_id = inbox.take(SYNC).import_id
    with filled(disk), pytest.raises(UnavailableError, match="the storage does not work: No space left on device"):
        imports.finish(it.conn, SYNC, import_id, it.settings)
    assert count(it.conn, "books.vend_sale") > 0
    assert count(it.conn, "mail.message") == 0  # it would name a page that is not there
    imports.finish(it.conn, SYNC, import_id, it.settings)
    assert count(it.conn, "mail.message") == 1
    assert f"{import_id}.html" in files(disk)

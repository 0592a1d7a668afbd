"""What somebody changes behind the books' back is found by the nightly proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.importing import PIN_SECRET, Importer
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, connect
from tillflow.errors import BrokenBalanceError
from tillflow.intake.verify import verify_books
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.generate import NOW, portal, sync_dump

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def importer(database: str, tmp_path: Path) -> Iterator[Importer]:
    sample = portal(seed=3)
    with connect(database, role=APP_ROLE) as conn:
        load_portal_data(conn, sample.files(), actor="test", now=LONG_AGO, pin_secret=PIN_SECRET)
        made = Importer(conn, tmp_path, now=NOW)
        made.take(Kind.EQUIPMENT_SYNC, sync_dump(sample, 3, 60).content())
        yield made


def test_books_nobody_touched_are_proven(importer: Importer) -> None:
    assert verify_books(importer.conn, LONG_AGO) == 1
    assert verify_books(importer.conn, datetime(2100, 1, 1, tzinfo=UTC)) == 0


def test_a_sale_that_was_removed_is_missed(importer: Importer, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("delete from books.vend_sale where row_no = (select min(row_no) from books.vend_sale)")
    with pytest.raises(BrokenBalanceError, match="does not match its rows"):
        verify_books(importer.conn, LONG_AGO)


def test_a_sale_that_points_nowhere_is_found(importer: Importer, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "update books.vend_sale set place_id = -1 where row_no = (select min(row_no) from books.vend_sale)"
        )
    with pytest.raises(BrokenBalanceError, match="1 sales point at"):
        verify_books(importer.conn, LONG_AGO)

"""A call centre: its portal data, files of orders, and the people who work on the rows that wait."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.importing import PIN_SECRET, Importer
from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.import_rows import ImportedRow
from tillflow.intake import booking
from tillflow.intake.booking import Booked
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.row_desk import RowDesk
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"
NOW = datetime(2026, 6, 20, 2, tzinfo=UTC)
ORDERS = (SAMPLES / "offline_sales" / "call-centre-orders.csv").read_text(encoding="utf-8")
COLUMNS = tuple(ORDERS.splitlines()[0].split(","))
ORDER = {
    "ORDER_ID": "9001", "LOTTERY": "coast-house", "DRAW_NO": "101", "FIRST_NAME": "Ada", "LAST_NAME": "Nguyen",
    "EMAIL": "ada@example.com", "PRODUCT": "TICKET-1", "QUANTITY": "1", "AMOUNT": "5.00", "PAYMENT_TYPE": "CASH",
    "SALE_DATE": "2026-06-09",
}  # fmt: skip


@dataclass
class CallCentre:
    """`lottery_admin` resolves its channels' rows, `uploader` only uploads; the clock stands still."""

    conn: Connection
    importer: Importer
    now: datetime = field(default=NOW)

    def desk(self, person: str = "lottery_admin", conn: Connection | None = None) -> RowDesk:
        return RowDesk(conn or self.conn, person, self.now, self.importer.settings)

    def take(self, *orders: dict[str, str], **changed: Any) -> Booked:
        """Import orders, each like ORDER but for what it says."""
        names = [*COLUMNS, *{name: None for order in orders for name in order if name not in COLUMNS}]
        text = io.StringIO()
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(ORDER | order for order in orders)
        return self.upload(text.getvalue().encode(), **changed)

    def upload(self, content: bytes, name: str = "orders.csv", **changed: Any) -> Booked:
        self.importer.now = self.now
        return self.importer.take(Kind.OFFLINE_SALES, content, name, **changed)

    def waiting(self, **fields: str) -> str:
        """The transaction of a new order that waits: its quantity is no number, unless `fields` say what is wrong."""
        booked = self.take(fields or {"QUANTITY": "two"})
        assert [row.verdict for row in self.importer.rows(booked.import_id)] == ["exception"]
        return f"{booked.import_id}-2"

    def row(self, transaction: str) -> ImportedRow:
        return self.desk().get_row(transaction)

    def balance(self, import_id: int) -> dict[str, tuple[int, ...]]:
        """Currency -> rows read, sales, exceptions, duplicates, rejected; money read, sold, waiting, rejected."""
        found = self.conn.execute(
            "select currency, read_rows, sale_rows, exception_rows, duplicate_rows, rejected_rows, read_minor,"
            " sale_minor, exception_minor, rejected_minor from intake.balance where import_id = %s order by currency",
            [import_id],
        ).fetchall()
        return {currency: tuple(rest) for currency, *rest in found}

    def history(self, transaction: str) -> list[tuple[str, str, str | None]]:
        return [(event.actor, event.action, event.reason) for event in self.row(transaction).history]

    def verify(self) -> None:
        self.conn.execute("select intake.verify_balance(id) from intake.import where booked_at is not null")

    def everything(self) -> bytes:
        """All rows of the tables that people read, for what must not be there."""
        tables = ("history.event", "books.exception", "books.reversal")
        return b"\n".join(
            str(row).encode()
            for table in tables
            for row in self.conn.execute(f"select t::text from {table} as t").fetchall()  # type: ignore[arg-type]
        )


@pytest.fixture
def centre(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CallCentre]:
    monkeypatch.setattr(booking, "gather_evidence", lambda *args, **kwargs: None)  # the gate has tests of its own
    monkeypatch.setattr(booking, "run_gate", lambda *args, **kwargs: [])
    files = {path.name: path.read_bytes() for path in (SAMPLES / "portal_data").glob("*.csv")}
    load_portal_data(conn, files, actor="t", now=NOW - timedelta(days=30), pin_secret=PIN_SECRET)
    yield (centre := CallCentre(conn, Importer(conn, tmp_path, NOW)))
    centre.verify()

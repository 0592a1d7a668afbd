"""The mails of a reconciliation: that it has started, and what came of it, with every record in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.exports.xlsx import write_xlsx
from tillflow.intake.storage import Storage
from tillflow.mail import Attachment, Mail, queue_mail
from tillflow.mail.render import render
from tillflow.money import from_minor

#: bytes; files above this are left in the storage and the mail says where
MOST_ATTACHED: Final = 7 * 1024 * 1024
HEADER: Final = (
    "EXCEPTION", "STATUS", "REASONS_LEFT", "REASONS_CLEARED", "FILE", "ROW", "EQUIPMENT", "SITE", "VENDED_AT", "ZONE",
    "SELECTION", "PRODUCT", "CURRENCY", "VALUE", "CARD", "FACILITY",
)  # fmt: skip
_XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TEMPLATES = Path(__file__).with_name("templates")
_sql = beside(__file__, "reconciliation_report.sql")


class NoSuchReconciliationError(TillflowError):
    """There is no reconciliation of that number."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One run as it is recorded; counts of records."""

    id: int
    kind: str
    customer: str | None
    equipment: str | None
    date_from: date | None
    date_to: date | None
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    state: str
    attempted: int
    reconciled: int
    failed: int

    @property
    def scope(self) -> str:
        """`users of harbour-mining`, `products of VM-17, 2026-06-01 to 2026-06-30`."""
        if self.kind == "user":
            return f"users of {self.customer}"
        return f"products of {self.equipment}, {self.date_from} to {self.date_to}"


def find_reconciliation(conn: Connection, reconciliation_id: int) -> Reconciliation:
    """The run of that number. Raises NoSuchReconciliationError."""
    found = _sql.find(conn, id=reconciliation_id)
    if found is None:
        raise NoSuchReconciliationError(f"there is no reconciliation {reconciliation_id}")
    return Reconciliation(*found)


def queue_started(conn: Connection, reconciliation_id: int, *, recipients: Sequence[str], now: datetime) -> bool:
    """Queue the mail that says that it has started; False if it was queued before."""
    run = find_reconciliation(conn, reconciliation_id)
    text, html = render(_TEMPLATES, "reconciliation_started", run=run)
    mail = Mail(tuple(recipients), f"Tillflow reconciliation {run.id} started: {run.scope}", text, html)
    return queue_mail(conn, mail, topic=f"reconciliation:{run.id}:started", now=now)


def queue_report(
    conn: Connection, reconciliation_id: int, *, recipients: Sequence[str], now: datetime, storage: Storage, temp: Path
) -> bool:
    """Queue the report, with every record as CSV and XLSX; False if it was queued before."""
    run = find_reconciliation(conn, reconciliation_id)
    topic = f"reconciliation:{run.id}:report"
    with _files(conn, run, temp) as files:
        kept = []
        if sum(file.stat().st_size for file in files) > MOST_ATTACHED:
            kept = [f"reports/{file.name}" for file in files]
            for file, key in zip(files, kept, strict=True):
                storage.put(file, key)
        attachments = (
            ()
            if kept
            else tuple(
                Attachment(file.name, _XLSX_TYPE if file.suffix == ".xlsx" else "text/csv", file.read_bytes())
                for file in files
            )
        )
    reasons = list(_sql.left_by_reason(conn, id=run.id))
    text, html = render(_TEMPLATES, "reconciliation_report", run=run, reasons=reasons, kept=kept)
    outcome = f"{run.reconciled} of {run.attempted} reconciled, {run.failed} failed"
    subject = f"Tillflow reconciliation {run.id}: {outcome}: {run.scope}"
    return queue_mail(conn, Mail(tuple(recipients), subject, text, html, attachments), topic=topic, now=now)


def records(conn: Connection, reconciliation_id: int) -> Iterator[Sequence[Cell]]:
    """Every record as a row under HEADER, from a cursor of the server: however many there are."""
    with conn.transaction(), conn.cursor("reconciliation_records") as cursor:
        cursor.execute(_sql.records.sql, {"id": reconciliation_id})
        for row in cursor:
            *before, currency, minor, card, facility = row
            yield (*before, currency, Decimal(from_minor(minor, currency)), card, facility)


@contextmanager
def _files(conn: Connection, run: Reconciliation, temp: Path) -> Iterator[list[Path]]:
    temp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reconciliation-", dir=temp) as folder:
        csv, xlsx = (Path(folder) / f"reconciliation-{run.id}.{kind}" for kind in ("csv", "xlsx"))
        with csv.open("wb") as file:
            file.writelines(csv_chunks(records(conn, run.id), HEADER))
        write_xlsx(xlsx, HEADER, records(conn, run.id), f"Reconciliation {run.id}")
        yield [csv, xlsx]

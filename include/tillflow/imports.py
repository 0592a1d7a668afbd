"""Every kind of file through one door: where the kinds, their judges and their reports meet.

The DAGs, the command line and the pages call this; the domains do not know each other.
"""

from __future__ import annotations

import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from psycopg import IsolationLevel

from tillflow.clock import utc_now
from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.equipment_sync.judge import JUDGE
from tillflow.errors import FileRefusedError
from tillflow.intake.booking import Booked, book_import
from tillflow.intake.judge import Judge
from tillflow.intake.receive import Delivery, Door, Received, receive
from tillflow.intake.storage import Storage
from tillflow.intake.validation_page import write_validation_page
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.offline_sales.judge import make_judge
from tillflow.portal.grants import may_import
from tillflow.portal.import_portal_data import import_portal_data
from tillflow.reporting.import_report import queue_import_report
from tillflow.settings import Settings

#: file errors listed in a text; the mail and `.errors.csv` have the others
_LISTED: Final = 20
_SQL: Final = beside(__file__, "imports.sql")


def judge_of(kind: Kind, settings: Settings) -> Judge:
    """The judge of a kind of sales."""
    return JUDGE if kind is Kind.EQUIPMENT_SYNC else make_judge(settings.default_country)


def door_to(conn: Connection, settings: Settings, storage: Storage | None = None) -> Door:
    """The door as it stands now, with Tillflow's own grants."""
    return Door(conn, storage or Storage(settings.storage), settings, utc_now(), partial(may_import, conn))


def take_in(door: Door, delivery: Delivery) -> Received:
    """Put a delivery of any kind through the door. Raises FileRefusedError, UnavailableError."""
    if delivery.kind is Kind.PORTAL_DATA:
        return import_portal_data(door, delivery)
    return receive(door, delivery, judge_of(delivery.kind, door.settings).layout)


def book(conn: Connection, kind: Kind, import_id: int, settings: Settings) -> Booked:
    """Book an import that was taken in, give the products of its cash sales, queue the mail, write its page.

    Raises FileRefusedError, when mail and page tell of the refusal, and UnavailableError. What was
    committed stays committed then; a second call finds it and does what is left.
    """
    storage = Storage(settings.storage)
    try:
        booked = _book(conn, kind, import_id, settings, storage)
    except FileRefusedError:
        _tell(conn, import_id, settings, storage)
        raise
    if kind is Kind.OFFLINE_SALES:  # what was paid at the stall needs no gateway
        attribute_paid(conn, now=utc_now(), actor="import", import_id=import_id)
    _tell(conn, import_id, settings, storage)
    return booked


def report(conn: Connection, import_id: int, settings: Settings) -> None:
    """Queue the mail about an import, once."""
    queue_import_report(
        conn,
        import_id,
        zone=settings.zone,
        recipients=settings.report_recipients,
        now=utc_now(),
        storage=settings.storage,
    )


def preview(conn: Connection, delivery: Delivery, settings: Settings) -> Booked:
    """What taking the file in and booking it would do, by the same code; nothing is kept.

    Raises FileRefusedError with all errors of a file that would be refused.
    """
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with (
            tempfile.TemporaryDirectory(prefix="preview-", dir=settings.temp_dir) as folder,
            conn.transaction(force_rollback=True),
        ):
            storage = Storage(str(Path(folder)))
            received = take_in(door_to(conn, settings, storage), delivery)
            if delivery.kind is Kind.PORTAL_DATA:
                return Booked(received.import_id, was_booked_before=False, balance=(), seconds={})
            booked = _book(conn, delivery.kind, received.import_id, settings, storage)
            _SQL.check_constraints_now(conn)
            return booked
    finally:
        conn.isolation_level = None


def unfinished(conn: Connection, kind: Kind, *, before: datetime) -> list[int]:
    """Imports of which nothing was heard since `before`, and no mail was queued: their run died."""
    return [import_id for (import_id,) in _SQL.unfinished(conn, kind=kind.value, before=before)]


def finish(conn: Connection, kind: Kind, import_id: int, settings: Settings) -> None:
    """Do what is left of an import after it was taken in: book it, and tell of it. Raises as `book`."""
    if kind is Kind.PORTAL_DATA:  # loaded as it is taken in
        report(conn, import_id, settings)
    else:
        book(conn, kind, import_id, settings)


def summary(booked: Booked) -> dict[str, Any]:
    """What may be shown anywhere of an import: numbers, no rows."""
    return {
        "import_id": booked.import_id,
        "balance": [dict(line) for line in booked.balance],
        "seconds": {step: round(seconds, 2) for step, seconds in booked.seconds.items()},
    }


def refusal_text(refused: FileRefusedError) -> str:
    """The errors of a refused file, one a line, as far as a person reads them."""
    lines = [f"{refused.file_name} was refused; nothing of it was booked."]
    for error in refused.errors[:_LISTED]:
        parts = (error.file, error.row and f"row {error.row}", error.column and f"column {error.column}")
        where = ", ".join(part for part in parts if part)
        lines.append(f"  {error.code}{f' ({where})' if where else ''}: {error.message}")
    if len(refused.errors) > _LISTED:
        lines.append(f"  and {len(refused.errors) - _LISTED} more, in the file's .errors.csv")
    return "\n".join(lines)


def _book(conn: Connection, kind: Kind, import_id: int, settings: Settings, storage: Storage) -> Booked:
    judge = judge_of(kind, settings)
    return book_import(conn, import_id, judge, storage=storage, settings=settings, clock=utc_now)


def _tell(conn: Connection, import_id: int, settings: Settings, storage: Storage) -> None:
    """The page first, which the mail names: an import whose mail is queued has all it is to have."""
    write_validation_page(conn, storage, import_id)
    report(conn, import_id, settings)

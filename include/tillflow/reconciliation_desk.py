"""Reconciliations as a person looks at them: the list, and the records of one, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.equipment_sync.exception_report import titled
from tillflow.reporting.reconciliation_report import Reconciliation

_SQL: Final = beside(__file__, "reconciliation_desk.sql")


@dataclass(frozen=True, slots=True)
class RecordLine:
    """What became of one exception. Reasons are codes with their titles; `vended_at` None where it cannot be read."""

    exception_id: int
    outcome: str
    reasons: tuple[tuple[str, str], ...]
    cleared: tuple[tuple[str, str], ...]
    file_name: str
    row_no: int
    asset_no: str | None
    site: str | None
    vended_at: datetime | None
    zone: str
    selection: str | None
    product: str | None
    currency: str
    amount_minor: int


def list_reconciliations(conn: Connection, *, limit: int, before: int | None = None) -> list[Reconciliation]:
    """At most `limit`, the latest first, those before number `before`."""
    return [Reconciliation(*row) for row in _SQL.reconciliations(conn, before=before, most=limit)]


def list_records(
    conn: Connection, reconciliation_id: int, *, outcome: str | None = None, after: int = 0, limit: int
) -> list[RecordLine]:
    """At most `limit` records behind exception `after`; `outcome`: only SUCCESS or FAILURE."""
    rows = _SQL.records(conn, id=reconciliation_id, outcome=outcome, after=after, most=limit)
    return [
        RecordLine(exception_id, ended, titled(reasons), titled(cleared), *rest)
        for exception_id, ended, reasons, cleared, *rest in rows
    ]


def request_key(conn: Connection, reconciliation_id: int) -> str | None:
    """The id of the DAG run that carries it out."""
    found: str | None = _SQL.request_key(conn, id=reconciliation_id)
    return found

"""Discard a draft: its sales are free at once, its lines stay as a record."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside

_SQL: Final = beside(__file__, "discard.sql")


def discard_locked(conn: Connection, invoice_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Discard a draft on which the caller's transaction has the lock (of its customer)."""
    _SQL.release_sales(conn, invoice_id=invoice_id)
    _SQL.close_draft(conn, invoice_id=invoice_id, actor=actor, now=now, reason=reason)

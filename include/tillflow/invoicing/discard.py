"""Discard a draft: its sales are free at once, its lines stay as a record."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.invoicing.lock import lock_invoice

_SQL: Final = beside(__file__, "discard.sql")


class AlreadyPostedError(TillflowError):
    """A posted invoice is not discarded but reversed by a credit note."""


def discard(conn: Connection, invoice_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Discard a draft; a second time does nothing. Raises UnknownInvoiceError, AlreadyPostedError."""
    with conn.transaction():
        found = lock_invoice(conn, invoice_id)
        if found.state == "posted":
            raise AlreadyPostedError(f"invoice {invoice_id} is posted as {found.number}: reverse it by a credit note")
        if found.state == "draft":
            discard_locked(conn, invoice_id, actor=actor, now=now, reason=reason.strip() or "discarded")


def discard_locked(conn: Connection, invoice_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Discard a draft on which the caller's transaction has the lock (of its customer)."""
    _SQL.release_sales(conn, invoice_id=invoice_id)
    _SQL.close_draft(conn, invoice_id=invoice_id, actor=actor, now=now, reason=reason)

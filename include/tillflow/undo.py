"""Take an import back, as far as nothing of it is paid or invoiced.

Every row is *reversed* (it counts as rejected, and its key is free again), *kept* (a person has closed it), or
*refused* (paid, being charged, invoiced, corrected by another import). An import of which nothing is refused is
undone: its file may be imported again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import errors

from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.exception_closing import checked_reason
from tillflow.intake.balance import balance_enforced
from tillflow.invoicing.lock import lock_customer

_SQL: Final = beside(__file__, "undo.sql")
#: rows of one outcome that are listed; the counts are always whole
LISTED: Final = 1_000
_ATTEMPTS: Final = 5


class NotUndoableError(TillflowError):
    """The import is not booked, undone already, or holds no sales; nothing was changed."""


@dataclass(frozen=True, slots=True)
class UndoneRow:
    """A row and why it goes or stays; `bucket`: what it counted as before."""

    row_no: int
    bucket: str
    why: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class UndoTotal:
    """How many rows go or stay for the same reason."""

    outcome: str
    why: str
    bucket: str
    currency: str
    rows: int
    minor: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of it. `rows`: outcome (reversed, kept, refused) -> its first LISTED rows."""

    is_whole: bool
    totals: tuple[UndoTotal, ...]
    rows: Mapping[str, tuple[UndoneRow, ...]]

    def count(self, outcome: str) -> int:
        """How many rows were `reversed`, `kept` or `refused`."""
        return sum(total.rows for total in self.totals if total.outcome == outcome)


def undo(conn: Connection, import_id: int, *, actor: str, now: datetime, reason: str, preview: bool = False) -> Undone:
    """Take back what may be taken back of import `import_id`; `preview` keeps nothing.

    Raises NotUndoableError, BadReasonError.
    """
    text = checked_reason(reason)
    with balance_enforced():
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with conn.transaction(force_rollback=preview):
                    undone = _undo(conn, import_id, actor, now, text)
                    _SQL.check_constraints_now(conn)
            except errors.DeadlockDetected:
                if attempt == _ATTEMPTS:
                    raise
            else:
                return undone
    raise AssertionError("unreachable")


def _undo(conn: Connection, import_id: int, actor: str, now: datetime, reason: str) -> Undone:
    kind = _lock(conn, import_id)
    _SQL.create_undoing_table(conn)
    if kind is Kind.OFFLINE_SALES:
        _SQL.decide_orders(conn, import_id=import_id)
    else:
        _SQL.decide_vends(conn, import_id=import_id)
    _SQL.decide_others(conn, import_id=import_id)
    undone = _read(conn)
    who = {"import_id": import_id, "actor": actor, "now": now}
    _SQL.cancel_payments(conn, **who, reason=reason)
    _SQL.take_back_sales(conn, **who)
    _SQL.take_back_others(conn, **who)
    _SQL.close_exceptions(conn, **who, reason=reason)
    _SQL.reopen_corrected(conn, **who, reason=reason)
    _SQL.move_balance(conn, import_id=import_id)
    if undone.is_whole:
        _SQL.mark_undone(conn, import_id=import_id, now=now)
    counts = {outcome: undone.count(outcome) for outcome in ("reversed", "kept", "refused")}
    action = "undone" if undone.is_whole else "undone in part" if counts["reversed"] else "undo refused"
    _SQL.record(conn, **who, action=action, reason=reason, after=json.dumps(counts))
    return undone


def _lock(conn: Connection, import_id: int) -> Kind:
    """Hold everything that another one could change about the import's rows, always in the same order."""
    found = _SQL.lock_import(conn, import_id=import_id)
    if found is None:
        raise NotUndoableError(f"there is no import {import_id}")
    kind, is_booked, is_undone = found
    if is_undone:
        raise NotUndoableError(f"import {import_id} is undone already")
    if not is_booked or kind == Kind.PORTAL_DATA:
        raise NotUndoableError(f"import {import_id} holds no booked sales: there is nothing to undo")
    _SQL.lock_exceptions(conn, import_id=import_id)
    _SQL.claim_streams(conn, import_id=import_id)
    _SQL.lock_payments(conn, import_id=import_id)
    for (customer,) in list(_SQL.customers_sold_to(conn, import_id=import_id)):
        lock_customer(conn, customer)
    return Kind(kind)


def _read(conn: Connection) -> Undone:
    totals = tuple(UndoTotal(*row) for row in _SQL.totals(conn))
    rows = {
        outcome: tuple(UndoneRow(*row) for row in _SQL.rows_of(conn, outcome=outcome, most=LISTED))
        for outcome in ("reversed", "kept", "refused")
    }
    return Undone(not rows["refused"], totals, rows)

"""Give a row up for good, with a reason: an order is abandoned, a vend written off.

Each is one statement, a compare-and-set with its history row. It keeps its money and its place in the balance.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake.card_numbers import holds_card_number

_SQL: Final = beside(__file__, "exception_closing.sql")
_INTO: Final = {Kind.OFFLINE_SALES: "abandoned", Kind.EQUIPMENT_SYNC: "written_off"}


class NotOpenError(TillflowError):
    """The exception is not open (any more); nothing was changed."""


class BadReasonError(TillflowError):
    """The reason is missing, or holds a card number; nothing was changed."""


def close_exception(
    conn: Connection, import_id: int, row_no: int, kind: Kind, *, actor: str, now: datetime, reason: str
) -> None:
    """Abandon an order that waits, or write off a vend that does. Raises NotOpenError, BadReasonError."""
    text = checked_reason(reason)
    given = {"import_id": import_id, "row_no": row_no}
    closed = _SQL.close_exception(conn, **given, kind=kind.value, state=_INTO[kind], actor=actor, now=now, reason=text)
    if closed != 1:
        state = _SQL.state_of(conn, **given)
        raise NotOpenError(f"{import_id}-{row_no} cannot be closed now: it is {state or 'no exception'}")


def checked_reason(reason: str) -> str:
    """The reason as it is kept for ever. Raises BadReasonError."""
    text = reason.strip()
    if not text:
        raise BadReasonError("give a reason: it is kept in the history")
    if holds_card_number(text):
        raise BadReasonError("there is a card number in the reason; take it out")
    return text[:1_000]

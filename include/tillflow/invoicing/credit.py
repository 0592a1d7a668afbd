"""Reverse a posted invoice by a credit note, whole: its sales are free for a new invoice, its number is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.invoicing.lock import lock_invoice
from tillflow.invoicing.numbering import give_number

_SQL: Final = beside(__file__, "credit.sql")
#: what was never posted, and what to do with it
_NOT_POSTED: Final = {"draft": "draft: discard it", "discarded": "discarded draft: nothing is left to do"}


class NotPostedError(TillflowError):
    """There is nothing to reverse: the invoice was never posted."""


class MissingReasonError(TillflowError):
    """A reversal needs a reason: it goes onto the credit note and into the history."""


@dataclass(frozen=True, slots=True)
class Credited:
    """The credit note; `is_new` is False where the invoice had been credited before."""

    invoice_id: int
    number: str
    is_new: bool


def credit(
    conn: Connection, invoice_id: int, *, reason: str, actor: str, now: datetime, number: str | None = None
) -> Credited:
    """Credit the invoice under `number`, or the next of the series of credit notes; a second time finds the first.

    Raises UnknownInvoiceError, NotPostedError, MissingReasonError, BadNumberError, UsedNumberError.
    """
    if not reason.strip():
        raise MissingReasonError("say why the invoice is reversed: the reason stands on the credit note")
    with conn.transaction():
        found = lock_invoice(conn, invoice_id)
        if found.credit_no is not None:
            return Credited(invoice_id, found.credit_no, is_new=False)
        if found.state in _NOT_POSTED:
            raise NotPostedError(f"invoice {invoice_id} is a {_NOT_POSTED[found.state]}")
        given = give_number(conn, invoice_id, number, is_credit_note=True)
        day = now.astimezone(ZoneInfo(found.zone)).date()
        _SQL.record_credit(
            conn, invoice_id=invoice_id, number=given, credit_date=day, reason=reason.strip(), actor=actor, now=now
        )
        _SQL.let_go(conn, invoice_id=invoice_id)
    return Credited(invoice_id, given, is_new=True)

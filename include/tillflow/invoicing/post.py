"""Post a draft: exactly its frozen sales, under one number, whole or not at all. Nothing of it changes any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.invoicing.lock import Locked, lock_invoice
from tillflow.invoicing.numbering import checked_number, give_number

_SQL: Final = beside(__file__, "post.sql")


class NotADraftError(TillflowError):
    """The invoice has been posted under another number, or was discarded."""


class EmptyInvoiceError(TillflowError):
    """There is no sale in it: nothing can be posted."""


class ChangedSnapshotError(TillflowError):
    """The draft is not what was seen, or its sales are not in the books as they were frozen."""


class InvoicedMeanwhileError(TillflowError):
    """Another invoice holds some of the sales: prepare again."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What was posted; `is_new` is False where it had been before."""

    invoice_id: int
    number: str
    is_new: bool


def post(
    conn: Connection,
    invoice_id: int,
    *,
    number: str | None,
    actor: str,
    now: datetime,
    expected_hash: bytes | None = None,
) -> Posted:
    """Post the draft under `number`, or the next of the series; the same again says what was done.

    `expected_hash`: of what the person has seen. Raises UnknownInvoiceError, NotADraftError, EmptyInvoiceError,
    ChangedSnapshotError, InvoicedMeanwhileError, BadNumberError, UsedNumberError.
    """
    wanted = checked_number(number) if number is not None else None
    with conn.transaction():
        draft = lock_invoice(conn, invoice_id)
        if draft.number is not None and (wanted is None or wanted.casefold() == draft.number.casefold()):
            return Posted(invoice_id, draft.number, is_new=False)
        _require_postable(invoice_id, draft)
        _require_unchanged(conn, invoice_id, draft.content_hash, expected_hash)
        if _SQL.hold_sales(conn, invoice_id=invoice_id) != draft.sale_rows:
            raise InvoicedMeanwhileError(_held_elsewhere(conn, invoice_id))
        given = give_number(conn, invoice_id, wanted)
        day = now.astimezone(ZoneInfo(draft.zone)).date()
        _SQL.mark_posted(
            conn,
            invoice_id=invoice_id,
            number=given,
            invoice_date=day,
            due_date=day + timedelta(days=draft.payment_days),
            actor=actor,
            now=now,
        )
    return Posted(invoice_id, given, is_new=True)


def _require_postable(invoice_id: int, found: Locked) -> None:
    if found.state == "posted":
        raise NotADraftError(f"invoice {invoice_id} has been posted as {found.number}; a number is never changed")
    if found.state == "discarded":
        raise NotADraftError(
            f"draft {invoice_id} was discarded ({found.reason}); post the one that stands, or prepare again"
        )
    if not found.sale_rows:
        raise EmptyInvoiceError(f"invoice {invoice_id} holds no sale: there is nothing to post")


def _require_unchanged(conn: Connection, invoice_id: int, frozen: bytes | None, expected: bytes | None) -> None:
    if expected is not None and expected != frozen:
        raise ChangedSnapshotError(f"draft {invoice_id} is not what you have seen: look at it again")
    if frozen is None or _SQL.hash_of(conn, invoice_id=invoice_id) != frozen:
        raise ChangedSnapshotError(
            f"the sales of draft {invoice_id} are not in the books as they were when it was prepared: prepare it again"
        )


def _held_elsewhere(conn: Connection, invoice_id: int) -> str:
    held = [f"{sales} by {number}" for number, sales in _SQL.holders(conn, invoice_id=invoice_id)]
    return f"sales of draft {invoice_id} were invoiced meanwhile ({', '.join(held)}): prepare it again"

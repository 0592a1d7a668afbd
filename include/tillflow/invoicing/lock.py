"""One at a time for each customer: what is read under this lock stays true until the transaction ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError

_SQL: Final = beside(__file__, "lock.sql")


class UnknownInvoiceError(TillflowError):
    """There is no invoice with this id."""


@dataclass(frozen=True, slots=True)
class Locked:
    """An invoice that nobody else touches until the transaction ends."""

    state: str
    number: str | None
    credit_no: str | None
    #: why it was discarded
    reason: str | None
    zone: str
    payment_days: int
    sale_rows: int
    content_hash: bytes | None


def lock_customer(conn: Connection, customer: str) -> None:
    """Wait for whoever prepares, posts, discards or credits for the customer; held until the transaction ends."""
    _SQL.lock_customer(conn, customer=customer)


def lock_invoice(conn: Connection, invoice_id: int) -> Locked:
    """The same, for the customer of an invoice. Raises UnknownInvoiceError."""
    customer = _SQL.customer_of(conn, invoice_id=invoice_id)
    if customer is None:
        raise UnknownInvoiceError(f"there is no invoice {invoice_id}")
    lock_customer(conn, customer)
    return Locked(*_SQL.invoice(conn, invoice_id=invoice_id))

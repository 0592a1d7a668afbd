"""Where a person deals with invoices: their grant first, then the use case. Grants and invoices meet here.

The DAGs call this; so may a page. The provider prepares, posts, discards and credits; the auditor and the customer's
own users read; for everybody else there is no such invoice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tillflow.codes import Capability
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake.storage import Storage
from tillflow.invoicing import credit as crediting
from tillflow.invoicing import discard as discarding
from tillflow.invoicing import load, mails
from tillflow.invoicing import post as posting
from tillflow.invoicing import prepare as preparing
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.model import Invoice
from tillflow.invoicing.sale_row import SaleRow
from tillflow.portal.grants import may
from tillflow.settings import Settings

_SQL: Final = beside(__file__, "invoices.sql")


class NoSuchInvoiceError(TillflowError):
    """There is no invoice with this id, or it is not this person's to see: nobody learns which."""

    def __init__(self, invoice_id: int) -> None:
        super().__init__(f"there is no such invoice: {invoice_id}")


class NotAllowedError(TillflowError):
    """The person may look, or nothing is there to hide; but they may not do this."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, and when. `is_vouched_for`: the installation itself asks, no grant is looked up."""

    person: str
    now: datetime
    is_vouched_for: bool = False


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One invoice of a list; days are half-open in the customer's zone, `status` is one of books.invoice_status."""

    invoice_id: int
    customer: str
    customer_name: str
    currency: str
    date_from: date
    date_to: date
    status: str
    number: str | None
    invoice_date: date | None
    due_date: date | None
    credit_no: str | None
    sale_rows: int
    net_minor: int
    tax_minor: int
    total_minor: int
    prepared_by: str
    prepared_at: datetime
    #: what is posted must be what was seen: hand it to `post`
    content_hash: bytes | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Sales of the range that are not in the invoice: `excluded`, `invoiced` already, or `in another draft`."""

    why: str
    product: str
    product_name: str
    quantity: int
    net_minor: int
    sale_rows: int


def prepare(conn: Connection, wanted: BillingRange, by: Acting) -> tuple[preparing.Prepared, ...]:
    """The drafts of the range, the customer's own currency first. Raises NotAllowedError, UnknownCustomerError."""
    if not _is_provider(conn, by):
        _deny(conn, str(wanted), by, "prepare")
        raise NotAllowedError(f"{by.person} may not prepare invoices: that needs the grant provider")
    return preparing.prepare(conn, wanted, actor=by.person, now=by.now)


def find(conn: Connection, invoice_id: int, by: Acting) -> InvoiceLine:
    """One invoice as lists show it. Raises NoSuchInvoiceError."""
    _require_sight(conn, invoice_id, by, "look")
    (found,) = list_invoices(conn, None, limit=1, before=invoice_id + 1)
    return found


def invoice_of(conn: Connection, invoice_id: int, by: Acting) -> Invoice:
    """The invoice as its documents need it. Raises NoSuchInvoiceError."""
    _require_sight(conn, invoice_id, by, "read")
    return load.load_invoice(conn, invoice_id)


def credit_note_of(conn: Connection, invoice_id: int, by: Acting) -> Invoice:
    """Its credit note as the documents need it. Raises NoSuchInvoiceError, NotCreditedError."""
    _require_sight(conn, invoice_id, by, "read")
    return load.load_credit_note(conn, invoice_id)


def sales_of(conn: Connection, invoice_id: int, by: Acting) -> Iterator[SaleRow]:
    """Every sale of the invoice, page by page from the server. Raises NoSuchInvoiceError, at once."""
    _require_sight(conn, invoice_id, by, "read")
    return load.sales_of(conn, invoice_id)


def left_out_of(conn: Connection, invoice_id: int, by: Acting) -> list[LeftOut]:
    """What of its range is not in it. Raises NoSuchInvoiceError."""
    _require_sight(conn, invoice_id, by, "read")
    return [LeftOut(*row) for row in _SQL.left_out(conn, invoice_id=invoice_id)]


def post(
    conn: Connection, invoice_id: int, by: Acting, *, number: str | None = None, expected_hash: bytes | None = None
) -> posting.Posted:
    """Post a draft; the mails are `announce`'s. Raises NoSuchInvoiceError, NotAllowedError, and what posting raises."""
    _require_provider(conn, invoice_id, by, "post")
    return posting.post(conn, invoice_id, number=number, actor=by.person, now=by.now, expected_hash=expected_hash)


def discard(conn: Connection, invoice_id: int, by: Acting, *, reason: str) -> None:
    """Discard a draft. Raises NoSuchInvoiceError, NotAllowedError, AlreadyPostedError."""
    _require_provider(conn, invoice_id, by, "discard")
    discarding.discard(conn, invoice_id, actor=by.person, now=by.now, reason=reason)


def credit(
    conn: Connection, invoice_id: int, by: Acting, *, reason: str, number: str | None = None
) -> crediting.Credited:
    """Reverse a posted invoice. Raises NoSuchInvoiceError, NotAllowedError, and what crediting raises."""
    _require_provider(conn, invoice_id, by, "credit")
    return crediting.credit(conn, invoice_id, reason=reason, actor=by.person, now=by.now, number=number)


def require_posting(conn: Connection, invoice_id: int, by: Acting) -> None:
    """May they post it? Raises NoSuchInvoiceError, NotAllowedError."""
    _require_provider(conn, invoice_id, by, "post")


def needs_approval(conn: Connection, invoice_id: int) -> bool:
    """True where its total is more than the customer's limit."""
    return bool(_SQL.exceeds_limit(conn, invoice_id=invoice_id))


def announce(
    conn: Connection, invoice_id: int, settings: Settings, *, now: datetime, is_credit_note: bool = False
) -> bool:
    """Queue the mails of a posted invoice or its credit note; False where that was done before."""
    return mails.announce(conn, invoice_id, _dispatch(settings), now=now, is_credit_note=is_credit_note)


def unannounced(conn: Connection) -> list[tuple[int, bool]]:
    """(invoice, is it its credit note) of all whose process died before their mails were queued."""
    return list(mails.unannounced(conn))


def list_invoices(
    conn: Connection,
    customers: Sequence[str] | None,
    *,
    limit: int,
    before: int | None = None,
    customer: str | None = None,
    status: str | None = None,
) -> list[InvoiceLine]:
    """At most `limit` invoices of these customers (None: of all), newest first, older than invoice `before`."""
    if customer is None and customers is not None and len(customers) == 1:
        customer = customers[0]  # one of them is found by an index, in order
    found = _SQL.list_invoices(
        conn,
        customers=None if customers is None else list(customers),
        customer=customer,
        status=status,
        before=before,
        most=limit,
    )
    return [InvoiceLine(*row) for row in found]


def _dispatch(settings: Settings) -> mails.Dispatch:
    return mails.Dispatch(settings.report_recipients, Storage(settings.storage), settings.temp_dir)


def _is_provider(conn: Connection, by: Acting) -> bool:
    return by.is_vouched_for or may(conn, by.person, Capability.PROVIDER)


def _require_sight(conn: Connection, invoice_id: int, by: Acting, what: str) -> None:
    customer = _SQL.customer_of(conn, invoice_id=invoice_id)
    if customer is None:
        raise NoSuchInvoiceError(invoice_id)
    if not (
        _is_provider(conn, by)
        or may(conn, by.person, Capability.AUDITOR)
        or may(conn, by.person, Capability.CUSTOMER_USER, customer=customer)
    ):
        _deny(conn, str(invoice_id), by, what)
        raise NoSuchInvoiceError(invoice_id)


def _require_provider(conn: Connection, invoice_id: int, by: Acting, what: str) -> None:
    _require_sight(conn, invoice_id, by, what)
    if not _is_provider(conn, by):
        _deny(conn, str(invoice_id), by, what)
        raise NotAllowedError(f"{by.person} may not {what} invoices: that needs the grant provider")


def _deny(conn: Connection, subject_key: str, by: Acting, what: str) -> None:
    _SQL.record_denied(conn, subject_key=subject_key, actor=by.person, what=what, now=by.now)

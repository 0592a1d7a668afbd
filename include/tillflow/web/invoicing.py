"""Invoices at the desk: prepared, posted at once or by a run that waits for an approval, handed out.

REST and the pages call this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from tillflow import invoices
from tillflow.intake.storage import Storage
from tillflow.invoices import Acting
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.credit import Credited
from tillflow.invoicing.download import Bureau, Document, document
from tillflow.invoicing.model import Invoice, Part
from tillflow.invoicing.post import ChangedSnapshotError, Posted
from tillflow.invoicing.prepare import Prepared
from tillflow.web.dag_runs import Run, start
from tillflow.web.grants import Desk


@dataclass(frozen=True, slots=True)
class SiteSum:
    """What one site's machines sold in one part of an invoice: pieces, and minor units without tax."""

    part: Part
    site_name: str
    quantity: int
    net_minor: int


def acting(desk: Desk) -> Acting:
    """The person at the desk, now."""
    return Acting(desk.person, desk.now)


def prepare(desk: Desk, customer: str, date_from: date, date_to: date) -> tuple[Prepared, ...]:
    """The drafts of [date_from, date_to). Raises EmptyRangeError, UnknownCustomerError, NotAllowedError."""
    return invoices.prepare(desk.conn, BillingRange(customer, date_from, date_to), acting(desk))


def post(desk: Desk, invoice_id: int, number: str | None, seen: bytes | None) -> Posted | Run:
    """Post the draft as it was seen, and queue its mails; where it is more than the customer's limit, start the run
    that waits for an approval. Raises what `invoices.post` raises, and UnavailableError.
    """
    by = acting(desk)
    invoices.require_posting(desk.conn, invoice_id, by)
    found = invoices.find(desk.conn, invoice_id, by)
    if found.number is None and invoices.needs_approval(desk.conn, invoice_id):
        if seen is not None and seen != found.content_hash:
            raise ChangedSnapshotError(f"draft {invoice_id} is not what you have seen: look at it again")
        params = {"invoice_id": invoice_id, "invoice_no": number}
        return start("post_invoice", f"invoice__{invoice_id}__{uuid4().hex}", params, person=desk.person)
    posted = invoices.post(desk.conn, invoice_id, by, number=number, expected_hash=seen)
    invoices.announce(desk.conn, invoice_id, desk.settings, now=desk.now)
    return posted


def credit(desk: Desk, invoice_id: int, reason: str, number: str | None) -> Credited:
    """Reverse the invoice and queue the mails of its credit note. Raises what `invoices.credit` raises."""
    credited = invoices.credit(desk.conn, invoice_id, acting(desk), reason=reason, number=number)
    invoices.announce(desk.conn, invoice_id, desk.settings, now=desk.now, is_credit_note=True)
    return credited


def document_of(desk: Desk, invoice_id: int, kind: str) -> Document:
    """A document of an invoice that the person may see. Raises NoSuchInvoiceError, and what `document` raises."""
    invoices.find(desk.conn, invoice_id, acting(desk))
    storage = Storage(desk.settings.storage)
    return document(desk.conn, invoice_id, kind, Bureau(storage=storage, temp=desk.settings.temp_dir))


def site_sums(invoice: Invoice) -> Iterator[SiteSum]:
    """Its lines summed up by part and site, in the order of the lines."""
    sums: dict[tuple[Part, str], tuple[int, int]] = {}
    for line in invoice.lines:
        quantity, net = sums.get((line.part, line.site_name), (0, 0))
        sums[line.part, line.site_name] = (quantity + line.quantity, net + line.net_minor)
    return (SiteSum(part, site, *added) for (part, site), added in sums.items())

"""The mails of a posted invoice or its credit note: the documents to the customer, the result to the operator.

Each is queued once, whoever asks how often; a mail that cannot be written undoes nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.intake.storage import Storage
from tillflow.invoicing.download import Bureau, Document, DocumentKind, document
from tillflow.invoicing.load import load_credit_note, load_invoice
from tillflow.invoicing.model import Invoice
from tillflow.mail import Attachment, Mail, queue_mail
from tillflow.mail.render import money, render

#: bytes; a sales list above this is left in the storage and the operator's mail says where
MOST_ATTACHED: Final = 7 * 1024 * 1024
_TEMPLATES: Final = Path(__file__).with_name("templates")
_SQL: Final = beside(__file__, "mails.sql")


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Where mails and files go: the operators, the storage, a folder for files that are being written."""

    operators: Sequence[str]
    storage: Storage
    temp: Path


def announce(conn: Connection, invoice_id: int, way: Dispatch, *, now: datetime, is_credit_note: bool = False) -> bool:
    """Queue both mails of a posted invoice, or of its credit note; False where they were queued before."""
    topic = f"{'credit_note' if is_credit_note else 'invoice'}:{invoice_id}"
    if _SQL.is_queued(conn, topic=f"{topic}:result"):
        return False
    invoice = (load_credit_note if is_credit_note else load_invoice)(conn, invoice_id)
    kind = "Credit note" if is_credit_note else "Invoice"
    files, kept = _files(conn, invoice, way, has_sales=not is_credit_note)
    address = _SQL.billing_address(conn, invoice_id=invoice_id)
    told = {
        "invoice": invoice,
        "kind": kind,
        "kept": kept,
        "reason": invoice.notes[0] if is_credit_note else "",
        "has_sales": not is_credit_note,
        "is_mailed": address is not None,
    }
    total = money(invoice.totals.payable_minor, invoice.currency)
    with conn.transaction():
        if address is not None:
            due = f", due {invoice.due_date}" if invoice.due_date else ""
            subject = f"{kind} {invoice.number} from {invoice.seller.name}: {total}{due}"
            text, html = render(_TEMPLATES, "invoice_to_customer", **told)
            queue_mail(conn, Mail((address,), subject, text, html, files), topic=topic, now=now)
        subject = f"Tillflow {kind.lower()} {invoice.number} posted: {invoice.buyer.name}, {total}"
        text, html = render(_TEMPLATES, "invoice_result", **told)
        mail = Mail(tuple(way.operators), subject, text, html, () if address is not None else files)
        return queue_mail(conn, mail, topic=f"{topic}:result", now=now)


def unannounced(conn: Connection) -> Iterator[tuple[int, bool]]:
    """(invoice, is it its credit note) of all whose mails were never queued: their process died."""
    yield from list(_SQL.unannounced(conn))


def _files(
    conn: Connection, invoice: Invoice, way: Dispatch, *, has_sales: bool
) -> tuple[tuple[Attachment, ...], str | None]:
    """What is attached; and where the list of sales is kept, where it is too large for that."""
    kind = DocumentKind.INVOICE_PDF if has_sales else DocumentKind.CREDIT_NOTE_PDF
    pdf = _attached(document(conn, invoice.id, kind, Bureau(storage=way.storage)))
    if not has_sales:
        return (pdf,), None
    way.temp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="invoice-", dir=way.temp) as folder:
        sales = document(conn, invoice.id, DocumentKind.SALES_CSV)
        file = Path(folder) / f"invoice-{invoice.id}-sales.csv"
        with file.open("wb") as written:
            written.writelines(sales.chunks)
        if file.stat().st_size > MOST_ATTACHED:
            way.storage.put(file, f"invoices/{file.name}")
            return (pdf,), f"invoices/{file.name}"
        return (pdf, Attachment(sales.file_name, "text/csv", file.read_bytes())), None


def _attached(made: Document) -> Attachment:
    return Attachment(made.file_name, made.content_type, b"".join(made.chunks))

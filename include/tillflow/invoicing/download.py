"""The documents of an invoice, each by its kind: what a page, the REST interface and a mail hand out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake.storage import Storage, safe_name
from tillflow.invoicing.documents.pdf import Logo, UnusableLogoError, invoice_pdf
from tillflow.invoicing.documents.quickbooks import QuickBooksSettings, quickbooks_files
from tillflow.invoicing.documents.sales_list import sales_csv
from tillflow.invoicing.documents.summary import summary_csv
from tillflow.invoicing.documents.workbook import sales_xlsx
from tillflow.invoicing.documents.xero import XeroSettings, xero_files
from tillflow.invoicing.load import load_credit_note, load_invoice, sales_of
from tillflow.invoicing.lock import UnknownInvoiceError
from tillflow.invoicing.model import InconsistentInvoiceError, Invoice
from tillflow.invoicing.sale_row import SaleRow

#: folder of the storage with the seller's pictures
LOGOS: Final = "logos"
_CSV: Final = "text/csv; charset=utf-8"
_PDF: Final = "application/pdf"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PIECE: Final = 256 * 1024
_SQL: Final = beside(__file__, "download.sql")

log = logging.getLogger(__name__)


class UnknownDocumentError(TillflowError):
    """There is no document of this kind."""


class DiscardedInvoiceError(TillflowError):
    """The draft was discarded: its sales are free, and nothing may be handed out in its name."""


class DocumentKind(StrEnum):
    """What can be downloaded; the names are those of the REST interface."""

    SALES_CSV = "sales.csv"
    SALES_XLSX = "sales.xlsx"
    SUMMARY_CSV = "summary.csv"
    INVOICE_PDF = "invoice.pdf"
    XERO = "export/xero.csv"
    QUICKBOOKS = "export/quickbooks.csv"
    #: of the credit note that reverses the invoice
    CREDIT_NOTE_PDF = "credit-note.pdf"
    CREDIT_NOTE_XERO = "export/credit-note-xero.csv"
    CREDIT_NOTE_QUICKBOOKS = "export/credit-note-quickbooks.csv"


@dataclass(frozen=True, slots=True)
class Document:
    """A file: `chunks` is read once, while the connection is open."""

    file_name: str
    content_type: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Bureau:
    """What documents need besides the books; without a storage there is no logo, without a folder the system's own."""

    storage: Storage | None = None
    temp: Path | None = None
    xero: XeroSettings | None = None
    quickbooks: QuickBooksSettings | None = None


def document(conn: Connection, invoice_id: int, kind: str, bureau: Bureau | None = None) -> Document:
    """The document of an invoice, whatever its size in constant memory; errors come before the first chunk.

    One error may come later: the sales of a draft that is discarded meanwhile no longer add up, and the list
    breaks off with InconsistentInvoiceError. Raises UnknownDocumentError, UnknownInvoiceError,
    DiscardedInvoiceError, NotCreditedError, DraftExportError, NumberTooLongError.
    """
    if kind not in _MAKERS:
        raise UnknownDocumentError(f"there is no document {kind!r} of an invoice; there are: {', '.join(DocumentKind)}")
    found = _SQL.kept(conn, invoice_id=invoice_id)
    if found is None:
        raise UnknownInvoiceError(f"there is no invoice {invoice_id}")
    state, reason, logo = found
    if state == "discarded":
        raise DiscardedInvoiceError(f"draft {invoice_id} was discarded: {reason}")
    load = load_credit_note if kind.rpartition("/")[2].startswith("credit-note") else load_invoice
    asked = _Asked(conn, load(conn, invoice_id), logo, bureau or Bureau())
    return _MAKERS[DocumentKind(kind)](asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An invoice with what its documents are made of."""

    conn: Connection
    invoice: Invoice
    logo: str | None
    bureau: Bureau

    def named(self, ending: str) -> str:
        """`INV-0042-sales.csv`; a number may hold blanks and slashes, a draft has its id."""
        number = self.invoice.number or f"draft-{self.invoice.id}"
        return safe_name(f"{number.replace('/', '-').replace(' ', '-')}{ending}")

    def sales(self) -> Iterator[SaleRow]:
        return _adding_up(sales_of(self.conn, self.invoice.id), self.invoice)


def _adding_up(sales: Iterable[SaleRow], invoice: Invoice) -> Iterator[SaleRow]:
    """The same sales; at their end, InconsistentInvoiceError where they are not those of the invoice."""
    sold = 0
    for sale in sales:
        sold += sale.amount_minor
        yield sale
    if sold != invoice.totals.net_minor:
        raise InconsistentInvoiceError(
            f"the sales of invoice {invoice.id} add up to {invoice.money(sold)}, not to its"
            f" {invoice.money(invoice.totals.net_minor)}: it was changed while it was read; download it again"
        )


def _sales_csv(asked: _Asked) -> Document:
    return Document(asked.named("-sales.csv"), _CSV, sales_csv(asked.sales()))


def _summary_csv(asked: _Asked) -> Document:
    return Document(asked.named("-summary.csv"), _CSV, summary_csv(asked.invoice))


def _sales_xlsx(asked: _Asked) -> Document:
    """Written whole before the first chunk: a workbook's table of contents comes last."""
    if asked.bureau.temp:
        asked.bureau.temp.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=asked.bureau.temp)  # noqa: SIM115  closed when it was read or is forgotten
    sales_xlsx(file, asked.invoice, asked.sales())
    file.seek(0)
    return Document(asked.named("-sales.xlsx"), _XLSX, iter(lambda: file.read(_PIECE), b""))


def _pdf(asked: _Asked) -> Document:
    """Without its logo where that is gone or no picture: an invoice does not wait for decoration."""
    logo = _logo(asked)
    try:
        pages = invoice_pdf(asked.invoice, logo)
    except UnusableLogoError as error:
        log.warning("invoice %s is printed without its logo %s: %s", asked.invoice.id, asked.logo, error)
        pages = invoice_pdf(asked.invoice)
    return Document(asked.named(".pdf"), _PDF, iter([pages]))


def _logo(asked: _Asked) -> Logo | None:
    storage = asked.bureau.storage
    if storage is None or not asked.logo:
        return None
    key = f"{LOGOS}/{safe_name(asked.logo)}"
    if not storage.exists(key):
        log.warning("invoice %s is printed without its logo: there is no %s in the storage", asked.invoice.id, key)
        return None
    with storage.open(key) as file:
        return Logo(file.read())


def _xero(asked: _Asked) -> Document:
    (file,) = xero_files([asked.invoice], asked.bureau.xero, name=asked.named("-xero"))
    return Document(file.name, _CSV, file.chunks)


def _quickbooks(asked: _Asked) -> Document:
    (file,) = quickbooks_files([asked.invoice], asked.bureau.quickbooks, name=asked.named("-quickbooks"))
    return Document(file.name, _CSV, file.chunks)


_MAKERS: Final[Mapping[str, Callable[[_Asked], Document]]] = {
    DocumentKind.SALES_CSV: _sales_csv,
    DocumentKind.SALES_XLSX: _sales_xlsx,
    DocumentKind.SUMMARY_CSV: _summary_csv,
    DocumentKind.INVOICE_PDF: _pdf,
    DocumentKind.XERO: _xero,
    DocumentKind.QUICKBOOKS: _quickbooks,
    DocumentKind.CREDIT_NOTE_PDF: _pdf,
    DocumentKind.CREDIT_NOTE_XERO: _xero,
    DocumentKind.CREDIT_NOTE_QUICKBOOKS: _quickbooks,
}

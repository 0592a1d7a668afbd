"""Invoices for QuickBooks Online: the CSV of its page "Import data", amounts without tax.

The rules are those of that page: names of the header exactly, rows of one invoice repeat its
number, at most 100 invoices and 1,000 rows in a file, a number of at most 21 characters, a colon in
a name separates levels. The import takes no total below zero, so credit notes have files of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tillflow.errors import TillflowError
from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.invoicing.documents.accounting import ExportFile, entries, period, require_posted
from tillflow.invoicing.model import Invoice, InvoiceType

HEADER: Final = (
    "*InvoiceNo", "*Customer", "*InvoiceDate", "*DueDate", "Terms", "Location", "Memo", "Item(Product/Service)",
    "ItemDescription", "ItemQuantity", "ItemRate", "*ItemAmount", "Service Date",
)  # fmt: skip
MOST_INVOICES: Final = 100
#: with the header
MOST_ROWS: Final = 1000
_NUMBER_CHARACTERS: Final = 21
_NAME_CHARACTERS: Final = 100


class NumberTooLongError(TillflowError):
    """QuickBooks Online takes invoice numbers of at most 21 characters."""


@dataclass(frozen=True)
class QuickBooksSettings:
    """How a company keeps its books in QuickBooks Online."""

    #: the page asks which format the file has; day first is what it suggests outside the United States
    date_format: str = "%d/%m/%Y"
    #: the header has no column for tax: an item of this name carries it. Empty: QuickBooks computes it
    tax_item: str = "Sales tax"
    #: item of rows that sum up several products
    summary_item: str = "Vending sales"
    location: str = ""


def quickbooks_files(
    invoices: Iterable[Invoice], settings: QuickBooksSettings | None = None, *, name: str = "quickbooks"
) -> Iterator[ExportFile]:
    """Posted invoices as files for QuickBooks Online: `name.csv`, `name-2.csv` ...; credits: `name-credit.csv` ...

    Raises DraftExportError for a draft, NumberTooLongError for a number QuickBooks cannot hold.
    """
    wanted = settings or QuickBooksSettings()
    # as rows of text at once: a file is small, and a refused invoice must show before the first file is sent
    made = [(invoice.type, list(_rows(invoice, wanted))) for invoice in invoices]
    for of_type, suffix in ((InvoiceType.INVOICE, ""), (InvoiceType.CREDIT_NOTE, "-credit")):
        together = [rows for found, rows in made if found is of_type]
        for number, rows in enumerate(_files(together), start=1):
            part = "" if number == 1 else f"-{number}"
            yield ExportFile(f"{name}{suffix}{part}.csv", csv_chunks(rows, HEADER, bom=False))


def _files(invoices: Iterable[list[tuple[Cell, ...]]]) -> Iterator[list[tuple[Cell, ...]]]:
    """The rows of each file: whole invoices within both limits."""
    rows: list[tuple[Cell, ...]] = []
    count = 0
    for invoice in invoices:
        if rows and (count == MOST_INVOICES or len(rows) + len(invoice) > MOST_ROWS - 1):
            yield rows
            rows, count = [], 0
        rows, count = rows + invoice, count + 1
    if rows:
        yield rows


def _rows(invoice: Invoice, settings: QuickBooksSettings) -> Iterator[tuple[Cell, ...]]:
    number, issued, due = require_posted(invoice)
    if len(number) > _NUMBER_CHARACTERS:
        raise NumberTooLongError(f"{number} has {len(number)} characters; QuickBooks Online takes {_NUMBER_CHARACTERS}")
    of_invoice: dict[str, Cell] = {
        "*InvoiceNo": number,
        "*Customer": _name(invoice.buyer.name),
        "*InvoiceDate": issued.strftime(settings.date_format),
        "*DueDate": due.strftime(settings.date_format),
        "Location": settings.location,
        "Memo": period(invoice),
        "Service Date": invoice.period_end.strftime(settings.date_format),
    }
    for item in _items(invoice, settings):
        row = of_invoice | item
        yield tuple(row.get(column) for column in HEADER)


def _items(invoice: Invoice, settings: QuickBooksSettings) -> Iterator[dict[str, Cell]]:
    """The sales, then the tax of each rate; together not more than fit into a file."""
    taxes = [tax for tax in invoice.tax if tax.tax_minor] if settings.tax_item else []
    sign = -1 if invoice.type is InvoiceType.CREDIT_NOTE else 1
    for entry in entries(invoice, MOST_ROWS - 1 - len(taxes)):
        yield {
            "Item(Product/Service)": _name(entry.item or settings.summary_item),
            "ItemDescription": entry.description,
            "ItemQuantity": entry.quantity,
            "ItemRate": invoice.money(entry.price_minor),
            "*ItemAmount": invoice.money(entry.net_minor),
        }
    for tax in taxes:
        owed = sign * tax.tax_minor
        yield {
            "Item(Product/Service)": _name(settings.tax_item),
            "ItemDescription": f"Tax {tax.rate_bp / 100:g}%",
            "ItemQuantity": 1 if owed > 0 else -1,
            "ItemRate": invoice.money(abs(owed)),
            "*ItemAmount": invoice.money(owed),
        }


def _name(text: str) -> str:
    """A name of one level."""
    return text.replace(":", "-")[:_NAME_CHARACTERS]

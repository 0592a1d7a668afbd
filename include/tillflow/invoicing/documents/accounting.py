"""What the files for accounting programs have in common: rows, signs, and how many go into a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from tillflow.errors import TillflowError
from tillflow.invoicing.documents.grouping import grouped, shared
from tillflow.invoicing.model import Invoice, InvoiceType, Line, Part, TaxCategory, tax_on


class DraftExportError(TillflowError):
    """A draft has no number and no date: accounting programs take posted invoices only."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file to upload, in pieces."""

    name: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of an invoice in an accounting program. A credit note's quantities and sums are negative."""

    item: str
    description: str
    quantity: int
    price_minor: int
    net_minor: int
    tax_category: TaxCategory
    tax_rate_bp: int
    tax_minor: int = 0


def entries(invoice: Invoice, most: int | None = None) -> list[Entry]:
    """The rows of an invoice; where there were more than `most`, of coarser and coarser sums of lines.

    Their net and tax amounts add up to those of the invoice, per tax rate too.
    """
    made = [_entry(lines) for lines in grouped(invoice.lines, most)]
    sign = -1 if invoice.type is InvoiceType.CREDIT_NOTE else 1
    return [_signed(entry, sign) for entry in _with_tax(made)]


def require_posted(invoice: Invoice) -> tuple[str, date, date]:
    """Number, date and due date; without the latter it is due at once."""
    if invoice.number is None or invoice.issue_date is None:
        raise DraftExportError(f"invoice {invoice.id} is a draft: post it, then download the file for accounting")
    return invoice.number, invoice.issue_date, invoice.due_date or invoice.issue_date


def split_by(invoices: Iterable[Invoice], most_invoices: int) -> Iterator[list[Invoice]]:
    """The invoices in the order given, at most so many together."""
    together: list[Invoice] = []
    for invoice in invoices:
        together.append(invoice)
        if len(together) == most_invoices:
            yield together
            together = []
    if together:
        yield together


def period(invoice: Invoice) -> str:
    """What the invoice is about, in a line."""
    what = f"{invoice.period_start} to {invoice.period_end}"
    return f"Credit for {invoice.preceding_number}, {what}" if invoice.preceding_number else what


#: the longest description both programs take
_DESCRIPTION_CHARACTERS: Final = 4000


def _entry(lines: list[Line]) -> Entry:
    """One row of lines that share part and tax; several prices become one piece at the price of all."""
    first = lines[0]
    pieces, net = sum(line.quantity for line in lines), sum(line.net_minor for line in lines)
    one_price = len(lines) == 1 and first.price_basis == 1
    return Entry(
        item=shared(lines, lambda line: line.product),
        description=_description(lines, pieces, one_price)[:_DESCRIPTION_CHARACTERS],
        quantity=first.quantity if one_price else (-1 if net < 0 else 1),
        price_minor=first.price_minor if one_price else abs(net),
        net_minor=net,
        tax_category=first.tax_category,
        tax_rate_bp=first.tax_rate_bp,
    )


def _description(lines: list[Line], pieces: int, one_price: bool) -> str:
    """Site, machine and product as far as all the lines share them."""
    common = [
        shared(lines, lambda line: line.site_name),
        shared(lines, lambda line: line.equipment),
        shared(lines, lambda line: f"{line.product} {line.product_name}"),
    ]
    backdated = ["backdated"] if lines[0].part is Part.BACKDATED else []
    return " / ".join([*filter(None, common), *backdated, *([] if one_price else [f"{pieces} pieces"])])


def _with_tax(made: list[Entry]) -> Iterator[Entry]:
    """Each row gets the growth of its rate's rounded tax: the shares add up to the invoice's tax."""
    so_far: dict[tuple[TaxCategory, int], int] = {}
    for entry in made:
        rate = (entry.tax_category, entry.tax_rate_bp)
        before = so_far.get(rate, 0)
        so_far[rate] = before + entry.net_minor
        share = tax_on(so_far[rate], entry.tax_rate_bp) - tax_on(before, entry.tax_rate_bp)
        yield replace(entry, tax_minor=share)


def _signed(entry: Entry, sign: int) -> Entry:
    return replace(
        entry, quantity=sign * entry.quantity, net_minor=sign * entry.net_minor, tax_minor=sign * entry.tax_minor
    )

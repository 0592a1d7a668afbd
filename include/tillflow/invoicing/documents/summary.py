"""The sums of an invoice as a table: by machine and product, by site, by tax rate, in total."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.invoicing.documents.sales_list import percent
from tillflow.invoicing.model import Invoice, Line

HEADER: Final = (
    "SECTION", "PART", "SITE", "SITE_NAME", "EQUIPMENT", "PRODUCT", "PRODUCT_NAME", "QUANTITY", "UNIT_PRICE",
    "NET", "TAX_CATEGORY", "TAX_RATE", "TAX", "GROSS", "CURRENCY",
)  # fmt: skip


def summary_csv(invoice: Invoice) -> Iterator[bytes]:
    """The summary as CSV for people."""
    return csv_chunks(summary_rows(invoice), HEADER)


def summary_rows(invoice: Invoice) -> Iterator[tuple[Cell, ...]]:
    """The sections one after the other; the NET of each of them but `excluded` adds up to the net total.

    `line`: what a machine sold of a product at a price. `equipment`, `site` and `part`: sums of lines.
    `tax`: by category and rate. `total`: of the invoice. `excluded`: recorded, but not invoiced.
    """
    for line in invoice.lines:
        yield _row(
            invoice, "line",
            PART=line.part.value, SITE=line.site, SITE_NAME=line.site_name, EQUIPMENT=line.equipment,
            PRODUCT=line.product, PRODUCT_NAME=line.product_name, QUANTITY=line.quantity,
            UNIT_PRICE=invoice.money(line.price_minor) if line.price_basis == 1 else None,
            NET=invoice.money(line.net_minor),
            TAX_CATEGORY=line.tax_category.value, TAX_RATE=percent(line.tax_rate_bp),
        )  # fmt: skip
    for section, names in _SUMS.items():
        yield from _sums(invoice, section, names)
    for tax in invoice.tax:
        yield _row(
            invoice, "tax",
            NET=invoice.money(tax.taxable_minor), TAX_CATEGORY=tax.category.value, TAX_RATE=percent(tax.rate_bp),
            TAX=invoice.money(tax.tax_minor), GROSS=invoice.money(tax.taxable_minor + tax.tax_minor),
        )  # fmt: skip
    totals = invoice.totals
    yield _row(
        invoice, "total",
        QUANTITY=sum(line.quantity for line in invoice.lines), NET=invoice.money(totals.net_minor),
        TAX=invoice.money(totals.tax_minor), GROSS=invoice.money(totals.gross_minor),
    )  # fmt: skip
    for product in invoice.excluded:
        yield _row(
            invoice, "excluded",
            PRODUCT=product.product, PRODUCT_NAME=product.product_name, QUANTITY=product.quantity,
            NET=invoice.money(product.amount_minor),
        )  # fmt: skip


#: section -> the columns it is summed by, and the lines' fields
_SUMS: Final = {
    "equipment": {"PART": "part", "SITE": "site", "SITE_NAME": "site_name", "EQUIPMENT": "equipment"},
    "site": {"PART": "part", "SITE": "site", "SITE_NAME": "site_name"},
    "part": {"PART": "part"},
}


def _sums(invoice: Invoice, section: str, names: dict[str, str]) -> Iterator[tuple[Cell, ...]]:
    """Quantity and net of the lines that agree in `names`, in the order of the lines."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in invoice.lines:
        groups.setdefault(tuple(str(getattr(line, name)) for name in names.values()), []).append(line)
    for key, lines in groups.items():
        yield _row(
            invoice, section,
            **dict(zip(names, key, strict=True)),
            QUANTITY=sum(line.quantity for line in lines), NET=invoice.money(sum(line.net_minor for line in lines)),
        )  # fmt: skip


def _row(invoice: Invoice, section: str, **cells: Cell) -> tuple[Cell, ...]:
    known: dict[str, Cell] = {"SECTION": section, "CURRENCY": invoice.currency, **cells}
    return tuple(known.get(name) for name in HEADER)

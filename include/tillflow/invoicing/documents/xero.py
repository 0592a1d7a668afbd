"""Sales invoices for Xero: its CSV template, to be imported as tax exclusive.

The rules are those of Xero's template and import page: names of the header exactly, dates as
DD/MM/YYYY, rows of one invoice repeat its number, at most 500 invoices in a file, tax types as they
are displayed in Xero. An invoice whose total is negative is imported as a credit note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.invoicing.documents.accounting import Entry, ExportFile, entries, period, require_posted, split_by
from tillflow.invoicing.model import Invoice, InvoiceType, TaxCategory
from tillflow.invoicing.parties import Address

HEADER: Final = (
    "*ContactName", "EmailAddress", "POAddressLine1", "POAddressLine2", "POAddressLine3", "POAddressLine4",
    "POCity", "PORegion", "POPostalCode", "POCountry", "*InvoiceNumber", "Reference", "*InvoiceDate", "*DueDate",
    "Total", "InventoryItemCode", "*Description", "*Quantity", "*UnitAmount", "Discount", "*AccountCode",
    "*TaxType", "TaxAmount", "TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2", "Currency",
    "BrandingTheme",
)  # fmt: skip
MOST_INVOICES: Final = 500
_ADDRESS_LINES: Final = 4
_DATE: Final = "%d/%m/%Y"


@dataclass(frozen=True)
class XeroSettings:
    """How an organisation keeps its books in Xero; the defaults are those of a new Australian one."""

    #: revenue account: 200 is Sales in Xero's own chart of accounts
    account_code: str = "200"
    #: (category, rate in basis points) -> tax rate's display name
    tax_types: Mapping[tuple[TaxCategory, int], str] = field(
        default_factory=lambda: {
            (TaxCategory.STANDARD, 1000): "GST on Income",
            (TaxCategory.ZERO, 0): "GST Free Income",
            (TaxCategory.EXEMPT, 0): "GST Free Income",
        }
    )
    #: name of every other rate: it says the rate, so that Xero refuses it until somebody adds it there
    other_tax_type: str = "{rate}% (Tax on Sales)"
    #: product codes as inventory items; Xero refuses an item it does not know
    inventory_items: bool = False
    branding_theme: str = ""

    def tax_type(self, category: TaxCategory, rate_bp: int) -> str:
        """The name of the tax rate in Xero."""
        known = self.tax_types.get((category, rate_bp))
        return known or self.other_tax_type.format(rate=f"{rate_bp / 100:g}")


def xero_files(
    invoices: Iterable[Invoice], settings: XeroSettings | None = None, *, name: str = "xero"
) -> Iterator[ExportFile]:
    """Posted invoices and credit notes as files for Xero: `name.csv`, `name-2.csv` ...

    Raises DraftExportError for a draft.
    """
    wanted = settings or XeroSettings()
    for number, together in enumerate(split_by(invoices, MOST_INVOICES), start=1):
        rows = [row for invoice in together for row in _rows(invoice, wanted)]
        suffix = "" if number == 1 else f"-{number}"
        yield ExportFile(f"{name}{suffix}.csv", csv_chunks(rows, HEADER, bom=False))


def _rows(invoice: Invoice, settings: XeroSettings) -> Iterator[tuple[Cell, ...]]:
    number, issued, due = require_posted(invoice)
    sign = -1 if invoice.type is InvoiceType.CREDIT_NOTE else 1
    of_invoice: dict[str, Cell] = {
        "*ContactName": invoice.buyer.name,
        "EmailAddress": invoice.buyer.email,
        **_address(invoice.buyer.address),
        "*InvoiceNumber": number,
        "Reference": period(invoice),
        "*InvoiceDate": issued.strftime(_DATE),
        "*DueDate": due.strftime(_DATE),
        "Total": invoice.money(sign * invoice.totals.gross_minor),
        "*AccountCode": settings.account_code,
        "Currency": invoice.currency,
        "BrandingTheme": settings.branding_theme,
    }
    for entry in entries(invoice):
        row = of_invoice | _of_entry(invoice, entry, settings)
        yield tuple(row.get(column) for column in HEADER)


def _of_entry(invoice: Invoice, entry: Entry, settings: XeroSettings) -> dict[str, Cell]:
    return {
        "InventoryItemCode": entry.item if settings.inventory_items else None,
        "*Description": entry.description,
        "*Quantity": entry.quantity,
        "*UnitAmount": invoice.money(entry.price_minor),
        "*TaxType": settings.tax_type(entry.tax_category, entry.tax_rate_bp),
        "TaxAmount": invoice.money(entry.tax_minor),
    }


def _address(address: Address) -> dict[str, Cell]:
    """Four lines at most: what exceeds them stands in the fourth."""
    most = _ADDRESS_LINES - 1
    lines = [*address.lines[:most], ", ".join(address.lines[most:])]
    lines += [""] * (_ADDRESS_LINES - len(lines))
    return {
        **{f"POAddressLine{place}": line for place, line in enumerate(lines, start=1)},
        "POCity": address.city,
        "PORegion": address.region,
        "POPostalCode": address.postcode,
        "POCountry": address.country,
    }

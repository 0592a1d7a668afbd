"""Readers of the files for accounting programs, written from the programs' published rules alone.

They share nothing with the code that writes the files: header names are spelt out, numbers and dates
are matched by pattern, and what the import pages refuse raises AssertionError.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from decimal import Decimal
from io import StringIO

XERO_TEMPLATE = (
    "*ContactName,EmailAddress,POAddressLine1,POAddressLine2,POAddressLine3,POAddressLine4,POCity,PORegion,"
    "POPostalCode,POCountry,*InvoiceNumber,Reference,*InvoiceDate,*DueDate,Total,InventoryItemCode,*Description,"
    "*Quantity,*UnitAmount,Discount,*AccountCode,*TaxType,TaxAmount,TrackingName1,TrackingOption1,TrackingName2,"
    "TrackingOption2,Currency,BrandingTheme"
)
QUICKBOOKS_TEMPLATE = (
    "*InvoiceNo,*Customer,*InvoiceDate,*DueDate,Terms,Location,Memo,Item(Product/Service),ItemDescription,"
    "ItemQuantity,ItemRate,*ItemAmount,Service Date"
)
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DAY_FIRST = re.compile(r"(0[1-9]|[12][0-9]|3[01])/(0[1-9]|1[0-2])/2[0-9]{3}")


@dataclass
class Imported:
    """An invoice as the program keeps it."""

    customer: str
    rows: list[dict[str, str]] = field(default_factory=list)
    net: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    tax_by_type: dict[str, Decimal] = field(default_factory=dict)


def read_xero(content: bytes) -> dict[str, Imported]:
    """Number -> invoice, from one file."""
    invoices: dict[str, Imported] = {}
    for row in rows_of(content, XERO_TEMPLATE):
        number = row["*InvoiceNumber"]
        invoice = invoices.setdefault(number, Imported(row["*ContactName"]))
        same_throughout(invoice, row, ["*ContactName", "Reference", "*InvoiceDate", "*DueDate", "Total", "Currency"])
        assert DAY_FIRST.fullmatch(row["*InvoiceDate"])
        assert DAY_FIRST.fullmatch(row["*DueDate"])
        assert len(row["*Description"]) <= 4000
        tax = amount(row["TaxAmount"])
        invoice.rows.append(row)
        invoice.net += amount(row["*Quantity"]) * amount(row["*UnitAmount"])
        invoice.tax += tax
        invoice.tax_by_type[row["*TaxType"]] = invoice.tax_by_type.get(row["*TaxType"], Decimal(0)) + tax
    for invoice in invoices.values():
        assert amount(invoice.rows[0]["Total"]) == invoice.net + invoice.tax
    assert len(invoices) <= 500
    return invoices


def read_quickbooks(content: bytes, tax_item: str = "Sales tax") -> dict[str, Imported]:
    """Number -> invoice, from one file; rows of `tax_item` are its tax."""
    invoices: dict[str, Imported] = {}
    rows = rows_of(content, QUICKBOOKS_TEMPLATE)
    assert len(rows) < 1000
    for row in rows:
        number = row["*InvoiceNo"]
        assert len(number) <= 21
        assert ":" not in row["*Customer"] + row["Item(Product/Service)"], "a colon would make a level"
        invoice = invoices.setdefault(number, Imported(row["*Customer"]))
        same_throughout(invoice, row, ["*Customer", "*InvoiceDate", "*DueDate", "Memo"])
        assert DAY_FIRST.fullmatch(row["*InvoiceDate"])
        assert DAY_FIRST.fullmatch(row["*DueDate"])
        assert DAY_FIRST.fullmatch(row["Service Date"])
        sold = amount(row["*ItemAmount"])
        assert sold == amount(row["ItemQuantity"]) * amount(row["ItemRate"])
        invoice.rows.append(row)
        if row["Item(Product/Service)"] == tax_item:
            invoice.tax += sold
        else:
            invoice.net += sold
    assert len(invoices) <= 100
    return invoices


def rows_of(content: bytes, template: str) -> list[dict[str, str]]:
    """Rows under exactly this header; no BOM, required columns filled, an invoice's rows beside each other."""
    text = content.decode("utf-8")
    header, *rows = csv.reader(StringIO(text, newline=""), strict=True)
    assert header == template.split(",")
    assert text.endswith("\r\n")
    found = [dict(zip(header, row, strict=True)) for row in rows]
    for row in found:
        empty = [name for name, value in row.items() if name.startswith("*") and not value]
        assert not empty, f"{empty} are required"
        formulas = [value for value in row.values() if value.startswith(tuple("=+-@\t\r\n")) and not number(value)]
        assert not formulas, f"a spreadsheet would run {formulas}"
    numbers = [row[header[10] if len(header) == 29 else header[0]] for row in found]
    assert len({*numbers}) == sum(here != before for here, before in zip(numbers, [None, *numbers], strict=False))
    return found


def same_throughout(invoice: Imported, row: dict[str, str], columns: list[str]) -> None:
    if invoice.rows:
        assert [invoice.rows[0][name] for name in columns] == [row[name] for name in columns]


def number(text: str) -> bool:
    return NUMBER.fullmatch(text) is not None


def amount(text: str) -> Decimal:
    assert number(text), f"{text!r} is not a number"
    return Decimal(text)

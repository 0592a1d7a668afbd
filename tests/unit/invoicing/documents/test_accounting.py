"""Files for Xero and QuickBooks Online, read again by parsers of those programs' published rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings

from tests.accounting_programs import read_quickbooks, read_xero
from tests.invoices import BUYER, credit_note, draft, invoice, invoices, line
from tillflow.invoicing.documents.accounting import DraftExportError, ExportFile
from tillflow.invoicing.documents.quickbooks import NumberTooLongError, QuickBooksSettings, quickbooks_files
from tillflow.invoicing.documents.xero import XeroSettings, xero_files
from tillflow.invoicing.model import Invoice, InvoiceType, Part, TaxCategory
from tillflow.invoicing.parties import Address

#: rows of the demanded header, an invoice with a refund of the month before and something untaxed
XERO = """\
*ContactName,EmailAddress,POAddressLine1,POAddressLine2,POAddressLine3,POAddressLine4,POCity,PORegion,POPostalCode,POCountry,*InvoiceNumber,Reference,*InvoiceDate,*DueDate,Total,InventoryItemCode,*Description,*Quantity,*UnitAmount,Discount,*AccountCode,*TaxType,TaxAmount,TrackingName1,TrackingOption1,TrackingName2,TrackingOption2,Currency,BrandingTheme
Acme Mining,accounts@acme.example,Level 3,9 Pit Road,,,Perth,WA,6000,AU,INV-0042,2026-06-01 to 2026-06-30,01/07/2026,31/07/2026,9.48,,Perth workshop / VM-17 / 1005 Nitrile gloves,3,2.50,,200,GST on Income,0.75,,,,,AUD,
Acme Mining,accounts@acme.example,Level 3,9 Pit Road,,,Perth,WA,6000,AU,INV-0042,2026-06-01 to 2026-06-30,01/07/2026,31/07/2026,9.48,,Perth workshop / VM-17 / 1005 Nitrile gloves / backdated,-1,2.50,,200,GST on Income,-0.25,,,,,AUD,
Acme Mining,accounts@acme.example,Level 3,9 Pit Road,,,Perth,WA,6000,AU,INV-0042,2026-06-01 to 2026-06-30,01/07/2026,31/07/2026,9.48,,Perth workshop / VM-17 / 2001 Nitrile gloves,2,1.99,,200,GST Free Income,0.00,,,,,AUD,
"""  # noqa: E501
QUICKBOOKS = """\
*InvoiceNo,*Customer,*InvoiceDate,*DueDate,Terms,Location,Memo,Item(Product/Service),ItemDescription,ItemQuantity,ItemRate,*ItemAmount,Service Date
CN-0001,Acme Mining,08/07/2026,31/07/2026,,,"Credit for INV-0042, 2026-06-01 to 2026-06-30",1005,Perth workshop / VM-17 / 1005 Nitrile gloves,-3,2.50,-7.50,30/06/2026
CN-0001,Acme Mining,08/07/2026,31/07/2026,,,"Credit for INV-0042, 2026-06-01 to 2026-06-30",1005,Perth workshop / VM-17 / 1005 Nitrile gloves / backdated,1,2.50,2.50,30/06/2026
CN-0001,Acme Mining,08/07/2026,31/07/2026,,,"Credit for INV-0042, 2026-06-01 to 2026-06-30",2001,Perth workshop / VM-17 / 2001 Nitrile gloves,-2,1.99,-3.98,30/06/2026
CN-0001,Acme Mining,08/07/2026,31/07/2026,,,"Credit for INV-0042, 2026-06-01 to 2026-06-30",Sales tax,Tax 10%,-1,0.50,-0.50,30/06/2026
"""  # noqa: E501


def contents(files: Iterable[ExportFile]) -> dict[str, bytes]:
    return {file.name: b"".join(file.chunks) for file in files}


def xero(*some: Invoice, settings: XeroSettings | None = None) -> bytes:
    (content,) = contents(xero_files(some, settings)).values()
    return content


def quickbooks(*some: Invoice, settings: QuickBooksSettings | None = None) -> bytes:
    (content,) = contents(quickbooks_files(some, settings)).values()
    return content


def test_an_invoice_for_xero_to_the_letter() -> None:
    assert xero(invoice()).decode() == XERO.replace("\n", "\r\n")


def test_a_credit_note_for_quickbooks_to_the_letter() -> None:
    files = contents(quickbooks_files([credit_note()]))
    assert files == {"quickbooks-credit.csv": QUICKBOOKS.replace("\n", "\r\n").encode()}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(invoices())
def test_both_programs_come_to_the_totals_of_the_invoice(one: Invoice) -> None:
    sign = -1 if one.type is InvoiceType.CREDIT_NOTE else 1
    net, tax = (sign * one.money(minor) for minor in (one.totals.net_minor, one.totals.tax_minor))
    assert one.number
    in_xero, in_quickbooks = read_xero(xero(one))[one.number], read_quickbooks(quickbooks(one))[one.number]
    assert (in_xero.net, in_xero.tax) == (net, tax)
    assert (in_quickbooks.net, in_quickbooks.tax) == (net, tax)


def test_tax_per_row_adds_up_to_the_tax_of_the_rate() -> None:
    """Three rows of 0.05 at 10 %: 0.015 is 0.02 for the invoice, not 0.01 three times."""
    three = xero(invoice(*[line(1, 5, product=code) for code in "abc"], line(1, 100, tax_rate_bp=1900)))
    read = read_xero(three)["INV-0042"]
    assert [row["TaxAmount"] for row in read.rows] == ["0.01", "0.00", "0.01", "0.19"]
    assert read.tax_by_type == {"GST on Income": Decimal("0.02"), "19% (Tax on Sales)": Decimal("0.19")}


@pytest.mark.parametrize(("currency", "price"), [("JPY", "250"), ("KWD", "0.250"), ("AUD", "2.50")])
def test_amounts_have_the_places_of_the_currency(currency: str, price: str) -> None:
    one = invoice(line(), currency=currency)
    assert read_xero(xero(one))["INV-0042"].rows[0]["*UnitAmount"] == price
    assert read_quickbooks(quickbooks(one))["INV-0042"].rows[0]["ItemRate"] == price


def test_names_that_are_formulas_or_hold_separators() -> None:
    names = ['=HYPERLINK("x")', "+1", "@a", "-b", 'He said "no", then\r\nleft', "Ωmega Группа 王 שלום"]
    some = [invoice(number=f"A-{n}", buyer=replace(BUYER, name=name)) for n, name in enumerate(names)]
    read = [each.customer for each in read_xero(xero(*some)).values()]
    assert read == ["'" + name if name[0] in "=+@-" else name for name in names]
    assert list(read_quickbooks(quickbooks(*some))) == [f"A-{n}" for n in range(6)]


def test_a_colon_makes_no_level_in_quickbooks() -> None:
    one = invoice(line(product="A:B"), buyer=replace(BUYER, name="Acme: Mining"))
    assert read_quickbooks(quickbooks(one))["INV-0042"].customer == "Acme- Mining"


def test_xero_files_hold_five_hundred_invoices() -> None:
    some = (invoice(line(), number=f"INV-{n}") for n in range(1001))
    files = contents(xero_files(some))
    assert list(files) == ["xero.csv", "xero-2.csv", "xero-3.csv"]
    read = [read_xero(content) for content in files.values()]
    assert [len(each) for each in read] == [500, 500, 1]
    assert [number for each in read for number in each] == [f"INV-{n}" for n in range(1001)]


def test_quickbooks_files_hold_a_hundred_invoices_or_a_thousand_rows() -> None:
    small = [invoice(line(), number=f"S-{n}") for n in range(101)]
    large = [invoice(*[line(product=str(p)) for p in range(600)], number=f"L-{n}") for n in range(2)]
    files = contents(quickbooks_files([*small, credit_note(), *large]))
    read = {name: list(read_quickbooks(content)) for name, content in files.items()}
    assert {name: len(numbers) for name, numbers in read.items()} == {
        "quickbooks.csv": 100,
        "quickbooks-2.csv": 2,
        "quickbooks-3.csv": 1,
        "quickbooks-credit.csv": 1,
    }
    assert read["quickbooks-2.csv"] == ["S-100", "L-0"]


@pytest.mark.parametrize(
    ("sites", "machines", "products", "rows"),
    [(1, 10, 99, 990), (5, 2, 100, 500), (1, 10, 1100, 10), (600, 2, 3, 600), (1000, 2, 3, 2)],
)
def test_an_invoice_of_more_rows_than_a_file_is_summed_up(sites: int, machines: int, products: int, rows: int) -> None:
    every = [
        line(1 + p, part=Part.BACKDATED if s % 2 else Part.CURRENT, site=f"s{s}", site_name=f"Site {s}",
             equipment=f"VM-{s}-{m}", product=f"p{p}")
        for s in range(sites) for m in range(machines) for p in range(products)
    ]  # fmt: skip
    one = invoice(*every)
    read = read_quickbooks(quickbooks(one))["INV-0042"]
    assert len(read.rows) == rows + 1
    assert (read.net, read.tax) == (one.money(one.totals.net_minor), one.money(one.totals.tax_minor))


def test_tax_may_be_left_to_quickbooks() -> None:
    read = read_quickbooks(quickbooks(invoice(), settings=QuickBooksSettings(tax_item="", date_format="%d/%m/%Y")))
    assert (read["INV-0042"].net, read["INV-0042"].tax, len(read["INV-0042"].rows)) == (Decimal("8.98"), 0, 3)


def test_settings_of_an_organisation() -> None:
    wanted = XeroSettings(
        account_code="4000",
        tax_types={(TaxCategory.STANDARD, 1000): "10% (VAT on Income)"},
        inventory_items=True,
        branding_theme="Standard",
    )
    first = read_xero(xero(invoice(), settings=wanted))["INV-0042"].rows[0]
    assert [first[name] for name in ("*AccountCode", "*TaxType", "InventoryItemCode", "BrandingTheme")] == [
        "4000", "10% (VAT on Income)", "1005", "Standard",
    ]  # fmt: skip


def test_a_long_address_stands_in_four_lines() -> None:
    address = Address(("a", "b", "c", "d", "e"))
    first = read_xero(xero(invoice(buyer=replace(BUYER, address=address))))["INV-0042"].rows[0]
    assert [first[f"POAddressLine{n}"] for n in range(1, 5)] == ["a", "b", "c", "d, e"]


def test_several_prices_on_a_line_become_one_piece() -> None:
    shared = line(3, 1000, price_basis=3, net_minor=1000)
    row = read_xero(xero(invoice(shared)))["INV-0042"].rows[0]
    assert (row["*Quantity"], row["*UnitAmount"]) == ("1", "10.00")
    assert row["*Description"] == "Perth workshop / VM-17 / 1005 Nitrile gloves / 3 pieces"


def test_a_draft_is_refused_and_says_what_to_do() -> None:
    for files in (xero_files, quickbooks_files):
        with pytest.raises(DraftExportError, match="invoice 7 is a draft: post it"):
            list(files([draft()]))


def test_a_number_quickbooks_cannot_hold() -> None:
    assert quickbooks(invoice(number="N" * 21))
    with pytest.raises(NumberTooLongError, match="22 characters"):
        quickbooks(invoice(number="N" * 22))

"""The sales list, the summary and the workbook, read again as a spreadsheet reads them."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from openpyxl import load_workbook

from tests.invoices import invoice, invoices, line
from tillflow.invoicing.documents.sales_list import sales_csv
from tillflow.invoicing.documents.summary import summary_csv
from tillflow.invoicing.documents.workbook import sales_xlsx
from tillflow.invoicing.model import ExcludedProduct, Invoice, Part
from tillflow.invoicing.sale_row import SaleRow

PERTH = ZoneInfo("Australia/Perth")


def sale(row_no: int = 2, quantity: int = 3, price_minor: int = 250, **changes: Any) -> SaleRow:
    values: dict[str, Any] = {
        "vended_at": datetime(2026, 6, 9, 6, 58, 10, tzinfo=PERTH),
        "recorded_at": datetime(2026, 6, 10, 2, 0, tzinfo=UTC),
        "part": Part.CURRENT,
        "site": "perth",
        "site_name": "Perth workshop",
        "equipment": "VM-17",
        "selection": "000C",
        "product": "1005",
        "product_name": "Nitrile gloves",
        "currency": "AUD",
        "tax_rate_bp": 1000,
        "user": "u-7",
        "user_name": "Zoë Ng",
        "import_id": 12,
    }
    return SaleRow(
        row_no=row_no, quantity=quantity, unit_price_minor=price_minor, amount_minor=quantity * price_minor,
        **values | changes,
    )  # fmt: skip


def read_csv(chunks: Iterable[bytes]) -> list[dict[str, str]]:
    """As Excel opens it: a BOM, then rows of the same length."""
    content = b"".join(chunks)
    assert content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_sales_list_to_the_letter() -> None:
    refund = sale(3, -1, part=Part.BACKDATED, product_name="=1+1", user_name="Смит", tax_rate_bp=0)
    assert b"".join(sales_csv([sale(), refund])).decode("utf-8-sig") == (
        "PART,VENDED_AT,SITE,SITE_NAME,EQUIPMENT,SELECTION,PRODUCT,PRODUCT_NAME,QUANTITY,UNIT_PRICE,AMOUNT,CURRENCY,"
        "TAX_RATE,USER,USER_NAME,RECORDED_AT,IMPORT_ID,ROW\r\n"
        "current,2026-06-09 06:58:10+08:00,perth,Perth workshop,VM-17,000C,1005,Nitrile gloves,3,2.50,7.50,AUD,"
        "10.00,u-7,Zoë Ng,2026-06-10 02:00:00+00:00,12,2\r\n"
        "backdated,2026-06-09 06:58:10+08:00,perth,Perth workshop,VM-17,000C,1005,'=1+1,-1,2.50,-2.50,AUD,"
        "0.00,u-7,Смит,2026-06-10 02:00:00+00:00,12,3\r\n"
    )


def test_the_sales_list_is_streamed() -> None:
    """The first piece leaves before the last sale is read."""
    read = 0

    def endless() -> Iterator[SaleRow]:
        nonlocal read
        while True:
            read += 1
            yield sale(read)

    chunks = sales_csv(endless())
    assert next(chunks).startswith(b"\xef\xbb\xbfPART")
    assert next(chunks).count(b"\r\n") == read


def test_the_summary_to_the_letter() -> None:
    excluded = ExcludedProduct("9", "Water", 4, 400)
    one = invoice(line(), line(2, 100, equipment="VM-18"), line(-1, part=Part.BACKDATED), excluded=(excluded,))
    assert b"".join(summary_csv(one)).decode("utf-8-sig") == (
        "SECTION,PART,SITE,SITE_NAME,EQUIPMENT,PRODUCT,PRODUCT_NAME,QUANTITY,UNIT_PRICE,NET,TAX_CATEGORY,TAX_RATE,"
        "TAX,GROSS,CURRENCY\r\n"
        "line,current,perth,Perth workshop,VM-17,1005,Nitrile gloves,3,2.50,7.50,S,10.00,,,AUD\r\n"
        "line,current,perth,Perth workshop,VM-18,1005,Nitrile gloves,2,1.00,2.00,S,10.00,,,AUD\r\n"
        "line,backdated,perth,Perth workshop,VM-17,1005,Nitrile gloves,-1,2.50,-2.50,S,10.00,,,AUD\r\n"
        "equipment,current,perth,Perth workshop,VM-17,,,3,,7.50,,,,,AUD\r\n"
        "equipment,current,perth,Perth workshop,VM-18,,,2,,2.00,,,,,AUD\r\n"
        "equipment,backdated,perth,Perth workshop,VM-17,,,-1,,-2.50,,,,,AUD\r\n"
        "site,current,perth,Perth workshop,,,,5,,9.50,,,,,AUD\r\n"
        "site,backdated,perth,Perth workshop,,,,-1,,-2.50,,,,,AUD\r\n"
        "part,current,,,,,,5,,9.50,,,,,AUD\r\n"
        "part,backdated,,,,,,-1,,-2.50,,,,,AUD\r\n"
        "tax,,,,,,,,,7.00,S,10.00,0.70,7.70,AUD\r\n"
        "total,,,,,,,4,,7.00,,,0.70,7.70,AUD\r\n"
        "excluded,,,,,9,Water,4,,4.00,,,,,AUD\r\n"
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(invoices())
def test_every_section_adds_up_to_the_totals(one: Invoice) -> None:
    net: dict[str, Decimal] = defaultdict(Decimal)
    tax: dict[str, Decimal] = defaultdict(Decimal)
    for row in read_csv(summary_csv(one)):
        net[row["SECTION"]] += Decimal(row["NET"])
        tax[row["SECTION"]] += Decimal(row["TAX"] or 0)
    assert {*net.values()} == {one.money(one.totals.net_minor)}
    assert tax["tax"] == tax["total"] == one.money(one.totals.tax_minor)
    assert set(net) == {"line", "equipment", "site", "part", "tax", "total"}


def test_a_workbook_of_sums_and_sales(tmp_path: Path) -> None:
    one = invoice()
    file = BytesIO()
    sales_xlsx(file, one, iter([sale(n) for n in range(3)]))
    book = load_workbook(BytesIO(file.getvalue()))
    assert book.sheetnames == ["Summary", "Sales"]
    summary, sales = ([*sheet.iter_rows(values_only=True)] for sheet in book)
    total = next(dict(zip(summary[0], row, strict=True)) for row in summary if row[0] == "total")
    assert (total["NET"], total["TAX"], total["GROSS"]) == (8.98, 0.5, 9.48)
    assert [row[-1] for row in sales] == ["ROW", 0, 1, 2]
    assert (book["Sales"]["F2"].value, book["Sales"]["J2"].number_format) == ("000C", "0.00")

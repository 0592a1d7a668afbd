"""The exception report as files that open in a spreadsheet, also when there are very many exceptions."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from openpyxl import load_workbook

from tests.integration.equipment_sync.conftest import NOW, Machines
from tillflow.equipment_sync import exception_report
from tillflow.equipment_sync.exception_export import HEADER, exceptions_csv, exceptions_xlsx
from tillflow.equipment_sync.exception_report import ExceptionFilter, OpenException, open_exceptions

#: a dump of 50,000 exceptions: five kinds in turn
TRANSACTIONS = """
insert into intake.transaction
select t.import_id, t.row_no + 10 * g, t.verdict, t.stream_id, t.seq + 10 * g, t.content_hash, t.currency,
    t.amount_minor, t.raw
from intake.transaction as t, generate_series(1, 9999) as g
"""
EXCEPTIONS = """
insert into books.exception (import_id, row_no, kind, reasons, occurred_at, recorded_at, asset_no, equipment_id,
    site_id, customer_id, currency, amount_minor)
select e.import_id, e.row_no + 10 * g, e.kind, e.reasons, e.occurred_at, e.recorded_at, e.asset_no, e.equipment_id,
    e.site_id, e.customer_id, e.currency, e.amount_minor
from books.exception as e, generate_series(1, 9999) as g
order by g, e.row_no
"""


def test_csv_and_workbook_say_the_same(synced: Machines) -> None:
    text = b"".join(exceptions_csv(synced.open())).decode("utf-8-sig")
    table = list(csv.DictReader(StringIO(text, newline="")))
    file = BytesIO()
    assert exceptions_xlsx(file, synced.open()) == 27
    sheet = load_workbook(BytesIO(file.getvalue()))["Exceptions"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:X28")
    header, *rows = sheet.iter_rows(values_only=True)
    assert header == HEADER == tuple(table[0])
    assert len(rows) == len(table) == 27
    for row, line in zip(rows, table, strict=True):
        cells = dict(zip(HEADER, ("" if cell is None else str(cell) for cell in row), strict=True))
        assert cells | {"VALUE": f"{float(cells['VALUE']):.2f}"} == line
    line = next(line for line in table if (line["IMPORT_ID"], line["ROW"]) == ("2", "5"))
    assert line | {"EXCEPTION_ID": ""} == {
        "EXCEPTION_ID": "", "IMPORT_ID": "2", "FILE": "all-machines-2026-06-16.jsonl", "ROW": "5",
        "CUSTOMER": "harbour", "CUSTOMER_NAME": "Harbour Mining Pty Ltd", "SITE": "harbour-depot",
        "SITE_NAME": "Botany depot", "EQUIPMENT": "VM-17", "VENDED_AT": "2026-06-12 09:00:00+10:00",
        "ZONE": "Australia/Sydney", "RECORDED_AT": "2026-06-16 20:00:00+00:00", "AGE_DAYS": "1", "SELECTION": "000C",
        "PRODUCT": "1005", "PRODUCT_NAME": "Ear plugs, pair", "QUANTITY": "1", "CURRENCY": "AUD", "VALUE": "1.20",
        "IDENTITY": "card **11, facility 0", "REASON_CODES": "unknown_product_selection | unknown_user",
        "REASONS": "Unknown Product Selection | Unknown User", "FIX_CODES": "add_selection | override_facility",
        "SUGGESTED_FIX": "add selection 000C -> product 1005 to planogram of VM-17 | "
        "card **11 exists with facility 57; unit reports 0: Override FAC ID is on",
    }  # fmt: skip


def test_cells_are_text_to_a_spreadsheet(machines: Machines) -> None:
    machines.vends(
        {"selection": "=1+1", "product_code": "@SUM(A1)", "product_name": "+cmd|' /C calc'!A0", "result": "refund"}
    )
    text = b"".join(exceptions_csv(machines.open())).decode("utf-8-sig")
    (line,) = csv.DictReader(StringIO(text, newline=""))
    cells = [line["SELECTION"], line["PRODUCT"], line["PRODUCT_NAME"], line["VALUE"]]
    assert cells == ["'=1+1", "'@SUM(A1)", "'+cmd|' /C calc'!A0", "-3.50"]
    file = BytesIO()
    exceptions_xlsx(file, machines.open())
    header, row = load_workbook(BytesIO(file.getvalue())).active.iter_rows()
    found = {name.value: (cell.value, cell.data_type) for name, cell in zip(header, row, strict=True)}
    assert found["SELECTION"] == ("'=1+1", "s")
    assert found["VALUE"] == (-3.5, "n")
    assert found["QUANTITY"] == (1, "n")
    assert "f" not in {kind for _, kind in found.values()}


@pytest.mark.slow
def test_fifty_thousand_exceptions_in_constant_memory(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.vends(
        {"selection": "000C", "product_code": "1005"},
        {"card_no": "4711", "override_facility": "1"},
        {"card_no": "00040020"},
        {"equipment": "VM-99"},
        {"unit_price": "2,5"},
    )
    expected = [tuple(fix.sentence for fix in one.fixes) for one in machines.open()]
    machines.conn.execute(TRANSACTIONS)
    machines.conn.execute(EXCEPTIONS)
    resident = []
    page = exception_report._page

    def measured(*given: Any) -> Any:
        resident.append(psutil.Process().memory_info().rss)
        return page(*given)

    monkeypatch.setattr(exception_report, "_page", measured)

    def exceptions() -> Iterator[OpenException]:
        for number, one in enumerate(open_exceptions(machines.conn, ExceptionFilter(), now=NOW)):
            assert tuple(fix.sentence for fix in one.fixes) == expected[number % 5]
            yield one

    assert exceptions_xlsx(tmp_path / "exceptions.xlsx", exceptions()) == 50_000
    assert len(resident) == 51  # one statement a page, the last page empty
    assert max(resident) - resident[2] < 40_000_000  # all rows would be several times that
    assert (tmp_path / "exceptions.xlsx").stat().st_size > 1_000_000

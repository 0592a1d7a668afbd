"""Workbooks are read back as a spreadsheet reads them: text is text, numbers are numbers, nothing is a formula."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from tillflow.exports import xlsx
from tillflow.exports.csv_cells import Cell, csv_chunks, write_csv
from tillflow.exports.xlsx import write_xlsx


def read_back(header: list[str], rows: list[list[Cell]], name: str = "Report") -> Any:
    file = BytesIO()
    assert write_xlsx(file, header, iter(rows), name) == len(rows)
    return load_workbook(BytesIO(file.getvalue()))


def cell(value: Cell) -> tuple[Any, str, str]:
    found = read_back(["A"], [[value]]).active["A2"]
    return found.value, found.data_type, found.number_format


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "＝1"])
def test_a_formula_becomes_text(text: str) -> None:
    assert cell(text) == (f"'{text}", "s", "General")


@pytest.mark.parametrize("text", ["0001", "000C", "1e5", "https://x.example", "true", "Zoë 王", "a\r\nb"])
def test_text_stays_text(text: str) -> None:
    value, kind, _ = cell(text)
    assert (value.replace("_x000D_", "\r"), kind) == (text, "s")


@pytest.mark.parametrize(
    ("number", "value", "form"),
    [
        (7, 7, "0"),
        (-1, -1, "0"),
        (Decimal("-2.50"), -2.5, "0.00"),
        (Decimal("300"), 300, "0"),
        (Decimal("1.234"), 1.234, "0.000"),
        (Decimal("9999999999999.99"), 9999999999999.99, "0.00"),
    ],
)
def test_numbers_are_numbers_with_their_places(number: int | Decimal, value: float, form: str) -> None:
    assert cell(number) == (value, "n", form)


def test_a_number_that_would_lose_digits_is_text() -> None:
    assert cell(1234567890123456) == ("1234567890123456", "s", "General")
    assert cell(Decimal("99999999999999.99")) == ("99999999999999.99", "s", "General")


def test_nothing_is_an_empty_cell_and_very_much_is_cut_off() -> None:
    assert cell(None)[0] is None
    assert len(cell("x" * 40_000)[0]) == 32_767


def test_the_header_is_frozen_and_filters() -> None:
    sheet = read_back(["A", "=B"], [["x", 1], ["y", 2]]).active
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet["B1"].value) == ("A2", "A1:B3", "'=B")
    assert sheet["A1"].font.bold
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (
        "landscape", None, 0,
    )  # fmt: skip
    assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.print_title_rows) == (True, "$1:$1")
    empty = read_back(["A", "B"], []).active
    assert list(empty.iter_rows(values_only=True)) == [("A", "B")]


def test_a_name_that_a_worksheet_cannot_have() -> None:
    assert read_back(["A"], [], "a/b:[c]?*" + "x" * 40).sheetnames == ["a b  c   " + "x" * 22]


def test_more_rows_than_a_worksheet_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_ROWS_PER_SHEET", 2)
    book = read_back(["N"], [[n] for n in range(5)])
    assert book.sheetnames == ["Report", "Report 2", "Report 3"]
    assert [[row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book] == [
        ["N", 0, 1],
        ["N", 2, 3],
        ["N", 4],
    ]
    assert read_back(["N"], [[0], [1]]).sheetnames == ["Report"]


def test_a_path_is_written_and_a_file_stays_open(tmp_path: Path) -> None:
    for path in (tmp_path / "a.xlsx", str(tmp_path / "b.xlsx")):
        assert write_xlsx(path, ["A"], [[1]], "S") == 1
        assert load_workbook(path).active["A2"].value == 1
    with (tmp_path / "c.xlsx").open("wb") as file:
        write_xlsx(file, ["A"], [[1]], "S")
        assert not file.closed


def test_csv_comes_in_pieces_that_ask_for_no_more_rows_than_they_hold() -> None:
    asked = []

    def rows() -> Iterator[list[Cell]]:
        for number in range(1_200):
            asked.append(number)
            yield [number, "=x"]

    pieces = csv_chunks(rows(), ["N", "T"])
    assert next(pieces) == b"\xef\xbb\xbfN,T\r\n"
    assert asked == []
    assert next(pieces).startswith(b"0,'=x\r\n1,'=x\r\n")
    assert len(asked) == 500
    assert b"\xef" not in b"".join(pieces)
    assert b"".join(csv_chunks(rows(), ["N", "T"])) == write_csv(rows(), ["N", "T"])

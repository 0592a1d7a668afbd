"""CSV cells are text to a spreadsheet, whatever they begin with."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO

import pytest

from tillflow.exports.csv_cells import safe_cell, write_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_formula_becomes_text(start: str) -> None:
    assert safe_cell(f"{start}HYPERLINK(A1)") == f"'{start}HYPERLINK(A1)"


@pytest.mark.parametrize("text", ["", "a=b", "0001", "'=1", "VM-17", " =1"])
def test_other_text_stays(text: str) -> None:
    assert safe_cell(text) == text


def test_a_file_opens_in_a_spreadsheet() -> None:
    written = write_csv(
        [["=1+1", 7, Decimal("-2.50"), None], ['Zoë "Z"\r\nB', -1, Decimal("1E+3"), "000C"]],
        ["=name", "n", "amount", "code"],
    )
    assert written.startswith(b"\xef\xbb\xbf'=name,n,amount,code\r\n'=1+1,7,-2.50,\r\n")
    rows = list(csv.reader(StringIO(written.decode("utf-8-sig"), newline="")))
    assert rows[2] == ['Zoë "Z"\r\nB', "-1", "1000", "000C"]

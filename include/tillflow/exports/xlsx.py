"""Workbooks that people filter and sort: written row by row, however many rows there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from os import PathLike, fspath
from typing import Any, BinaryIO, Final

from tillflow.exports.csv_cells import Cell, safe_cell

#: what a worksheet and a cell hold (https://support.microsoft.com, "Excel specifications and limits")
_ROWS_PER_SHEET: Final = 1_048_576 - 1
_CHARACTERS_PER_CELL: Final = 32_767
_SHEET_NAME: Final = re.compile(r"[\[\]:*?/\\']")
#: a number with more digits would lose the last ones: Excel computes in binary
_EXACT_DIGITS: Final = 15
_WIDTHS: Final = (8, 60)
_A4: Final = 9
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a workbook; more rows than a worksheet holds go on in the next."""

    name: str
    header: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def write_xlsx(
    target: str | PathLike[str] | BinaryIO, header: Sequence[str], rows: Iterable[Sequence[Cell]], sheet_name: str
) -> int:
    """A workbook of one table; returns how many rows were written."""
    return write_workbook(target, [Sheet(sheet_name, header, rows)])


def write_workbook(target: str | PathLike[str] | BinaryIO, sheets: Iterable[Sheet]) -> int:
    """Write tables, each under a frozen header with a filter; returns how many rows were written.

    Constant memory: a row is on disk before the next is asked for, so `rows` may come from a cursor.
    Text stays text, behind an apostrophe where a spreadsheet would take it for a formula, for a
    workbook is saved as CSV sooner or later; int and Decimal become numbers, a Decimal with its own
    places; None an empty cell. A binary file is not closed.
    """
    import xlsxwriter  # a DAG file is parsed every few seconds and must not pay for it

    where = fspath(target) if isinstance(target, PathLike) else target
    written = 0
    with xlsxwriter.Workbook(where, _OPTIONS) as book:
        book.use_zip64()
        for sheet in sheets:
            for number, part in enumerate(_parts(sheet.rows), start=1):
                written += _write_sheet(book, _sheet_title(sheet.name, number), sheet.header, part)
    return written


def _parts(rows: Iterable[Sequence[Cell]]) -> Iterator[Iterator[Sequence[Cell]]]:
    """The rows of each worksheet; at least one worksheet."""
    remaining = iter(rows)
    yield islice(remaining, _ROWS_PER_SHEET)
    for first in remaining:
        yield chain([first], islice(remaining, _ROWS_PER_SHEET - 1))


def _sheet_title(name: str, number: int) -> str:
    suffix = "" if number == 1 else f" {number}"
    return _SHEET_NAME.sub(" ", name)[: 31 - len(suffix)] + suffix


def _write_sheet(book: Any, title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """One worksheet; returns its number of rows without the header."""
    sheet, formats = book.add_worksheet(title), _Formats(book)
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)  # printed as wide as a page, and as long as it takes
    sheet.repeat_rows(0)
    widths = [len(name) + 4 for name in header]  # the filter's button hides four characters
    for column, name in enumerate(header):
        sheet.write_string(0, column, safe_cell(name), formats.bold)
    row_no = 0
    for row_no, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if cell is not None:
                widths[column] = max(widths[column], _write_cell(sheet, (row_no, column), cell, formats))
    sheet.autofilter(0, 0, row_no, len(header) - 1)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(max(width + 1, _WIDTHS[0]), _WIDTHS[1]))
    return row_no


def _write_cell(sheet: Any, place: tuple[int, int], cell: str | int | Decimal, formats: _Formats) -> int:
    """Write one cell; returns how many characters it shows."""
    text = cell if isinstance(cell, str) else f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
    if isinstance(cell, str) or sum(map(str.isdigit, text)) > _EXACT_DIGITS:
        sheet.write_string(*place, safe_cell(text)[:_CHARACTERS_PER_CELL])
    else:
        places = len(text.partition(".")[2])
        sheet.write_number(*place, cell, formats.number(places))
    return len(text)


class _Formats:
    """The cell formats of a workbook, each made once: a workbook keeps every format it is given."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._numbers: dict[int, Any] = {}
        self.bold = book.add_format({"bold": True})

    def number(self, places: int) -> Any:
        """Digits as they are: no separators, and as many places as the value has."""
        if places not in self._numbers:
            self._numbers[places] = self._book.add_format({"num_format": f"0.{'0' * places}" if places else "0"})
        return self._numbers[places]

"""CSV that people open in a spreadsheet: opened as text, never run as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from io import StringIO
from typing import Final, TypeAlias

Cell: TypeAlias = str | int | Decimal | None

#: What a spreadsheet takes for the beginning of a formula: `= + - @`, the blanks it skips before
#: one, and the full-width forms that Excel reads the same way in Japanese.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: str) -> str:
    """`value`, behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def write_csv(rows: Iterable[Sequence[Cell]], header: Sequence[str]) -> bytes:
    """A CSV file: UTF-8 with BOM (Excel needs it), CRLF, quotes per RFC 4180.

    Text is made safe; numbers stay numbers, so pass an amount as `Decimal("-2.50")`, which keeps
    its places and its sign. None is an empty cell.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in header])
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return safe_cell(cell)
        case Decimal():
            return format(cell, "f")  # str() would write 1E+3
        case _:
            return str(cell)

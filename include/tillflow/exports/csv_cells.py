"""CSV that people open in a spreadsheet: opened as text, never run as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from io import StringIO
from itertools import islice
from typing import Final, TypeAlias

Cell: TypeAlias = str | int | Decimal | None

#: What a spreadsheet takes for the beginning of a formula: `= + - @`, the blanks it skips before
#: one, and the full-width forms that Excel reads the same way in Japanese.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ROWS_PER_CHUNK: Final = 500


def safe_cell(value: str) -> str:
    """`value`, behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def write_csv(rows: Iterable[Sequence[Cell]], header: Sequence[str]) -> bytes:
    """The whole of `csv_chunks` at once: for files that fit into a mail."""
    return b"".join(csv_chunks(rows, header))


def csv_chunks(rows: Iterable[Sequence[Cell]], header: Sequence[str], *, bom: bool = True) -> Iterator[bytes]:
    """A CSV file in pieces: UTF-8 with BOM (Excel needs it), CRLF, quotes per RFC 4180.

    Without the BOM where another program matches the names of the header: it would belong to the first.

    Constant memory: no piece holds more than _ROWS_PER_CHUNK rows, so `rows` may come from a cursor.
    Text is made safe; numbers stay numbers, so pass an amount as `Decimal("-2.50")`, which keeps
    its places and its sign. None is an empty cell.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in header])
    yield text.getvalue().encode("utf-8-sig" if bom else "utf-8")
    remaining = iter(rows)
    while chunk := list(islice(remaining, _ROWS_PER_CHUNK)):
        text.seek(0)
        text.truncate()
        writer.writerows([_written(cell) for cell in row] for row in chunk)
        yield text.getvalue().encode()


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

"""From the bytes of one portal data file to checked columns, ready for COPY. Pure.

Every distinct value of a column is read once; an unusable one is an error of each row it stands in,
and blank for the rules that come after.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tillflow.errors import FileError
from tillflow.portal.cells import BLANKS, Reading
from tillflow.portal.tables import Column, Table

DELIMITERS: Final = (",", ";", "\t", "|")
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class FileWarning:
    """Something the operator should know about a file that is taken nevertheless."""

    code: str
    message: str
    file: str


@dataclass(slots=True)
class Sheet:
    """What a file says: `rows` as (row number, values in the table's column order)."""

    table: Table
    file: str
    rows: Iterable[tuple[object, ...]] = ()
    read: int = 0
    #: optional columns the header does not have: what is stored of them stays
    absent: list[str] = field(default_factory=list)
    errors: list[FileError] = field(default_factory=list)
    warnings: list[FileWarning] = field(default_factory=list)
    #: False: rows are missing here, so nobody can say that a key is not in this file
    complete: bool = True

    def refuse(self, code: str, message: str, row: int | None = None, column: str | None = None) -> None:
        """Add an error."""
        self.errors.append(FileError(code, message, row, column, self.file))


Record = tuple[int, list[str]]


def read_sheet(table: Table, file: str, content: bytes, reading: Reading) -> Sheet:
    """The sheet of one file; whatever is wrong with the file stands in its `errors`."""
    sheet = Sheet(table, file)
    records = read_records(sheet, content)
    if not records:
        sheet.complete = False
        if not sheet.errors:
            sheet.refuse("empty_file", "the file is empty; it needs at least its header")
        return sheet
    header_row, header = records.pop(0)
    places = _places(sheet, header_row, header)
    has_header = not sheet.errors
    regular = [record for record in records if _fits(sheet, record, len(header))]
    sheet.read = len(records)
    sheet.complete = sheet.complete and len(regular) == len(records) and not sheet.errors
    _read_columns(sheet, places, regular, reading)
    if not has_header:
        # what a column means is unsure: its values were read, no rule is tried on the rows
        sheet.rows = ()
    return sheet


def read_records(sheet: Sheet, content: bytes) -> list[Record]:
    """Every row that is not blank, the header first, as text; errors go into the sheet."""
    text = _decode(sheet, content)
    return _records(sheet, text) if text is not None else []


def sheet_of(table: Table, rows: Sequence[Mapping[str, str]], reading: Reading) -> Sheet:
    """The sheet of rows that came in no file, numbered from 1; all have the columns of the first."""
    sheet = Sheet(table, table.name, read=len(rows))
    names = [column.name for column in table.columns if column.name in rows[0]]
    sheet.absent = [column.name for column in table.columns if column.optional and column.name not in names]
    records = [(number, [row[name] for name in names]) for number, row in enumerate(rows, 1)]
    _read_columns(sheet, {name: place for place, name in enumerate(names)}, records, reading)
    return sheet


def header_names(header: list[str]) -> list[str]:
    """The names as they are compared: trimmed, lower case."""
    return [cell.strip(BLANKS).lower() for cell in header]


def _decode(sheet: Sheet, content: bytes) -> str | None:
    """UTF-8 with or without BOM, else Windows-1252, which is guessed and therefore said."""
    if content.startswith(_BYTE_ORDER_MARKS) or b"\0" in content:
        sheet.refuse("not_text", "the file is UTF-16 or no text at all; save it as CSV UTF-8")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as bad_utf8:
        row = content.count(b"\n", 0, bad_utf8.start) + 1
    try:
        decoded = content.decode("cp1252")
    except UnicodeDecodeError:
        sheet.refuse("not_text", "the file is neither UTF-8 nor Windows-1252 text; save it as CSV UTF-8", row)
        return None
    message = f"line {row} is not UTF-8; the file was read as Windows-1252: check its accented letters"
    sheet.warnings.append(FileWarning("windows_1252", message, sheet.file))
    return decoded


def _records(sheet: Sheet, content: str) -> list[Record]:
    """Every row that is not blank, numbered as a spreadsheet does (a blank row is a row)."""
    delimiter = _delimiter(content, sheet.table)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    records: list[Record] = []
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if "".join(cells).strip(BLANKS):
                records.append((number, cells))
    except csv.Error:
        sheet.complete = False
        message = "a quote is opened in this row and not closed before the next delimiter or the end of the file"
        sheet.refuse("unbalanced_quote", message, number + 1)
    return records


def _delimiter(content: str, table: Table) -> str:
    """The delimiter that makes most known column names of the first line that is not blank."""
    line = content.lstrip().split("\n", 1)[0]
    known = {column.name for column in table.columns}

    def known_names(delimiter: str) -> int:
        return len(known.intersection(header_names(line.replace('"', "").split(delimiter))))

    return max(DELIMITERS, key=known_names)


def _places(sheet: Sheet, row: int, header: list[str]) -> dict[str, int]:
    """Where each known column stands; says which are missing, repeated or unknown."""
    names = header_names(header)
    known = {column.name: column for column in sheet.table.columns}
    places = {name: place for place, name in reversed(list(enumerate(names))) if name in known}
    for name, column in known.items():
        if name not in places and column.optional:
            sheet.absent.append(name)
        elif name not in places:
            sheet.refuse("missing_header", f"the column {name} is missing; add it to the header", row, name)
    for name, count in Counter(names).items():
        if name in known and count > 1:
            sheet.refuse("duplicate_header", f"the column {name} stands {count} times", row, name)
    for place, name in enumerate(names, 1):
        if name not in known:
            shown = _shown_header(name, place, has_header=bool(places))
            sheet.refuse("unknown_header", f"{shown} is no column of {sheet.table.name}.csv", row)
    return places


def _shown_header(name: str, place: int, *, has_header: bool) -> str:
    """A wrong name is quoted only if it can be one: in a file without a header it may be a PIN."""
    is_name = has_header and re.fullmatch("[a-z][a-z _-]{1,39}", name)
    return f'"{name}" (column {place})' if is_name else f"column {place}"


def _fits(sheet: Sheet, record: Record, width: int) -> bool:
    number, cells = record
    if len(cells) == width:
        return True
    sheet.refuse("ragged_row", f"the row has {len(cells)} fields, the header has {width}", number)
    return False


def _read_columns(sheet: Sheet, places: dict[str, int], records: list[Record], reading: Reading) -> None:
    """Column by column, then turned into rows."""
    numbers: list[object] = [number for number, _ in records]
    columns = [numbers]
    for column in sheet.table.columns:
        if column.name in places:
            place = places[column.name]
            cells = [row[place].strip(BLANKS) for _, row in records]
            columns.append(_read_column(sheet, column, numbers, cells, reading))
        else:
            columns.append([column.default] * len(records))
    sheet.rows = zip(*columns, strict=True)


def _read_column(
    sheet: Sheet, column: Column, numbers: list[object], cells: list[str], reading: Reading
) -> list[object]:
    values: dict[str, object] = {cell: column.kind.read(cell, reading) for cell in set(cells) if cell}
    unusable = {cell for cell, value in values.items() if value is None}
    values[""] = column.default
    if unusable or (not column.optional and "" in cells):
        for number, cell in zip(numbers, cells, strict=True):
            row = int(str(number))
            if cell in unusable:
                sheet.refuse("bad_value", _not_usable(column, cell), row, column.name)
            elif not cell and not column.optional:
                sheet.refuse(
                    "missing_value", f"the value is missing; expected is {column.kind.expects}", row, column.name
                )
    return [values[cell] for cell in cells]


def _not_usable(column: Column, cell: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in cell)
    quoted = f'"{printable[:40]}{"…" if len(printable) > 40 else ""}"' if column.shown else "the value"
    return f"{quoted} is not {column.kind.expects}"

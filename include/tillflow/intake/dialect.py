"""How the rows of a file are written: delimiter and header of a CSV, or JSON Lines. Pure."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import Final

from tillflow.errors import FileError
from tillflow.intake.card_numbers import holds_card_number

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_COLUMNS: Final = 200


@dataclass(frozen=True)
class Layout:
    """What a kind of file must and may hold; header names are lower case."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    #: header -> why the column is refused
    forbidden: tuple[tuple[str, str], ...] = ()
    takes_json_lines: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        """All columns with a meaning, in the documented order."""
        return self.required + self.optional


@dataclass(frozen=True)
class Dialect:
    """The form of one file. `columns` are lower-case header names in the file's order."""

    form: str
    delimiter: str
    columns: tuple[str, ...]


def is_json_lines(head: bytes) -> bool:
    """The first character decides: no CSV header begins with a brace."""
    return head.lstrip()[:1] == b"{"


def read_header(head: bytes, encoding: str, layout: Layout) -> tuple[Dialect, list[FileError]]:
    """The dialect by the header line, and everything that is wrong with the header."""
    line = head.split(b"\n", 1)[0].rstrip(b"\r").decode(encoding, errors="replace")
    delimiter = _delimiter(line, layout)
    names = next(csv.reader([line], delimiter=delimiter), [])
    columns = tuple(name.strip().strip("\ufeff").lower() for name in names)
    return Dialect("csv", delimiter, columns), _header_errors(columns, layout)


def _delimiter(line: str, layout: Layout) -> str:
    known = set(layout.known)

    def fit(delimiter: str) -> tuple[int, int]:
        names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
        return len(known.intersection(names)), len(names)

    return max(DELIMITERS, key=fit)


def _header_errors(columns: tuple[str, ...], layout: Layout) -> list[FileError]:
    if len(columns) > MAX_COLUMNS:
        text = f"the header has {len(columns):,} columns; at most {MAX_COLUMNS} are taken"
        return [FileError("too_many_columns", text, 1)]
    if any(map(holds_card_number, columns)):
        # Alone, for the other messages name columns.
        text = "the header holds a card number; is the header row missing? The file was not stored"
        return [FileError("card_number_present", text, 1)]
    errors = [
        FileError("missing_header", f"the column {name.upper()} is missing; add it to the header", 1, name.upper())
        for name in layout.required
        if name not in columns
    ]
    errors += [
        FileError("duplicate_header", f"the column {name.upper()} stands {count} times", 1, name.upper())
        for name, count in Counter(columns).items()
        if count > 1 and name
    ]
    errors += [
        FileError("forbidden_header", reason, 1, name.upper()) for name, reason in layout.forbidden if name in columns
    ]
    if any(not name for name in columns):
        errors.append(FileError("missing_header", "a column has no name; name it or remove it", 1))
    return errors

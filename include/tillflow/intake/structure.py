"""Where the rows of a CSV begin and end by RFC 4180, counted with arrays: for files an engine will not read.

Only a file that is refused, or that has blank lines, pays for this pass.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np

from tillflow.errors import FileError
from tillflow.intake.source import Source

_LISTED: Final = 1_000
#: a row that is longer than this, quoted line breaks included, is an open quote
_LONGEST_ROW: Final = 8 << 20
_QUOTED_FIELD: Final = re.compile(rb'"(?:[^"]|"")*(?P<end>"|\Z)')


@dataclass
class Structure:
    """What the pass found. Rows count as a spreadsheet does."""

    rows: int = 0
    blank_rows: list[int] = field(default_factory=list)
    ragged: list[tuple[int, int]] = field(default_factory=list)
    open_quote_row: int | None = None

    def errors(self, columns: int) -> list[FileError]:
        """The file errors: every ragged row (at most 1,000 of them) and the quote that is never closed."""
        errors = [
            FileError("ragged_row", f"the row has {found} fields, the header has {columns}", row)
            for row, found in self.ragged[:_LISTED]
        ]
        if self.open_quote_row is not None:
            text = "a quote is opened here and never closed"
            errors.append(FileError("unbalanced_quote", text, self.open_quote_row))
        return errors


def count_structure(source: Source, delimiter: str, columns: int) -> Structure:
    """Read the file once more and find its blank and ragged rows, and a quote that never closes."""
    found = Structure()
    carry = b""
    for block in source.blocks():
        carry = _whole_rows(found, carry + block, delimiter, columns)
        if len(carry) > _LONGEST_ROW:
            found.open_quote_row = _row_of_open_quote(found.rows, carry, delimiter)
            return found
    if carry.count(b'"') % 2:
        found.open_quote_row = _row_of_open_quote(found.rows, carry, delimiter)
    elif carry:
        _whole_rows(found, carry + b"\n", delimiter, columns)
    return found


def blank_lines(source: Source) -> list[int]:
    """Numbers of the blank lines, the first line being 1: for JSON Lines, where a line is a row."""
    found: list[int] = []
    number, carry = 0, b""
    for block in source.blocks():
        *lines, carry = (carry + block).split(b"\n")
        found.extend(number + place for place, line in enumerate(lines, 1) if not line.strip())
        number += len(lines)
    return found


def first_unreadable_line(source: Source) -> int | None:
    """The first line that is no JSON object: the engine counts lines in its own way."""
    number, carry = 0, b""
    for block in chain(source.blocks(), [b"\n"]):
        *lines, carry = (carry + block).split(b"\n")
        for line in lines:
            number += 1
            if line.strip() and not _is_object(line):
                return number
    return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _whole_rows(found: Structure, data: bytes, delimiter: str, columns: int) -> bytes:
    """Count the rows that end in `data`; returns what is left of the last one."""
    text = np.frombuffer(data, dtype=np.uint8)
    outside = (np.cumsum(text == ord('"')) % 2) == 0
    ends = np.flatnonzero((text == ord("\n")) & outside)
    if ends.size == 0:
        return data
    cuts = np.flatnonzero((text == ord(delimiter)) & outside)
    starts = np.concatenate(([0], ends[:-1] + 1))
    fields = np.searchsorted(cuts, ends) - np.searchsorted(cuts, starts) + 1
    length = ends - starts
    bare = (length == 0) | ((length == 1) & (text[np.minimum(starts, len(text) - 1)] == ord("\r")))
    numbers = found.rows + 1 + np.arange(ends.size)
    found.blank_rows.extend(numbers[bare].tolist())
    wrong = ~bare & (fields != columns)
    room = max(0, _LISTED - len(found.ragged))
    found.ragged.extend(zip(numbers[wrong][:room].tolist(), fields[wrong][:room].tolist(), strict=True))
    found.rows += int(ends.size)
    return data[int(ends[-1]) + 1 :]


def _row_of_open_quote(rows_before: int, rest: bytes, delimiter: str) -> int:
    """The row of the first quoted field that has no end, or whose end is not followed by a delimiter.

    A forgotten quote swallows text up to the next quote in some later row, so the last one is not it.
    """
    after_field = {delimiter.encode(), b"\r", b"\n"}
    at = 0
    for field_ in _QUOTED_FIELD.finditer(rest):
        at = field_.start()
        if field_["end"] != b'"' or rest[field_.end() : field_.end() + 1] not in after_field:
            break
    return rows_before + 1 + rest.count(b"\n", 0, at)

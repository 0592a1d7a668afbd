"""A generated file: its rows, what must become of each, and its bytes in every accepted form."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tillflow.samples.expected import Balance, Expected, balance

Format = Literal["csv", "jsonl"]


@dataclass(frozen=True)
class SampleFile:
    """Rows as they stand in the file, with the verdict of each; row numbers belong to `format`."""

    header: tuple[str, ...]
    rows: list[dict[str, str]]
    expected: list[Expected]
    format: Format = "csv"

    @property
    def first_row(self) -> int:
        """The number of the first row: a CSV has a header above it."""
        return 2 if self.format == "csv" else 1

    @property
    def balance(self) -> Balance:
        """Rows and money by verdict."""
        return balance(self.expected)

    def content(self) -> bytes:
        """The file in its plainest form."""
        return as_csv(self.header, self.rows) if self.format == "csv" else as_jsonl(self.rows)


def as_csv(
    header: Sequence[str],
    rows: Sequence[Mapping[str, str | None] | None],
    *,
    delimiter: str = ",",
    quote_all: bool = False,
    line_end: str = "\n",
    bom: bool = False,
) -> bytes:
    """A CSV per RFC 4180 in UTF-8; a row that is None becomes a blank line."""
    buffer = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow(header)
    for row in rows:
        if row is None:
            buffer.write(line_end)
        else:
            writer.writerow([row.get(column) or "" for column in header])
    return (b"\xef\xbb\xbf" if bom else b"") + buffer.getvalue().encode()


def as_jsonl(rows: Sequence[Mapping[str, str | None] | None], *, line_end: str = "\n") -> bytes:
    """One JSON object per line, without the fields that are empty; None becomes a blank line."""
    lines = [
        "" if row is None else json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False)
        for row in rows
    ]
    return "".join(line + line_end for line in lines).encode()


def gzipped(content: bytes) -> bytes:
    """Compressed without a time stamp: the same content gives the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)

"""From a file to sanitised rows in one streaming pass: the PIN is hashed and card numbers are found on the way."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NoReturn

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tillflow.db.queries import texts_beside
from tillflow.errors import FileError, FileRefusedError, UnavailableError
from tillflow.intake.card_numbers import REMOVED, holds_card_number
from tillflow.intake.dialect import Dialect, Layout
from tillflow.intake.scan import Scan
from tillflow.intake.source import Source
from tillflow.intake.structure import Structure, blank_lines, count_structure, first_unreadable_line
from tillflow.pins import pin_hash

_SQL: Final = texts_beside(__file__, "stage.duckdb.sql")
_SHA256_BLOCK: Final = 64


@dataclass(frozen=True)
class Staged:
    """Sanitised rows in a Parquet file: every column of the file as text, `pin` as `pin_hash`."""

    path: Path
    rows: int
    #: the spreadsheet row of the first data row
    first_row: int
    #: spreadsheet rows that are blank: they hold no data and shift the numbers of those below
    blank_rows: tuple[int, ...]


def stage(
    engine: duckdb.DuckDBPyConnection,
    source: Source,
    scan: Scan,
    dialect: Dialect,
    layout: Layout,
    *,
    pin_secret: bytes,
    target: Path,
) -> Staged:
    """Write the sanitised rows of `source` to `target`, which appears whole or not at all.

    Raises FileRefusedError with every structural error, or with every card number's place.
    """
    structure = Structure()
    if scan.has_blank_lines and dialect.form == "csv":
        structure = count_structure(source, dialect.delimiter, len(dialect.columns))
    elif scan.has_blank_lines:
        structure.blank_rows = blank_lines(source)
    redactions = _define_sanitisers(engine, pin_secret)
    part = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _readable(source, scan) as path:
            raw = _raw_rows(engine, path, dialect, layout)
            raw.create_view("raw")
            write = "write_sanitised_with_pin" if "pin" in raw.columns else "write_sanitised"
            engine.execute(_SQL[write], {"target": str(part)})
        if redactions:
            _refuse_card_numbers(engine, source, part, structure)
        staged = Staged(target, _count(part), 1 if dialect.form == "json_lines" else 2, tuple(structure.blank_rows))
        _check_count(source, scan, dialect, staged)
        part.replace(target)
    except duckdb.InvalidInputException as error:
        _refuse_unreadable(source, dialect, error)
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        first = str(error).splitlines()[0]
        raise UnavailableError(f"the storage does not work: {first}; nothing was booked, try again") from error
    finally:
        part.unlink(missing_ok=True)
    return staged


def _define_sanitisers(engine: duckdb.DuckDBPyConnection, pin_secret: bytes) -> list[None]:
    """Define the macros of the projection; the list grows with every value that was redacted."""
    redactions: list[None] = []

    def redacted(value: str) -> str:
        if not holds_card_number(value):
            return value
        redactions.append(None)
        return REMOVED

    engine.create_function("redacted", redacted, ["VARCHAR"], "VARCHAR")
    key = pin_secret if len(pin_secret) <= _SHA256_BLOCK else hashlib.sha256(pin_secret).digest()
    key = key.ljust(_SHA256_BLOCK, b"\0")
    engine.register("four_digits", _hashes_of_four_digits(pin_secret))
    engine.execute(_SQL["set_pin_hashes"])
    engine.execute("set variable inner_key = $1", [bytes(byte ^ 0x36 for byte in key)])
    engine.execute("set variable outer_key = $1", [bytes(byte ^ 0x5C for byte in key)])
    engine.execute(_SQL["create_macros"])
    engine.execute(_SQL["create_pin_macro"])
    return redactions


@lru_cache(maxsize=1)
def _hashes_of_four_digits(pin_secret: bytes) -> pa.Table:
    pins = range(10_000)
    return pa.table({"pin": pins, "hash": [str(pin_hash(pin_secret, f"{pin:04}")) for pin in pins]})


def _raw_rows(
    engine: duckdb.DuckDBPyConnection, path: str, dialect: Dialect, layout: Layout
) -> duckdb.DuckDBPyRelation:
    if dialect.form == "json_lines":
        fields = ", ".join(f"field['{name}'] as {name}" for name in layout.known)
        query = _SQL["from_json_lines"].replace("{columns}", fields)
        return engine.sql(query, params={"path": path, "known": list(layout.known)})
    # A column of the operator's own must not be taken for one of ours.
    columns = {name if name in layout.known else f"extra.{name}": "VARCHAR" for name in dialect.columns}
    parameters: dict[str, Any] = {"path": path, "delimiter": dialect.delimiter, "columns": columns}
    return engine.sql(_SQL["from_csv"], params=parameters)


@contextmanager
def _readable(source: Source, scan: Scan) -> Iterator[str]:
    """A path the engine can read UTF-8 text from: the file itself, or a pipe that we fill meanwhile."""
    if source.local_path is not None and scan.encoding == "utf-8":
        yield str(source.local_path)
        return
    reader, writer = os.pipe()

    def fill() -> None:
        # The engine closes its end when it refuses the file: it will say why.
        with suppress(BrokenPipeError), os.fdopen(writer, "wb") as pipe:
            for block in source.blocks():
                pipe.write(block if scan.encoding == "utf-8" else block.decode(scan.encoding).encode())

    feeder = threading.Thread(target=fill, name="unpack", daemon=True)
    feeder.start()
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
        feeder.join()


def _count(parquet: Path) -> int:
    return int(pq.read_metadata(parquet).num_rows)


def _check_count(source: Source, scan: Scan, dialect: Dialect, staged: Staged) -> None:
    """The engine's rows against the lines we counted ourselves, where a line is a row."""
    expected = scan.lines - staged.first_row + 1 - len(staged.blank_rows)
    if dialect.form == "csv" and scan.quotes == 0 and staged.rows != expected:
        text = f"{expected} rows were counted and {staged.rows} were read; the file is damaged"
        source.refuse("unreadable_file", text)
    if staged.rows == 0:
        source.refuse("empty_file", "the file has a header and no rows")


def _refuse_card_numbers(engine: duckdb.DuckDBPyConnection, source: Source, part: Path, structure: Structure) -> None:
    text = "the field holds a card number; use a gateway token. The file was not stored"
    places = engine.sql(_SQL["places_of"], params={"path": str(part), "value": REMOVED}).fetchall()
    rows = data_rows(2, structure.blank_rows)
    raise FileRefusedError(
        source.file_name,
        [FileError("card_number_present", text, rows(index), column.upper()) for index, column in places],
    )


def data_rows(first_row: int, blank_rows: Sequence[int]) -> Callable[[int], int]:
    """Index of a data row (from 0) -> its spreadsheet row, blank rows counted."""
    # The k-th blank row stands behind this many data rows.
    before = [blank - first_row - k for k, blank in enumerate(blank_rows)]
    return lambda index: index + first_row + bisect_right(before, index)


def _refuse_unreadable(source: Source, dialect: Dialect, error: duckdb.Error) -> NoReturn:
    """Say what is wrong in our words: the engine's message would quote the row, and stop at the first."""
    errors: list[FileError] = []
    if dialect.form == "csv":
        structure = count_structure(source, dialect.delimiter, len(dialect.columns))
        errors = structure.errors(len(dialect.columns))
    if not errors and dialect.form == "json_lines":
        errors = [FileError("unreadable_file", "the line is no JSON object", first_unreadable_line(source))]
    if not errors:
        line = re.search(r"(?:Line: |line )(\d+)", str(error))
        row = int(line[1]) if line else None
        errors = [FileError("unreadable_file", "the line is no row of this file's form", row)]
    raise FileRefusedError(source.file_name, errors) from None

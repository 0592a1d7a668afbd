"""Load portal data from files: every row of every file, or nothing and the list of what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg import errors, sql

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import BrokenBalanceError, FileError, FileRefusedError
from tillflow.money import EXPONENTS
from tillflow.portal.cells import Reading
from tillflow.portal.read_sheet import FileWarning, Sheet, read_sheet
from tillflow.portal.tables import TABLES, Table, table_of

log = logging.getLogger(__name__)

_staging: Final = beside(__file__, "staging.sql")
_load: Final = beside(__file__, "load.sql")


@dataclass(frozen=True, slots=True)
class TableCount:
    """What became of one table's rows: `read = added + changed + unchanged`.

    `removed` (selections a planogram does not have any more) and `ended` (periods a later one ends)
    are records that no row names.
    """

    read: int
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class PortalLoad:
    """What a load did, or would do (`preview`); `counts` by table, in the order of loading."""

    counts: Mapping[str, TableCount]
    warnings: tuple[FileWarning, ...]
    preview: bool


def load_portal_data(
    conn: Connection,
    files: Mapping[str, bytes],
    *,
    actor: str,
    now: datetime,
    pin_secret: bytes,
    preview: bool = False,
    zone: str = "UTC",
) -> PortalLoad:
    """Apply `files` (`customers.csv` -> its bytes; any subset of the tables), all or nothing.

    Records are added or changed by their natural key; what no row names stays. Plain dates that
    belong to no site or customer are days of `zone`. Loads wait for each other. Raises
    FileRefusedError with every error; then, and in a preview, nothing is changed.
    """
    name = next(iter(files)) if len(files) == 1 else "portal data"
    if not files:
        raise FileRefusedError(name, [FileError("empty_file", "there is no file to load")])
    sheets, strays = _read(files, Reading(ZoneInfo(zone), pin_secret))
    with loading(conn, name) as transaction:
        counts = load_sheets(conn, sheets, strays, name=name, actor=actor, now=now, zone=zone)
        if preview:
            raise psycopg.Rollback(transaction)
    log.info("portal data by %s%s: %s", actor, " (preview)" if preview else "", counts)
    return PortalLoad(counts, tuple(note for sheet in sheets for note in sheet.warnings), preview)


@contextmanager
def loading(conn: Connection, name: str) -> Iterator[psycopg.Transaction]:
    """A transaction in which it is this caller's turn: nobody else changes portal data until it ends."""
    try:
        with conn.transaction() as transaction:
            _staging.take_turn(conn)
            yield transaction
    except errors.IntegrityError as error:
        raise FileRefusedError(name, [_conflict(error)]) from None


def load_sheets(
    conn: Connection,
    sheets: list[Sheet],
    strays: list[FileError],
    *,
    name: str,
    actor: str,
    now: datetime,
    zone: str,
    reason: str | None = None,
) -> dict[str, TableCount]:
    """Check and write the sheets in the transaction of `loading`, and record it; `reason` goes into the history.

    Raises FileRefusedError with every error.
    """
    _stage(conn, sheets)
    for sheet in sheets:
        _take_steps(conn, sheet, zone)
    problems = strays + _errors(conn, sheets)
    if problems:
        raise FileRefusedError(name, problems)
    counts = _counts(conn, sheets)
    _load.record(conn, now=now, actor=actor, reason=reason)
    return counts


def period_of(conn: Connection, sheet: Sheet, *, zone: str) -> tuple[datetime | None, datetime | None] | None:
    """From when to when the one row of a dated table lasts, its days made instants; None is open. Writes nothing.

    None where the row does not say enough. Raises FileRefusedError where what it says is wrong.
    """
    with conn.transaction(force_rollback=True):
        _stage(conn, [sheet])
        checks = sheet.table.checks
        _run(conn, sheet, checks[: checks.index("arrive") + 1], zone)
        if problems := _errors(conn, [sheet]):
            raise FileRefusedError(sheet.table.name, problems)
        period: tuple[datetime | None, datetime | None] | None = _load.arrived(conn, file=sheet.table.name)
    return period


def _conflict(error: psycopg.Error) -> FileError:
    # Not the error's message: PostgreSQL quotes the values of the row.
    broken = error.diag.constraint_name
    message = f"the database refused a record ({broken}): was it edited meanwhile? Load again"
    return FileError("conflicting_change", message)


def _read(files: Mapping[str, bytes], reading: Reading) -> tuple[list[Sheet], list[FileError]]:
    """The sheets, in the order in which tables refer to each other; and the files that are none."""
    sheets: dict[Table, Sheet] = {}
    strays = []
    for name, content in files.items():
        table = table_of(name)
        if table is None:
            strays.append(FileError("unknown_table", "there is no such table of portal data", file=name))
        elif table in sheets:
            message = f"{table.name} is there already, as {sheets[table].file}"
            strays.append(FileError("duplicate_table", message, file=name))
        else:
            sheets[table] = read_sheet(table, name, content, reading)
    return [sheets[table] for table in TABLES if table in sheets], strays


def _stage(conn: Connection, sheets: list[Sheet]) -> None:
    """All rows, and what reading them has found, into temporary tables."""
    _staging.make_staging(conn)
    _copy(conn, "exponent", ["currency", "places"], EXPONENTS.items())
    for sheet in sheets:
        columns = [column.name for column in sheet.table.columns]
        _copy(conn, f"staged_{sheet.table.name}", ["row_no", *columns], sheet.rows)
        found = [(sheet.table.name, e.row, e.column, e.code, e.message) for e in sheet.errors]
        _copy(conn, "file_error", ["file", "row_no", "column_name", "code", "message"], found)
    _staging.analyze_staging(conn)
    _load.check_zones(conn)


def _take_steps(conn: Connection, sheet: Sheet, zone: str) -> None:
    """Check a table, and write it where nothing is wrong, so that the next tables can refer to it."""
    _run(conn, sheet, sheet.table.checks, zone)
    # Past an error the constraints of the database would speak first, and name one row instead of all.
    if not _load.has_errors(conn, file=sheet.table.name):
        _run(conn, sheet, ("analyze_work", *sheet.table.writes), zone)


def _run(conn: Connection, sheet: Sheet, steps: tuple[str, ...], zone: str) -> None:
    table = sheet.table
    own = beside(__file__, table.sql)
    given: dict[str, Any] = {"file": table.name, "absent": sheet.absent, "zone": zone}
    for step in steps:
        query = getattr(own, f"{step}_{table.name}", None) or getattr(_load, step)
        query(conn, **{name: given[name] for name in query.parameters or ()})


def _copy(conn: Connection, table: str, columns: list[str], rows: Any) -> None:
    statement = sql.SQL("copy pg_temp.{} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _errors(conn: Connection, sheets: list[Sheet]) -> list[FileError]:
    """Everything that is wrong, file by file in the order of loading, by row and column."""
    unreadable = [sheet.table.name for sheet in sheets if not sheet.complete]
    files = {sheet.table.name: sheet for sheet in sheets}

    def place(found: tuple[str, int | None, str | None, str, str]) -> tuple[int, int, int, str]:
        name, row, column, code, _ = found
        names = [known.name for known in files[name].table.columns]
        return list(files).index(name), row or 0, names.index(column) if column in names else -1, code

    return [
        FileError(code, message, row, column, files[name].file)
        for name, row, column, code, message in sorted(_load.errors(conn, unreadable=unreadable), key=place)
    ]


def _counts(conn: Connection, sheets: list[Sheet]) -> dict[str, TableCount]:
    found = {name: numbers for name, *numbers in _load.counts(conn)}
    counts = {}
    for sheet in sheets:
        count = TableCount(sheet.read, *found.get(sheet.table.name, ()))
        if count.read != count.added + count.changed + count.unchanged:
            raise BrokenBalanceError(f"{sheet.file}: {count} does not add up; nothing was loaded")
        counts[sheet.table.name] = count
    return counts

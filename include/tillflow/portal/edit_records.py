"""Change one record of portal data: by the staging and the checks of a file's load, so each rule is written once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from psycopg import errors, sql

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import FileError, FileRefusedError, TillflowError
from tillflow.portal.cells import BLANKS, Reading
from tillflow.portal.load_portal_data import load_sheets, loading, period_of
from tillflow.portal.periods import Period, moment
from tillflow.portal.read_sheet import sheet_of
from tillflow.portal.record_history import history_key, last_change
from tillflow.portal.records import (
    Key,
    NoSuchRecordError,
    Record,
    Stored,
    Value,
    get_record,
    get_stored,
    iso,
    key_of,
    list_records,
    table_named,
)
from tillflow.portal.tables import Table

#: the token of somebody who has seen that the record is not there yet
NEW: Final = "new"

_sql: Final = beside(__file__, "edit_records.sql")
_uses: Final = beside(__file__, "uses.sql")
#: how many of the records that still name one are named themselves
_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Editing:
    """Who edits, when and why; the key that hashes PINs; the zone of days that belong to no place."""

    actor: str
    now: datetime
    pin_secret: bytes
    zone: str = "UTC"
    reason: str | None = None

    @property
    def reading(self) -> Reading:
        """What the readers of cells need."""
        return Reading(ZoneInfo(self.zone), self.pin_secret)


class RecordRefusedError(TillflowError):
    """The record is not as the rules want it; all its `errors` are listed, by column. Nothing was saved."""

    def __init__(self, one: str, found: Sequence[FileError]) -> None:
        self.errors = list(dict.fromkeys(replace(error, row=None, file=None) for error in found))
        said = "; ".join(f"{error.column}: {error.message}" if error.column else error.message for error in self.errors)
        super().__init__(f"the {one} was not saved: {said}")


class StaleRecordError(TillflowError):
    """Somebody else was first: the record is not what the person saw. Nothing was saved."""

    def __init__(self, message: str, current: Record | None) -> None:
        self.current = current
        super().__init__(message)


class StillUsedError(TillflowError):
    """Other records or the books name the record, so it stays; `used_by`: table -> keys, cut off where many."""

    def __init__(self, one: str, key: Sequence[str], used_by: Mapping[str, Sequence[str]]) -> None:
        self.used_by = used_by
        said = "; ".join(f"{table}: {_listed(keys)}" if keys else table for table, keys in used_by.items())
        super().__init__(f"the {one} {'/'.join(filter(None, key))} is still used by {said}")


def put_record(
    conn: Connection, table: str, fields: Mapping[str, Value], *, editing: Editing, expected: str | None = None
) -> Record:
    """Add the record, or change the one with its key; columns that are not given stay, or take their default.

    `expected`: the token of the record as the person saw it, or NEW. Raises RecordRefusedError with every error,
    StaleRecordError, NoSuchRecordError where there is no such table. A selection of a planogram comes into the version
    that begins at its `valid_from`; the version's other selections stay, and have its `valid_to`.
    """
    kind = table_named(table)
    row = _texts(kind, fields)
    with turn(conn, kind):
        row = _at_an_instant(conn, kind, row, editing)
        stored = _found(conn, kind, key_of(kind, row))
        check_unchanged(conn, kind, key_of(kind, row), stored, expected)
        rows = _whole(conn, kind, row, stored)
        load_rows(conn, kind, rows, editing)
        return get_record(conn, table, key_of(kind, row))


def delete_record(
    conn: Connection, table: str, key: Sequence[str], *, editing: Editing, expected: str | None = None
) -> None:
    """Remove the record. Raises NoSuchRecordError, StaleRecordError, StillUsedError."""
    kind = table_named(table)
    with turn(conn, kind):
        stored = get_stored(conn, table, key)
        check_unchanged(conn, kind, stored.record.key, stored, expected)
        used_by = _used_by(conn, kind, stored)
        if used_by:
            raise StillUsedError(kind.one, stored.record.key, used_by)
        try:
            _remove(conn, kind, stored)
        except errors.ForeignKeyViolation as error:  # by a table that uses.sql does not know
            raise StillUsedError(kind.one, stored.record.key, {str(error.diag.table_name): []}) from None
        _sql.record_removed(
            conn,
            now=editing.now,
            actor=editing.actor,
            subject=f"portal.{kind.name}",
            key=history_key(kind, stored.record.key),
            reason=editing.reason,
            before=json.dumps(dict(stored.record.fields)),
        )


@contextmanager
def turn(conn: Connection, table: Table) -> Iterator[None]:
    """A transaction in which nobody else edits portal data; a load's refusal becomes that of the record."""
    try:
        with loading(conn, table.name):
            yield
    except FileRefusedError as refusal:
        raise RecordRefusedError(table.one, refusal.errors) from None


def load_rows(conn: Connection, table: Table, rows: Sequence[Mapping[str, str]], editing: Editing) -> None:
    """Load the rows as those of a file. Raises FileRefusedError."""
    sheet = sheet_of(table, rows, editing.reading)
    load_sheets(
        conn,
        [sheet],
        [],
        name=table.name,
        actor=editing.actor,
        now=editing.now,
        zone=editing.zone,
        reason=editing.reason,
    )


def instants(
    conn: Connection, table: Table, row: Mapping[str, str], editing: Editing
) -> tuple[datetime | None, datetime | None] | None:
    """When the row's period begins and ends, by the rules of its table; None where it does not say enough.

    Raises FileRefusedError where what it says is wrong.
    """
    found = period_of(conn, sheet_of(table, [row], editing.reading), zone=editing.zone)
    if found is not None and (period := Period(*found)).is_empty:
        message = f"the period ends {moment(period.ends)}, not after its beginning {moment(period.starts)}"
        raise FileRefusedError(table.name, [FileError("bad_value", message, column="valid_to")])
    return found


def check_unchanged(conn: Connection, table: Table, key: Key, stored: Stored | None, expected: str | None) -> None:
    """Raise StaleRecordError where the record is not what was expected."""
    if expected is None or expected == (NEW if stored is None else stored.record.token):
        return
    name = f"{table.one} {'/'.join(filter(None, key))}"
    if stored is None:
        message = f"the {name} was removed meanwhile; nothing was saved"
    elif expected == NEW:
        message = f"the {name} is there already; nothing was saved"
    else:
        message = (
            f"the {name} was changed meanwhile{last_change(conn, table, key)}; nothing was saved: look at it again"
        )
    raise StaleRecordError(message, None if stored is None else stored.record)


def text_of(value: Value) -> str:
    """A value as a cell says it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(table: Table, fields: Mapping[str, Value]) -> dict[str, str]:
    known = {column.name for column in table.columns}
    strange = [
        f'"{name}"' if name.isidentifier() and len(name) <= 40 else "a name" for name in fields if name not in known
    ]
    if strange:
        message = f"no column of {table.name}; there are {', '.join(column.name for column in table.columns)}"
        raise RecordRefusedError(table.one, [FileError("unknown_header", f"{name} is {message}") for name in strange])
    return {name: text_of(value).strip(BLANKS) for name, value in fields.items()}


def _at_an_instant(conn: Connection, table: Table, row: dict[str, str], editing: Editing) -> dict[str, str]:
    """The row with the instant that its first day means: only then is it known which record it names."""
    if table.is_dated and len(row.get("valid_from", "")) == 10:
        with suppress(FileRefusedError):  # the load says it, with what else is wrong
            period = instants(conn, table, row, editing)
            if period is not None:
                return row | {"valid_from": iso(period[0])}
    return row


def _found(conn: Connection, table: Table, key: Key) -> Stored | None:
    try:
        return get_stored(conn, table.name, key)
    except NoSuchRecordError:
        return None


def _whole(conn: Connection, table: Table, row: dict[str, str], stored: Stored | None) -> list[dict[str, str]]:
    """The row with everything it must have; a selection together with the others of its version."""
    for column in table.columns:
        if not column.optional and column.name not in row:
            row[column.name] = text_of(stored.record.fields[column.name]) if stored is not None else ""
    if table.name != "planograms":
        return [row]
    try:
        version = {"equipment": row["equipment"], "valid_from": row["valid_from"]}
        others = list_records(conn, table.name, filters=version, most=None)
    except NoSuchRecordError:
        others = []
    shared = {"valid_to": row["valid_to"]} if "valid_to" in row else {}
    return [row] + [
        {name: text_of(value) for name, value in other.fields.items() if name in row} | shared
        for other in others
        if other.fields["selection"] != row["selection"]
    ]


def _used_by(conn: Connection, table: Table, stored: Stored) -> dict[str, list[str]]:
    used_by: dict[str, list[str]] = {}
    query = getattr(_uses, f"uses_of_{table.name}", None)
    for place, key in query(conn, id=stored.id) if query is not None else ():
        used_by.setdefault(place, []).extend([] if key is None else [key])
    if table.name == "operators" and _sql.is_last_provider(conn, id=stored.id):
        used_by["everybody: it is the last grant of provider, nobody could edit portal data any more"] = []
    return used_by


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more


def _remove(conn: Connection, table: Table, stored: Stored) -> None:
    if table.name == "planograms":
        _sql.delete_selection(conn, id=stored.id, selection=stored.record.fields["selection"])
        _sql.delete_empty_planogram(conn, id=stored.id)
    else:
        name = sql.Identifier("portal", table.stored_in)
        conn.execute(sql.SQL("delete from {} where id = %s").format(name), [stored.id])

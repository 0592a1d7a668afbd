"""What a user may do: their role, and access to machines that begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import FileError
from tillflow.portal.edit_records import Editing, RecordRefusedError, instants, load_rows, put_record, turn
from tillflow.portal.periods import Period, moment
from tillflow.portal.records import Record, get_record, iso
from tillflow.portal.tables import BY_NAME

_sql: Final = beside(__file__, "user_edits.sql")
_TABLE: Final = BY_NAME["access"]


def change_role(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Give a user another role. Raises NoSuchRecordError, RecordRefusedError."""
    named = {name: arguments[name] for name in ("customer", "user")}
    with turn(conn, BY_NAME["users"]):
        seen = get_record(conn, "users", tuple(named.values()))
        return put_record(conn, "users", named | {"role": arguments["role"]}, editing=editing, expected=seen.token)


def give_access(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Let a user vend at a machine: for all time, or from `valid_from`, to `valid_to`. Raises RecordRefusedError."""
    row = {name: arguments.get(name, "") for name in ("customer", "user", "equipment", "valid_from", "valid_to")}
    with turn(conn, _TABLE):
        wanted = _period(conn, row, editing)
        who = {name: row[name] for name in ("customer", "user", "equipment")}
        for found in _sql.access_during(conn, **who, starts=wanted.starts, ends=wanted.ends):
            raise _refused(
                f"user {row['user']} has access to {row['equipment']} {Period(*found)} already", "valid_from"
            )
        return _write(conn, row, wanted, editing)


def end_access(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """End the access that a user has `at` a moment, at that moment. Raises RecordRefusedError."""
    row = {name: arguments[name] for name in ("customer", "user", "equipment")}
    with turn(conn, _TABLE):
        at = _period(conn, row | {"valid_from": "", "valid_to": arguments["at"]}, editing).ends
        found = _sql.access_at(conn, **row, at=at)
        if found is None:
            raise _refused(f"user {row['user']} has no access to {row['equipment']} at {moment(at)}", "at")
        there = Period(*found)
        if there.starts == at:
            raise _refused(f"the access of user {row['user']} to {row['equipment']} begins then: remove it", "at")
        return _write(conn, row, Period(there.starts, at), editing)


def _period(conn: Connection, row: Mapping[str, str], editing: Editing) -> Period:
    found = instants(conn, _TABLE, row, editing)
    if found is None:
        raise RecordRefusedError(
            _TABLE.one, [FileError("missing_value", "name the customer, the user and the machine")]
        )
    return Period(*found)


def _write(conn: Connection, row: Mapping[str, str], period: Period, editing: Editing) -> Record:
    load_rows(conn, _TABLE, [{**row, "valid_from": iso(period.starts), "valid_to": iso(period.ends)}], editing)
    return get_record(conn, _TABLE.name, (row["customer"], row["user"], row["equipment"], iso(period.starts)))


def _refused(message: str, column: str) -> RecordRefusedError:
    return RecordRefusedError(_TABLE.one, [FileError("overlapping_period", message, column=column)])

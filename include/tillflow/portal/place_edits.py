"""Machines allocated to a site, or moved to another one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import FileError
from tillflow.portal.edit_records import Editing, RecordRefusedError, instants, load_rows, turn
from tillflow.portal.periods import Period, moment
from tillflow.portal.records import Record, get_record, iso
from tillflow.portal.tables import BY_NAME

_sql: Final = beside(__file__, "place_edits.sql")
_TABLE: Final = BY_NAME["allocations"]


def allocate(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Allocate a machine to a site from `valid_from` on, or to `valid_to`. One that stands somewhere is moved instead.

    An open allocation ends where the next one of the machine begins. Raises RecordRefusedError.
    """
    row = {name: arguments.get(name, "") for name in ("equipment", "site", "valid_from", "valid_to")}
    with turn(conn, _TABLE):
        wanted = _period(conn, row, editing)
        for site, starts, ends in _sql.allocations_during(
            conn, equipment=row["equipment"], starts=wanted.starts, ends=wanted.ends
        ):
            there = Period(starts, ends)
            if wanted.ends is None and there.starts is not None and there.starts > _begin(wanted):
                break  # it ends there
            raise _refused(f"{row['equipment']} is allocated to {site} {there}: move it from there, or end that first")
        return _write(conn, row, wanted, editing)


def move(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Move a machine to another site `at` a moment: its open allocation ends there. Raises RecordRefusedError."""
    row = {
        "equipment": arguments["equipment"],
        "site": arguments["site"],
        "valid_from": arguments["at"],
        "valid_to": "",
    }
    with turn(conn, _TABLE):
        wanted = _period(conn, row, editing)
        found = _sql.allocation_at(conn, equipment=row["equipment"], at=wanted.starts)
        if found is None:
            raise _refused(f"{row['equipment']} is allocated to no site at {moment(wanted.starts)}: allocate it")
        site, there = found[0], Period(*found[1:])
        if site == row["site"] or there.starts == wanted.starts:
            raise _refused(f"{row['equipment']} is allocated to {site} {there}: there is nothing to move")
        if there.ends is not None:
            raise _refused(
                f"{row['equipment']} is allocated to {site} {there}: allocate it from then, or end that first"
            )
        return _write(conn, row, wanted, editing)


def _begin(period: Period) -> datetime:
    assert period.starts is not None  # an allocation always begins
    return period.starts


def _period(conn: Connection, row: Mapping[str, str], editing: Editing) -> Period:
    found = instants(conn, _TABLE, row, editing)
    if found is None:
        raise RecordRefusedError(_TABLE.one, [FileError("missing_value", "name the machine, the site and the time")])
    return Period(*found)


def _write(conn: Connection, row: Mapping[str, str], period: Period, editing: Editing) -> Record:
    load_rows(conn, _TABLE, [{**row, "valid_from": iso(period.starts), "valid_to": iso(period.ends)}], editing)
    return get_record(conn, _TABLE.name, (row["equipment"], iso(period.starts)))


def _refused(message: str) -> RecordRefusedError:
    return RecordRefusedError(_TABLE.one, [FileError("overlapping_period", message, column="equipment")])

"""Selections added or repaired in a machine's planogram, and planograms copied to another machine or from a date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import FileError
from tillflow.portal.edit_records import Editing, RecordRefusedError, instants, load_rows, text_of, turn
from tillflow.portal.periods import Period, moment
from tillflow.portal.records import Record, get_record, iso, list_records
from tillflow.portal.tables import BY_NAME

_sql: Final = beside(__file__, "planogram_edits.sql")
_TABLE: Final = BY_NAME["planograms"]
_SELECTION: Final = ("equipment", "selection", "product", "price", "currency")


def repair_selection(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Put a selection into the version in force `at` a moment, for all of that version's time.

    A selection that is there already with another content is kept, unless `replaces` names the product it has; a
    blank price is then that of the one replaced. Raises RecordRefusedError.
    """
    wanted = {name: arguments.get(name, "") for name in _SELECTION}
    with turn(conn, _TABLE):
        at = _instant(conn, wanted | {"valid_from": arguments["at"]}, editing)
        version, rows = _in_force(conn, wanted["equipment"], at)
        changed = _with(rows, wanted, arguments.get("replaces", ""), version)
        given = editing if editing.reason else replace(editing, reason=f"into the planogram in force at {moment(at)}")
        load_rows(conn, _TABLE, [row | _lasting(version) for row in changed], given)
        return get_record(conn, _TABLE.name, (wanted["equipment"], iso(version.starts), wanted["selection"]))


def change_selection_from(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Put a selection into the planogram from `valid_from` on: the version in force then ends there, and goes on
    as a new one that has the selection. Raises RecordRefusedError.
    """
    wanted = {name: arguments.get(name, "") for name in _SELECTION}
    with turn(conn, _TABLE):
        starts = _instant(conn, wanted | {"valid_from": arguments["valid_from"]}, editing)
        version, rows = _in_force(conn, wanted["equipment"], starts)
        changed = _with(rows, wanted, arguments.get("replaces", ""), version)
        begun = [] if starts == version.starts else [row | _lasting(Period(version.starts, starts)) for row in rows]
        given = editing if editing.reason else replace(editing, reason=f"the selection from {moment(starts)} on")
        load_rows(conn, _TABLE, [row | _lasting(Period(starts, version.ends)) for row in changed] + begun, given)
        return get_record(conn, _TABLE.name, (wanted["equipment"], iso(starts), wanted["selection"]))


def clone_planogram(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Copy the version in force `at` a moment, to the same or another machine, from `valid_from` on.

    An open version of that machine ends where the copy begins; an open copy where that machine's next version does.
    Any other overlap is refused. Returns the first selection of the copy. Raises RecordRefusedError.
    """
    source = arguments["equipment"]
    target = {"equipment": arguments.get("to_equipment") or source}
    target |= {"valid_from": arguments["valid_from"], "valid_to": arguments.get("valid_to", "")}
    with turn(conn, _TABLE):
        at = _instant(conn, {"equipment": source, "valid_from": arguments["at"]}, editing)
        _, rows = _in_force(conn, source, at)
        copy = _period(conn, target, editing)
        _refuse_collisions(conn, target["equipment"], copy)
        given = editing if editing.reason else replace(editing, reason=f"copied from {source} as of {moment(at)}")
        load_rows(conn, _TABLE, [row | {"equipment": target["equipment"]} | _lasting(copy) for row in rows], given)
        key = (target["equipment"], iso(copy.starts), rows[0]["selection"])
        return get_record(conn, _TABLE.name, key)


def _instant(conn: Connection, row: Mapping[str, str], editing: Editing) -> datetime:
    starts = _period(conn, row, editing).starts
    assert starts is not None  # a version always begins
    return starts


def _period(conn: Connection, row: Mapping[str, str], editing: Editing) -> Period:
    # a price may be blank here: what is replaced may have one
    found = instants(conn, _TABLE, {name: text for name, text in row.items() if text}, editing)
    if found is None:
        raise RecordRefusedError(_TABLE.one, [FileError("missing_value", "name the machine and the time")])
    return Period(*found)


def _in_force(conn: Connection, equipment: str, at: datetime) -> tuple[Period, list[dict[str, str]]]:
    """The version in force and its rows."""
    found = _sql.version_at(conn, equipment=equipment, at=at)
    if found is None:
        raise RecordRefusedError(_TABLE.one, [_none_in_force(conn, equipment, at)])
    version = Period(*found)
    records = list_records(
        conn, _TABLE.name, filters={"equipment": equipment, "valid_from": iso(version.starts)}, most=None
    )
    return version, [{name: text_of(record.fields[name]) for name in _SELECTION} for record in records]


def _none_in_force(conn: Connection, equipment: str, at: datetime) -> FileError:
    ended, begins = _sql.versions_around(conn, equipment=equipment, at=at)
    around = [f"one ended {moment(ended)}"] if ended else []
    around += [f"one begins {moment(begins)}"] if begins else []
    nearest = f" ({', '.join(around)})" if around else ""
    message = f"{equipment} had no planogram at {moment(at)}{nearest}: add one that covers it"
    return FileError("unknown_reference", message, column="equipment")


def _with(
    rows: Sequence[dict[str, str]], wanted: dict[str, str], replaces: str, version: Period
) -> list[dict[str, str]]:
    """The rows of a version with the wanted one first. Raises RecordRefusedError where another one is in its place."""
    there = next((row for row in rows if row["selection"] == wanted["selection"]), None)
    if there is not None and replaces == there["product"] and not wanted["price"]:
        wanted |= {"price": there["price"], "currency": there["currency"]}
    if there is not None and there != wanted and replaces != there["product"]:
        message = (
            f"selection {there['selection']} of {there['equipment']} is product {there['product']} for "
            f"{there['price']} {there['currency']} {version}; say that it replaces {there['product']}, or leave it"
        )
        raise RecordRefusedError(_TABLE.one, [FileError("taken_value", message, column="selection")])
    if there is None and replaces:
        message = f"selection {wanted['selection']} of {wanted['equipment']} is not product {replaces} any more"
        raise RecordRefusedError(_TABLE.one, [FileError("bad_value", message, column="replaces")])
    return [wanted, *(row for row in rows if row is not there)]


def _refuse_collisions(conn: Connection, equipment: str, copy: Period) -> None:
    for starts, ends in _sql.versions_during(conn, equipment=equipment, starts=copy.starts, ends=copy.ends):
        is_ended_by_it = ends is None and starts < copy.starts
        ends_it = copy.ends is None and starts > copy.starts
        if not (is_ended_by_it or ends_it):
            message = f"{equipment} has a planogram {Period(starts, ends)}, the copy would be in force {copy}"
            raise RecordRefusedError(_TABLE.one, [FileError("overlapping_period", message, column="valid_from")])


def _lasting(period: Period) -> dict[str, str]:
    return {"valid_from": iso(period.starts), "valid_to": iso(period.ends)}

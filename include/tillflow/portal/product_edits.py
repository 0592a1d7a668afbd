"""Products that are recorded and not invoiced, from a date on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.errors import FileError
from tillflow.portal.cells import INSTANT
from tillflow.portal.edit_records import Editing, RecordRefusedError, put_record, turn
from tillflow.portal.periods import moment
from tillflow.portal.records import Record, get_record
from tillflow.portal.tables import BY_NAME

_TABLE: Final = BY_NAME["products"]


def exclude_product(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Record the product without invoicing it, from `valid_from` on. Raises NoSuchRecordError, RecordRefusedError."""
    product, given = arguments["product"], arguments["valid_from"]
    with turn(conn, _TABLE):
        there = get_record(conn, _TABLE.name, (product,)).fields["not_invoiced_from"]
        wanted = INSTANT.read(given.strip(), editing.reading)
        if there is not None and wanted is not None and _moment(there) != _moment(wanted):
            message = f"product {product} is not invoiced from {moment(_moment(there))} on already: undo that first"
            raise RecordRefusedError(_TABLE.one, [FileError("taken_value", message, column="valid_from")])
        return put_record(conn, _TABLE.name, {"product": product, "not_invoiced_from": given}, editing=editing)


def include_product(conn: Connection, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Invoice the product again, also what was sold meanwhile. Raises NoSuchRecordError."""
    product = arguments["product"]
    with turn(conn, _TABLE):
        get_record(conn, _TABLE.name, (product,))
        return put_record(conn, _TABLE.name, {"product": product, "not_invoiced_from": None}, editing=editing)


def _moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text))

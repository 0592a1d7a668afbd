"""The records of portal data as a person sees them: listed page by page, or one by its key. Reads only.

A record has the columns of its file, so what is listed can be written to a CSV and loaded again. A PIN is never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from psycopg import sql

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.money import from_minor
from tillflow.portal import cells
from tillflow.portal.tables import BY_NAME, Column, Table

#: what a column holds: text, a whole number, a flag; None where it is blank. Moments are ISO 8601 in UTC.
Value: TypeAlias = str | int | bool | None
#: the values of a table's key columns as text, in their order; blank where one is
Key: TypeAlias = tuple[str, ...]

_sql: Final = beside(__file__, "records.sql")
#: what is stored in minor units -> its column in the file
_MONEY: Final = {"price_minor": "price", "approval_limit_minor": "approval_limit"}
#: keys and filters hold neither PINs nor days whose zone would matter
_READING: Final = cells.Reading(ZoneInfo("UTC"), b"")


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `token` stands for what was seen: it differs as soon as anything of the record does."""

    table: str
    key: Key
    fields: Mapping[str, Value]
    token: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A record and the number of its row."""

    id: int
    record: Record


class NoSuchRecordError(TillflowError):
    """There is no such table or record, or none that this person may know of: nobody learns which."""

    def __init__(self, table: str, key: Sequence[str] = ()) -> None:
        one = BY_NAME[table].one if table in BY_NAME else "table"
        shown = "/".join(filter(None, key)) if table in BY_NAME else table
        printable = "".join(letter if letter.isprintable() else "?" for letter in shown)
        super().__init__(f"there is no such {one}" + (f": {printable[:200]}" if shown else ""))


def table_named(name: str) -> Table:
    """The table. Raises NoSuchRecordError."""
    if name not in BY_NAME:
        raise NoSuchRecordError(name)
    return BY_NAME[name]


def list_records(
    conn: Connection,
    table: str,
    *,
    filters: Mapping[str, str] | None = None,
    after: Sequence[str] | None = None,
    most: int | None = 100,
    viewer: Sequence[str] | None = None,
) -> list[Record]:
    """The records behind the key `after` in the order of their keys, at most `most`; of dated tables each period.

    `filters`: column -> the value it must have. A filter that no record can meet finds none; a column that is none, or
    is secret, raises NoSuchRecordError. `viewer`: only what belongs to these customers.
    """
    found = table_named(table)
    places: list[sql.Composable] = [sql.SQL("true")]
    bound: dict[str, Any] = {}
    for place, (name, text) in enumerate((filters or {}).items()):
        column = found.column(name)
        if column is None or column.kind is cells.PIN or name in _MONEY.values():
            raise NoSuchRecordError(table)
        bound[f"filter_{place}"] = value = _readable(column, text)
        if value is None:
            return []
        places.append(sql.SQL("{} = {}").format(sql.Identifier("r", name), sql.Placeholder(f"filter_{place}")))
    if after is not None:
        key = _key_values(found, after)
        if key is None:
            raise NoSuchRecordError(table, after)
        bound |= key
        places.append(sql.SQL("({}) > ({})").format(_columns(found), _placeholders(found)))
    return [one.record for one in _ask(conn, found, places, bound, most, viewer)]


def get_record(conn: Connection, table: str, key: Sequence[str], *, viewer: Sequence[str] | None = None) -> Record:
    """One record. Raises NoSuchRecordError, also where it belongs to none of the `viewer`'s customers."""
    return get_stored(conn, table, key, viewer=viewer).record


def get_stored(conn: Connection, table: str, key: Sequence[str], *, viewer: Sequence[str] | None = None) -> Stored:
    """One record with the number of its row. Raises NoSuchRecordError."""
    found = table_named(table)
    bound = _key_values(found, key)
    same = sql.SQL("({}) = ({})").format(_columns(found), _placeholders(found))
    rows = [] if bound is None else list(_ask(conn, found, [same], bound, 1, viewer))
    if not rows:
        raise NoSuchRecordError(table, key)
    return rows[0]


def fields_of(stored: Mapping[str, Any], priced_in: str | None = None) -> dict[str, Value]:
    """A record in the words of the judges -> in those of its file. The PIN stays behind."""
    fields = {name: value for name, value in stored.items() if name != "pin" and name not in _MONEY}
    currency = priced_in or stored.get("currency")
    for minor, column in _MONEY.items():
        if minor in stored and currency:
            fields[column] = None if stored[minor] is None else from_minor(stored[minor], currency)
    if fields.get("tax_rate") is not None:
        fields["tax_rate"] = f"{Decimal(str(fields['tax_rate'])).normalize():f}"
    return fields


def key_of(table: Table, fields: Mapping[str, Value]) -> Key:
    """The key of a record. A buyer who has a number is known by it alone."""
    key = tuple("" if fields.get(name) is None else str(fields[name]) for name in table.key)
    return (key[0], "") if table.name == "buyers" and key[0] else key


def _ask(
    conn: Connection,
    table: Table,
    places: list[sql.Composable],
    bound: Mapping[str, Any],
    most: int | None,
    viewer: Sequence[str] | None,
) -> Iterator[Stored]:
    query = getattr(_sql, table.name)
    # the hash is taken of the page alone, not of every record that is sorted
    statement = sql.SQL(
        "select r.id, to_jsonb(r) - array['id', 'priced_in'], to_jsonb(r) ->> 'priced_in',"
        " encode(sha256(convert_to((to_jsonb(r) - array['id', 'priced_in'])::text, 'UTF8')), 'hex')"
        " from (select r.* from ({records}) as r where {conditions} order by {key} limit {most}) as r order by {key}"
    ).format(
        records=sql.SQL(query.sql.strip().rstrip(";")),
        conditions=sql.SQL(" and ").join(places),
        key=_columns(table),
        most=sql.Placeholder("most"),
    )
    given = {**bound, "most": most, "viewer": None if viewer is None else list(viewer)}
    for row_id, stored, priced_in, token in conn.execute(statement, given):
        fields = fields_of(stored, priced_in)
        ordered = {column.name: fields[column.name] for column in table.columns if column.name in fields}
        yield Stored(row_id, Record(table.name, key_of(table, fields), ordered, token))


def _columns(table: Table) -> sql.Composed:
    """The key's columns as they are ordered and compared: plain where they are never null, so that indexes serve."""
    if table.name == "buyers":  # one with a number is known by it alone
        return sql.Composed(
            [sql.SQL("coalesce(r.customer_id, ''), case when r.customer_id is null then r.email else '' end")]
        )
    return sql.SQL(", ").join(map(_compared, _key_columns(table)))


def _compared(column: Column) -> sql.Composable:
    name = sql.Identifier("r", column.name)
    if not column.optional:
        return name
    blank = "-infinity" if column.kind.form == "moment" else ""
    return sql.SQL("coalesce({}, {})").format(name, sql.Literal(blank))


def _placeholders(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Placeholder(f"key_{column.name}") for column in _key_columns(table))


def _key_columns(table: Table) -> list[Column]:
    columns = {column.name: column for column in table.columns}
    return [columns[name] for name in table.key]


def _key_values(table: Table, key: Sequence[str]) -> dict[str, Any] | None:
    """The key as values to compare with; None where it can be no record's."""
    if len(key) != len(table.key):
        return None
    bound: dict[str, Any] = {}
    for column, text in zip(_key_columns(table), key, strict=True):
        blank = ("-infinity" if column.kind.form == "moment" else "") if column.optional and not text else None
        value = blank if blank is not None else _readable(column, text)
        if value is None:
            return None
        bound[f"key_{column.name}"] = value
    return bound


def _readable(column: Column, text: str) -> object | None:
    """What a key or a filter says; None where the column cannot hold it."""
    value = column.kind.read(text.strip(cells.BLANKS), _READING) if text else None
    return None if value is None or (isinstance(value, str) and len(value) == 0) else value


def iso(moment: datetime | None) -> str:
    """A moment as a record says it; blank for none."""
    return "" if moment is None else moment.isoformat()

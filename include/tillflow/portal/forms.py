"""What a page needs to know of a table or an edit to show its form or list: made from the tables themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tillflow.codes import PortalEdit
from tillflow.portal import cells
from tillflow.portal.records import table_named
from tillflow.portal.special_edits import SPECIAL_EDITS
from tillflow.portal.tables import TABLES, Column


@dataclass(frozen=True, slots=True)
class FormColumn:
    """One field. `kind`: text, whole, flag, choice, currency, zone, email, percent, amount, day, moment or pin."""

    name: str
    kind: str
    #: what it takes, for a person
    expects: str
    required: bool
    default: str
    choices: tuple[str, ...]
    #: the table whose key it is: a list to choose from
    refers_to: str | None
    #: it can be written and never read
    secret: bool
    #: it is personal: not in messages, masked in the history where it identifies somebody
    personal: bool


@dataclass(frozen=True, slots=True)
class Form:
    """A table, or a special edit of one. `key` tells its records apart; `is_dated`: they are periods."""

    name: str
    table: str
    one: str
    key: tuple[str, ...]
    is_dated: bool
    columns: tuple[FormColumn, ...]


def describe(table: str) -> Form:
    """The form of one record. Raises NoSuchRecordError."""
    kind = table_named(table)
    return Form(kind.name, kind.name, kind.one, kind.key, kind.is_dated, _columns(kind.columns))


def describe_edit(edit: PortalEdit) -> Form:
    """The form of a special edit."""
    special = SPECIAL_EDITS[edit]
    kind = table_named(special.table)
    return Form(edit.value, kind.name, kind.one, kind.key, kind.is_dated, _columns(special.arguments))


def table_names() -> tuple[str, ...]:
    """Every table, in the order in which they refer to each other."""
    return tuple(table.name for table in TABLES)


def _columns(columns: Iterable[Column]) -> tuple[FormColumn, ...]:
    return tuple(
        FormColumn(
            name=column.name,
            kind=column.kind.form,
            expects=column.kind.expects,
            required=not column.optional,
            default="" if column.default is None else str(column.default).lower(),
            choices=column.kind.choices,
            refers_to=column.refers_to,
            secret=column.kind is cells.PIN,
            personal=not column.shown,
        )
        for column in columns
    )

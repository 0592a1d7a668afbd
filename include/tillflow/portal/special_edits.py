"""The edits that are more than one record, by name, with what each must be told: for forms, scripts and fixes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tillflow.codes import PortalEdit
from tillflow.db.connection import Connection
from tillflow.errors import FileError
from tillflow.portal import cells
from tillflow.portal.edit_records import Editing, RecordRefusedError
from tillflow.portal.place_edits import allocate, move
from tillflow.portal.planogram_edits import change_selection_from, clone_planogram, repair_selection
from tillflow.portal.product_edits import exclude_product, include_product
from tillflow.portal.records import Record
from tillflow.portal.tables import BY_NAME, Column
from tillflow.portal.user_edits import change_role, end_access, give_access


@dataclass(frozen=True, slots=True)
class SpecialEdit:
    """What it changes, what it must be told, and who does it. Days are those of the place, as in the table's file."""

    table: str
    arguments: tuple[Column, ...]
    carry_out: Callable[[Connection, Mapping[str, str], Editing], Record]


def _columns(table: str, *names: str, optional: tuple[str, ...] = ()) -> tuple[Column, ...]:
    columns = {column.name: column for column in BY_NAME[table].columns}
    return tuple(
        Column(name, columns[name].kind, name in optional, shown=columns[name].shown, refers_to=columns[name].refers_to)
        for name in (*names, *optional)
    )


_AT: Final = Column("at", cells.DAY_OR_INSTANT)
_FROM: Final = Column("valid_from", cells.DAY_OR_INSTANT)
_TO: Final = Column("valid_to", cells.DAY_OR_INSTANT, optional=True)
_SELECTION: Final = (
    *_columns("planograms", "equipment", "selection", "product", optional=("price", "currency")),
    Column("replaces", cells.text(40), optional=True, refers_to="products"),
)
_ACCESS: Final = _columns("access", "customer", "user", "equipment")

SPECIAL_EDITS: Final[Mapping[PortalEdit, SpecialEdit]] = {
    PortalEdit.REPAIR_SELECTION: SpecialEdit("planograms", (*_SELECTION, _AT), repair_selection),
    PortalEdit.CHANGE_SELECTION_FROM: SpecialEdit("planograms", (*_SELECTION, _FROM), change_selection_from),
    PortalEdit.CLONE_PLANOGRAM: SpecialEdit(
        "planograms",
        (
            *_columns("planograms", "equipment"),
            _AT,
            Column("to_equipment", cells.text(40), optional=True, refers_to="equipment"),
            _FROM,
            _TO,
        ),
        clone_planogram,
    ),
    PortalEdit.ALLOCATE: SpecialEdit(
        "allocations", (*_columns("allocations", "equipment", "site"), _FROM, _TO), allocate
    ),
    PortalEdit.MOVE: SpecialEdit("allocations", (*_columns("allocations", "equipment", "site"), _AT), move),
    PortalEdit.CHANGE_ROLE: SpecialEdit("users", _columns("users", "customer", "user", "role"), change_role),
    PortalEdit.GIVE_ACCESS: SpecialEdit(
        "access", (*_ACCESS, Column("valid_from", cells.DAY_OR_INSTANT, optional=True), _TO), give_access
    ),
    PortalEdit.END_ACCESS: SpecialEdit("access", (*_ACCESS, _AT), end_access),
    PortalEdit.EXCLUDE_PRODUCT: SpecialEdit("products", (*_columns("products", "product"), _FROM), exclude_product),
    PortalEdit.INCLUDE_PRODUCT: SpecialEdit("products", _columns("products", "product"), include_product),
}


def carry_out(conn: Connection, edit: PortalEdit, arguments: Mapping[str, str], editing: Editing) -> Record:
    """Do it; the record that came of it. Raises RecordRefusedError with what is wrong, NoSuchRecordError."""
    special = SPECIAL_EDITS[edit]
    given = {name: text.strip(cells.BLANKS) for name, text in arguments.items()}
    problems = [
        FileError("missing_value", f"the value is missing; expected is {column.kind.expects}", column=column.name)
        for column in special.arguments
        if not column.optional and not given.get(column.name)
    ]
    known = {column.name: column for column in special.arguments}
    problems += [
        FileError("bad_value", f"the value is not {known[name].kind.expects}", column=name)
        for name, text in given.items()
        if name in known and text and known[name].kind.read(text, editing.reading) is None
    ]
    problems += [
        FileError("unknown_header", f"{edit.value} takes no such value; it takes {', '.join(known)}")
        for name in given
        if name not in known
    ]
    if problems:
        raise RecordRefusedError(edit.value.replace("_", " "), problems)
    return special.carry_out(conn, given, editing)

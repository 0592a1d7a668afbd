"""From a suggested fix to the edit that carries it out: exceptions and portal data meet here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tillflow.codes import PortalEdit
from tillflow.db.queries import beside
from tillflow.equipment_sync.exception_facts import Fix, FixCode, FixForm
from tillflow.equipment_sync.exception_report import ExceptionFilter, OpenException, open_exceptions
from tillflow.errors import FileError, TillflowError
from tillflow.portal.edit_records import NEW, RecordRefusedError
from tillflow.portal.records import Record, Value, table_named
from tillflow.portal_desk import PortalDesk

_SQL: Final = beside(__file__, "portal_fixes.sql")


class NoSuchExceptionError(TillflowError):
    """No open exception has this number, or none that the person may know of: nobody learns which."""

    def __init__(self, exception_id: int) -> None:
        super().__init__(f"there is no such open exception: {exception_id}")


class OtherFixError(TillflowError):
    """Portal data has changed since the suggestion was read: `fixes` are those of now. Nothing was saved."""

    def __init__(self, exception_id: int, fixes: tuple[Fix, ...]) -> None:
        self.fixes = fixes
        said = "; ".join(fix.sentence for fix in fixes)
        super().__init__(f"this does not help exception {exception_id} any more; nothing was saved. Now: {said}")


def exception_of(desk: PortalDesk, exception_id: int) -> OpenException:
    """An open exception with its suggested fixes, as the person may see it. Raises NoSuchExceptionError."""
    for wanted in _visible(desk):
        for one in open_exceptions(desk.conn, wanted, now=desk.now, after=exception_id - 1, most=1):
            if one.vend.id == exception_id:
                return one
    if _SQL.is_there(desk.conn, id=exception_id):
        _SQL.record_denied(desk.conn, now=desk.now, actor=desk.person or "(nobody)", key=str(exception_id))
    raise NoSuchExceptionError(exception_id)


def apply_fix(desk: PortalDesk, exception_id: int, code: FixCode, supplied: Mapping[str, str] | None = None) -> Record:
    """Carry out the fix of an exception that the person has read; `supplied`: what they added to its form, or changed.

    What was shown to the machine (the whole card number) comes from the vend, where it is not supplied. The exception
    itself waits for a reconciliation. Raises NoSuchExceptionError, OtherFixError, and what the edit raises.
    """
    one = exception_of(desk, exception_id)
    form = next((fix.form for fix in one.fixes if fix.code is code), None)
    if form is None:
        raise OtherFixError(exception_id, one.fixes)
    arguments = {**form.arguments, **(supplied or {})}
    for name in form.from_vend:
        arguments[name] = arguments.get(name) or getattr(_SQL, f"{name}_of")(desk.conn, id=exception_id)
    _require(form, arguments)
    reason = f"{code.value} for exception {exception_id}"
    if form.edit is not PortalEdit.PUT_RECORD:
        return desk.edit(form.edit, arguments, reason=reason)
    fields: dict[str, Value] = dict(arguments)
    return desk.put_record(form.table, fields, expected=NEW if form.is_new else None, reason=reason)


def _require(form: FixForm, arguments: Mapping[str, str]) -> None:
    table = table_named(form.table)
    blank = [name for name in form.missing if not arguments.get(name, "").strip()]
    if blank:
        message = "the exception does not say it: fill it in"
        raise RecordRefusedError(table.one, [FileError("missing_value", message, column=name) for name in blank])


def _visible(desk: PortalDesk) -> list[ExceptionFilter]:
    customers = desk.customers()
    if customers is None:
        return [ExceptionFilter(zone=desk.settings.zone)]
    return [ExceptionFilter(customer=one, viewer=one, zone=desk.settings.zone) for one in customers]

"""Portal data: its tables, the records of one, one record with its history, and the forms that change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from tillflow.codes import Capability, PortalEdit
from tillflow.portal.edit_records import RecordRefusedError, StaleRecordError, StillUsedError
from tillflow.portal.forms import Form, describe
from tillflow.portal.record_history import Event, masked
from tillflow.portal.records import NoSuchRecordError, Record, Value, table_named
from tillflow.portal_desk import PortalDesk
from tillflow.web.grants import Desk, needs
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.portal_forms import fill, given_by, label_of
from tillflow.web.pages.portal_links import EDITS, RELATED, record_query
from tillflow.web.pages.rendering import href, render
from tillflow.web.pages.timeline import Timeline, timeline
from tillflow.web.sights import SEES_OWN_MACHINES

router = APIRouter(prefix="/portal")
_PAGE: Final = 100
_EVENTS: Final = 100
_BARS: Final = 40
_MASKED: Final = frozenset({"card_no", "access_code"})
#: by whose periods a dated table is drawn as a line of time
_OWNERS: Final = {"allocations": "equipment", "access": "user"}
READERS: Final = (*SEES_OWN_MACHINES, Capability.OFFLINE_SALES_ADMIN)
Reader = Annotated[Desk, Depends(needs(*READERS))]
KeyParts = Annotated[list[str], Query(max_length=6)]


def portal_of(desk: Desk) -> PortalDesk:
    """The person's desk of portal data: their grants decide what they read and edit."""
    return PortalDesk(desk.conn, desk.person, desk.now, desk.settings)


@router.get("/")
def show_tables(request: Request, desk: Reader) -> HTMLResponse:
    """The tables that the person may read."""
    tables = portal_of(desk).tables()
    may_upload = desk.holds(Capability.PROVIDER)
    return render(request, desk, "portal_index.html", tables=tables, may_upload=may_upload, label=label_of)


@router.get("/{table}/")
def show_records(
    request: Request, desk: Reader, table: str, after: Annotated[list[str] | None, Query(max_length=6)] = None
) -> HTMLResponse:
    """A page of the table's records, those behind the key `after`; filtered by columns."""
    portal, form = portal_of(desk), described(table)
    filters = {name: text for name, text in given_by(form, request.query_params).items() if text}
    try:
        found = portal.list_records(table, filters=filters, after=after, most=_PAGE + 1)
    except NoSuchRecordError:
        portal.list_records(table, most=0)  # the table itself is theirs? Then it was the filter or the place
        found = []
    lines = found[:_PAGE]
    return render(
        request,
        desk,
        "portal_records.html",
        form=form,
        columns=[column.name for column in form.columns if not column.secret],
        kinds={column.name: column.kind for column in form.columns},
        head=_head_of(form),
        records=lines,
        addresses=[href(request, f"portal/{table}/record/", **record_query(one.key)) for one in lines],
        next_page=href(request, f"portal/{table}/", **filters, after=list(lines[-1].key)) if found[_PAGE:] else None,
        first_page=href(request, f"portal/{table}/", **filters) if after else None,
        filters=filters,
        filterable=[one for one in form.columns if one.name in form.key or one.refers_to],
        may_edit=portal.tables().get(table, False),
        line=_line_of_time(table, filters, lines, desk.now),
        label=label_of,
        shown=shown,
        zone=zone_of(desk, filters),
    )


@router.get("/{table}/record/")
def show_record(request: Request, desk: Reader, table: str, key: KeyParts) -> HTMLResponse:
    """One record with its history; what was removed still has its history."""
    portal, form = portal_of(desk), described(table)
    events = portal.history_of(table, key)
    try:
        record: Record | None = portal.get_record(table, key)
    except NoSuchRecordError:
        if not events:
            raise
        record = None
    named = {name: text for name, text in zip(form.key, key, strict=False) if text}
    return render(
        request,
        desk,
        "portal_record.html",
        form=form,
        record=record,
        key=key,
        query=record_query(key),
        kinds={column.name: column.kind for column in form.columns},
        events=[(one, changes_of(one)) for one in reversed(events)][:_EVENTS],
        older=max(0, len(events) - _EVENTS),
        may_edit=portal.tables().get(table, False),
        related=[
            (word, href(request, path, **{name: named.get(of, "") for name, of in by.items()}))
            for word, path, by, of_table in RELATED.get(table, ())
            if of_table in portal.tables()
        ],
        edits=_edits(request, portal, table, record),
        label=label_of,
        shown=shown,
        zone=zone_of(desk, {name: str(value) for name, value in record.fields.items()} if record else {}),
    )


@router.get("/{table}/new/")
def show_new(request: Request, desk: Reader, table: str) -> HTMLResponse:
    """The form of a new record, filled with what the link knows."""
    form = described(table)
    return _form(request, desk, form, given_by(form, request.query_params))


@router.post("/{table}/new/")
async def add_record(request: Request, desk: Reader, table: str) -> Response:
    """Add the record, or show the form with every error at its field."""
    return await run_in_threadpool(_save, request, desk, table, None, await request.form())


@router.get("/{table}/record/edit/")
def show_edit(request: Request, desk: Reader, table: str, key: KeyParts) -> HTMLResponse:
    """The form of a record."""
    form = described(table)
    record = portal_of(desk).get_record(table, key)
    return _form(request, desk, form, given_by(form, request.query_params), record=record)


@router.post("/{table}/record/edit/")
async def save_record(request: Request, desk: Reader, table: str, key: KeyParts) -> Response:
    """Save the record, or show the form with what stands in the way; also that somebody else was first."""
    return await run_in_threadpool(_save, request, desk, table, key, await request.form())


@router.get("/{table}/record/remove/")
def show_remove(request: Request, desk: Reader, table: str, key: KeyParts) -> HTMLResponse:
    """Ask before a record is removed."""
    return _remove_page(request, desk, described(table), portal_of(desk).get_record(table, key))


@router.post("/{table}/record/remove/")
async def remove_record(request: Request, desk: Reader, table: str, key: KeyParts) -> Response:
    """Remove the record, or say what still names it."""
    return await run_in_threadpool(_remove, request, desk, table, key, await request.form())


def _head_of(form: Form) -> str:
    """The column that tells the records of a list apart best: of the key the last that always says something."""
    columns = [one.name for one in form.columns if one.name in form.key and one.required and one.kind != "moment"]
    return columns[-1] if columns else form.key[0]


def zone_of(desk: Desk, named: Mapping[str, str]) -> str:
    """The zone in which times are shown: of the site named or on which the machine stands, else the installation's."""
    portal = portal_of(desk)
    try:
        site = named.get("site", "")
        if not site and named.get("equipment"):
            places = portal.list_records("allocations", filters={"equipment": named["equipment"]}, most=None)
            site = str(places[-1].fields["site"]) if places else ""
        return str(portal.get_record("sites", (site,)).fields["zone"]) if site else desk.settings.zone
    except NoSuchRecordError:
        return desk.settings.zone


def described(table: str) -> Form:
    """The form of a table. Raises NoSuchRecordError, which is a 404."""
    table_named(table)
    return describe(table)


def shown(name: str, value: Value) -> str:
    """A value as lists and records show it: what identifies somebody at a machine is masked."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return masked(str(value)) if name in _MASKED else str(value)


def changes_of(event: Event) -> list[tuple[str, Value, Value]]:
    """Column, before, after: of what an event changed."""
    before, after = event.before or {}, event.after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _save(request: Request, desk: Desk, table: str, key: Sequence[str] | None, sent: FormData) -> Response:
    portal, form = portal_of(desk), described(table)
    given, reason = given_by(form, sent), _text(sent, "reason")
    record = None if key is None else portal.get_record(table, key)
    if record is not None:
        given |= dict(zip(form.key, record.key, strict=True))  # the key of a record is not edited
    try:
        saved = portal.put_record(table, given, expected=_text(sent, "expected") or None, reason=reason)
    except (RecordRefusedError, StaleRecordError) as error:
        return _form(request, desk, form, given, record=record, error=error, reason=reason)
    said = flash("success", f"The {form.one} {' / '.join(filter(None, saved.key))} was saved.")
    path = href(request, f"portal/{table}/record/", **record_query(saved.key))
    return see_other(request, path.removeprefix(f"{request.scope['root_path']}/"), desk.person, said)


def _form(
    request: Request,
    desk: Desk,
    form: Form,
    values: Mapping[str, str],
    *,
    record: Record | None = None,
    error: Exception | None = None,
    reason: str = "",
) -> HTMLResponse:
    portal = portal_of(desk)
    portal.list_records(form.table, most=0)  # 404 for a table that is not theirs
    if not portal.tables()[form.table]:
        desk.forbid(f"you may read {label_of(form.table).lower()} and not change them: ask the provider")
    filled = fill(portal, form, values, record=record, error=error, reason=reason)
    return render(
        request,
        desk,
        "portal_form.html",
        status=filled.status,
        form=form,
        filled=filled,
        record=record,
        query=record_query(record.key) if record else {},
        label=label_of,
        shown=shown,
    )


def _remove(request: Request, desk: Desk, table: str, key: Sequence[str], sent: FormData) -> Response:
    portal, form = portal_of(desk), described(table)
    record = portal.get_record(table, key)
    try:
        portal.delete_record(table, key, expected=_text(sent, "expected") or None, reason=_text(sent, "reason"))
    except (StillUsedError, StaleRecordError) as error:
        return _remove_page(request, desk, form, record, error)
    said = flash("success", f"The {form.one} {' / '.join(filter(None, record.key))} was removed.")
    return see_other(request, f"portal/{table}/", desk.person, said)


def _remove_page(
    request: Request, desk: Desk, form: Form, record: Record, error: Exception | None = None
) -> HTMLResponse:
    if not portal_of(desk).tables()[form.table]:
        desk.forbid(f"you may read {label_of(form.table).lower()} and not change them: ask the provider")
    return render(
        request,
        desk,
        "portal_remove.html",
        status=409 if error else 200,
        form=form,
        record=record,
        query=record_query(record.key),
        error=error,
        label=label_of,
        shown=shown,
    )


def _edits(request: Request, portal: PortalDesk, table: str, record: Record | None) -> list[tuple[str, str]]:
    """The special edits of a record as (word, address), filled with what it says."""
    if record is None:
        return []
    tables, found = portal.tables(), []
    for edit, of_table, arguments in EDITS.get(table, ()):
        if tables.get(of_table):
            told = {name: record.fields.get(column) for name, column in arguments.items()}
            found.append((word_of(edit), href(request, f"portal/do/{edit.value}/", **told)))
    return found


def word_of(edit: PortalEdit) -> str:
    """A special edit as a button says it."""
    return label_of(edit.value)


def _line_of_time(table: str, filters: Mapping[str, str], records: Sequence[Record], now: datetime) -> Timeline | None:
    owner = _OWNERS.get(table)
    if owner is None or owner not in filters:
        return None
    other = "site" if table == "allocations" else "equipment"
    periods = [
        (_moment(one.fields.get("valid_from")), _moment(one.fields.get("valid_to")), str(one.fields[other]))
        for one in records[:_BARS]
    ]
    return timeline(periods, now)


def _moment(value: Value) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None


def _text(sent: FormData, name: str) -> str:
    value = sent.get(name)
    return value if isinstance(value, str) else ""

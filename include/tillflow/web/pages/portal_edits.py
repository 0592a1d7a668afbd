"""Edits of portal data that are more than one record, and suggested fixes: a form filled with what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from tillflow.codes import PortalEdit
from tillflow.equipment_sync.exception_facts import Fix, FixCode
from tillflow.portal.edit_records import RecordRefusedError, StaleRecordError
from tillflow.portal.forms import Form, describe, describe_edit
from tillflow.portal.records import NoSuchRecordError, Record
from tillflow.portal_fixes import OtherFixError, apply_fix, exception_of
from tillflow.web.grants import Desk
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.portal_forms import fill, given_by, label_of
from tillflow.web.pages.portal_links import record_query
from tillflow.web.pages.portal_records import Reader, portal_of, word_of
from tillflow.web.pages.rendering import href, render

router = APIRouter(prefix="/portal")
ExceptionNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
_REFUSALS = (RecordRefusedError, StaleRecordError, NoSuchRecordError)
_WHAT = {
    PortalEdit.REPAIR_SELECTION: "Put a selection into the version in force at a moment, for all of that version's time"
    " - the machine always sold it like this. Name the product that it replaces, where it has another one.",
    PortalEdit.CHANGE_SELECTION_FROM: "Put a selection into the planogram from a moment on: the version in force ends"
    " there, and goes on as a new one.",
    PortalEdit.CLONE_PLANOGRAM: "Copy the version in force at a moment to the same or to another machine.",
    PortalEdit.ALLOCATE: "Say at which site a machine stands from a moment on.",
    PortalEdit.MOVE: "The machine goes to another site: its open allocation ends, and a new one begins.",
    PortalEdit.CHANGE_ROLE: "Give the user another role. Only a Consumer may vend.",
    PortalEdit.GIVE_ACCESS: "Let the user vend at a machine. Without dates it is for all time.",
    PortalEdit.END_ACCESS: "The user may not vend at the machine from a moment on.",
    PortalEdit.EXCLUDE_PRODUCT: "Go on recording sales of the product, and leave them off invoices from a moment on.",
    PortalEdit.INCLUDE_PRODUCT: "Invoice the product again, also what was sold meanwhile.",
}


@dataclass(frozen=True, slots=True)
class _FixPage:
    """A suggested fix with its form, the columns it names first."""

    fix: Fix
    form: Form
    from_vend: tuple[str, ...]
    arguments: Mapping[str, str]


@router.get("/do/{edit}/")
def show_edit_form(request: Request, desk: Reader, edit: str) -> HTMLResponse:
    """The form of a special edit."""
    chosen = _edit_of(edit)
    return _edit_form(request, desk, chosen, given_by(describe_edit(chosen), request.query_params))


@router.post("/do/{edit}/")
async def carry_out_edit(request: Request, desk: Reader, edit: str) -> Response:
    """Carry the edit out and go to the record that came of it, or show what stands in the way."""
    return await run_in_threadpool(_carry_out, request, desk, _edit_of(edit), await request.form())


@router.get("/fix/{exception_id}/{code}/")
def show_fix(request: Request, desk: Reader, exception_id: ExceptionNumber, code: str) -> HTMLResponse:
    """The form of a suggested fix of an open exception."""
    return _fix_form(request, desk, exception_id, _fix_page(desk, exception_id, code), {})


@router.post("/fix/{exception_id}/{code}/")
async def carry_out_fix(request: Request, desk: Reader, exception_id: ExceptionNumber, code: str) -> Response:
    """Carry the fix out; the exception itself waits for a reconciliation."""
    return await run_in_threadpool(_apply, request, desk, exception_id, code, await request.form())


def _edit_of(name: str) -> PortalEdit:
    if name not in set(PortalEdit) or name == PortalEdit.PUT_RECORD:
        raise HTTPException(404, "there is no such edit")
    return PortalEdit(name)


def _carry_out(request: Request, desk: Desk, edit: PortalEdit, sent: FormData) -> Response:
    given = given_by(describe_edit(edit), sent)
    reason = sent.get("reason")
    try:
        saved = portal_of(desk).edit(edit, given, reason=reason if isinstance(reason, str) else "")
    except _REFUSALS as error:
        return _edit_form(request, desk, edit, given, error)
    return _to_record(request, desk, describe_edit(edit), saved, f"{word_of(edit)}: it is done.")


def _edit_form(
    request: Request, desk: Desk, edit: PortalEdit, values: Mapping[str, str], error: Exception | None = None
) -> HTMLResponse:
    portal, form = portal_of(desk), describe_edit(edit)
    _must_edit(desk, form)
    return render(
        request,
        desk,
        "portal_edit.html",
        status=422 if error else 200,
        heading=word_of(edit),
        what=_WHAT[edit],
        action=href(request, f"portal/do/{edit.value}/"),
        form=form,
        filled=fill(portal, form, values, error=error),
        fix=None,
        label=label_of,
    )


def _must_edit(desk: Desk, form: Form) -> None:
    portal = portal_of(desk)
    portal.list_records(form.table, most=0)  # 404 for a table that is not theirs
    if not portal.tables()[form.table]:
        desk.forbid(f"you may read {label_of(form.table).lower()} and not change them: ask the provider")


def _fix_page(desk: Desk, exception_id: int, code: str) -> _FixPage:
    one = exception_of(portal_of(desk), exception_id)
    fix = next((fix for fix in one.fixes if fix.code == code), None)
    if fix is None or fix.form is None:
        if code not in set(FixCode):
            raise HTTPException(404, "there is no such fix")
        raise OtherFixError(exception_id, one.fixes)
    is_special = fix.form.edit is not PortalEdit.PUT_RECORD
    form = describe_edit(fix.form.edit) if is_special else describe(fix.form.table)
    return _FixPage(fix, form, fix.form.from_vend, fix.form.arguments)


def _fix_form(
    request: Request,
    desk: Desk,
    exception_id: int,
    page: _FixPage,
    values: Mapping[str, str],
    error: Exception | None = None,
) -> HTMLResponse:
    _must_edit(desk, page.form)
    filled = fill(portal_of(desk), page.form, {**page.arguments, **values}, error=error, optional=page.from_vend)
    return render(
        request,
        desk,
        "portal_edit.html",
        status=filled.status,
        heading=f"Fix of exception {exception_id}",
        what=page.fix.sentence,
        action=href(request, f"portal/fix/{exception_id}/{page.fix.code.value}/"),
        form=page.form,
        filled=filled,
        fix=page,
        label=label_of,
    )


def _apply(request: Request, desk: Desk, exception_id: int, code: str, sent: FormData) -> Response:
    page = _fix_page(desk, exception_id, code)
    given = given_by(page.form, sent)
    # what the vend is to say, and what a person left alone, stays unsaid
    supplied = {name: text for name, text in given.items() if text or page.arguments.get(name)}
    try:
        saved = apply_fix(portal_of(desk), exception_id, page.fix.code, supplied)
    except _REFUSALS as error:
        return _fix_form(request, desk, exception_id, page, given, error)
    said = f"{page.fix.sentence}: it is done. The exception clears with the next reconciliation."
    return _to_record(request, desk, page.form, saved, said)


def _to_record(request: Request, desk: Desk, form: Form, saved: Record, said: str) -> Response:
    path = href(request, f"portal/{form.table}/record/", **record_query(saved.key))
    root = f"{request.scope['root_path']}/"
    return see_other(request, path.removeprefix(root), desk.person, flash("success", said))

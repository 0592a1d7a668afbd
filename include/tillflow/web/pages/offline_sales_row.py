"""One row of an import of offline sales: why it waits, its fields to correct, and every way out of its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from tillflow import payment_desk
from tillflow.codes import Capability
from tillflow.exception_closing import BadReasonError, NotOpenError
from tillflow.import_rows import ImportedRow
from tillflow.intake.card_numbers import holds_card_number
from tillflow.offline_sales.judge import LAYOUT
from tillflow.offline_sales.resolve import (
    BadCorrectionError,
    ChangedMeanwhileError,
    FieldError,
    NotWaitingError,
    Resolution,
)
from tillflow.payment_desk import Decision
from tillflow.payments.decisions import BadDecisionError, NotNowError
from tillflow.row_desk import Action, RowDesk
from tillflow.web.grants import Desk
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.offline_sales_details import Progress, Viewer, progress_of
from tillflow.web.pages.rendering import render
from tillflow.web.paging import Number

router = APIRouter(prefix="/offline-sales/{import_id}/rows/{row_no}")
RowNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
_CORRECTION_REFUSED = (BadCorrectionError, ChangedMeanwhileError, NotWaitingError)
_DECISION_REFUSED = (BadDecisionError, NotNowError, BadReasonError, NotOpenError)
_TOO_LATE = (NotNowError, NotOpenError, ChangedMeanwhileError, NotWaitingError)
#: of a row that has no payment yet, in the words of payment_desk
_OF_A_ROW: Final = {"abandon row": Action.ABANDON}
#: of a sale as it is booked: what no person reads, or stands at the head of the page
_OURS: Final = frozenset(
    {"stream_id", "import_id", "row_no", "channel_id", "draw_id", "draw_product_id", "amount_minor"}
)
Errors = dict[str, list[str]]


def row_desk_of(desk: Desk) -> RowDesk:
    """The person's desk of rows: their grants decide what they see and act on."""
    return RowDesk(desk.conn, desk.person, desk.now, desk.settings)


@router.get("/")
def show_row(request: Request, desk: Viewer, import_id: Number, row_no: RowNumber) -> HTMLResponse:
    """The row; who may resolve it finds its fields in a form."""
    row = _row(desk, import_id, row_no)
    errors: Errors = {}
    for reason in row.reasons:
        errors.setdefault(reason.column or "", []).append(f"{reason.message}; {reason.action}")
    return _page(request, desk, import_id, row, errors=errors)


@router.post("/")
async def correct_row(request: Request, desk: Viewer, import_id: Number, row_no: RowNumber) -> Response:
    """Check the corrected fields, or save them and hand the row in again; each error comes back to its field."""
    return await run_in_threadpool(_correct, request, desk, import_id, row_no, await request.form())


@router.post("/decide/")
async def decide(request: Request, desk: Viewer, import_id: Number, row_no: RowNumber) -> Response:
    """Decide about the row or its payment, with a reason."""
    return await run_in_threadpool(_decide, request, desk, import_id, row_no, await request.form())


def _row(desk: Desk, import_id: int, row_no: int) -> ImportedRow:
    progress_of(desk, import_id)  # an import of offline sales that is theirs to see
    return row_desk_of(desk).get_row(f"{import_id}-{row_no}")


def _correct(request: Request, desk: Desk, import_id: int, row_no: int, sent: FormData) -> Response:
    row = _row(desk, import_id, row_no)
    changed = _changed(row, sent)
    rows, name = row_desk_of(desk), row.transaction
    is_check = sent.get("action") == "check"
    try:
        if is_check:
            found = rows.check(name, changed)
        else:
            seen = str(sent.get("corrections", ""))
            found = rows.resolve(name, changed, expected=int(seen) if seen.isdecimal() else None)
    except _CORRECTION_REFUSED as error:
        column = error.column if isinstance(error, BadCorrectionError) else None
        status = 409 if isinstance(error, _TOO_LATE) else 422
        errors = {column or "": [str(error)]}
        kept = {name: text for name, text in changed.items() if not holds_card_number(text)}
        return _page(request, desk, import_id, row, kept, errors=errors, status=status)
    if found.is_sale and not is_check:
        said = flash("success", f"Row {row_no} is a sale now.")
        return see_other(request, f"offline-sales/{import_id}/?tab=requires_action", desk.person, said)
    if not is_check:  # what was corrected is kept
        row, changed = _row(desk, import_id, row_no), {}
    return _page(request, desk, import_id, row, changed, errors=_by_field(found.errors), found=found, is_check=is_check)


def _decide(request: Request, desk: Desk, import_id: int, row_no: int, sent: FormData) -> Response:
    row = _row(desk, import_id, row_no)
    decision, reason, reference = (str(sent.get(name, "")) for name in ("decision", "reason", "reference"))
    try:
        if row.payment is not None and decision in set(Decision):
            payment_desk.decide(
                desk.conn, row.payment.payment_id, Decision(decision), person=desk.person, now=desk.now,
                reason=reason, reference=reference,
            )  # fmt: skip
        elif row.payment is None and decision in _OF_A_ROW:
            row_desk_of(desk).act(row.transaction, _OF_A_ROW[decision], reason=reason)
        else:
            raise NotNowError(f"this cannot be decided for row {row_no} as it is now")
    except _DECISION_REFUSED as error:
        status = 409 if isinstance(error, _TOO_LATE) else 422
        row, reason = _row(desk, import_id, row_no), "" if holds_card_number(reason) else reason
        return _page(request, desk, import_id, row, problem=str(error), decided=decision, reason=reason, status=status)
    now = _row(desk, import_id, row_no)
    said = flash("success", f"Row {row_no}: {decision} - it is done.")
    tab = f"?tab={now.tab.value}" if now.tab else ""
    return see_other(request, f"offline-sales/{import_id}/{tab}", desk.person, said)


def _page(
    request: Request,
    desk: Desk,
    import_id: int,
    row: ImportedRow,
    changed: Mapping[str, str] | None = None,
    *,
    errors: Errors | None = None,
    found: Resolution | None = None,
    is_check: bool = False,
    problem: str = "",
    decided: str = "",
    reason: str = "",
    status: int | None = None,
) -> HTMLResponse:
    progress = progress_of(desk, import_id)
    may_act = _may_act(desk, progress)
    is_waiting = row.exception_state == "open"
    if status is None:
        status = 422 if found is not None and not found.is_sale else 200
    return render(
        request,
        desk,
        "offline_sales_row.html",
        status=status,
        line=progress.line,
        row=row,
        fields=[(name, str(value)) for name, value in _fields(row, changed or {}).items()],
        errors=errors or {},
        found=found,
        is_check=is_check,
        can_resolve=may_act and is_waiting,
        decisions=_decisions(row) if may_act else [],
        problem=problem,
        decided=decided,
        reason=reason,
    )


def _may_act(desk: Desk, progress: Progress) -> bool:
    return progress.line.channel in desk.channels(Capability.OFFLINE_SALES_ADMIN)


def _decisions(row: ImportedRow) -> list[tuple[str, bool]]:
    """What can be decided now, and whether it needs a reference."""
    if row.payment is None:
        return [("abandon row", False)] if row.exception_state == "open" else []
    payment = row.payment
    ways = payment_desk.ways_out(payment.state, payment.product_state, payment.refund_state)
    return [(decision.value, payment_desk.needs_reference(decision)) for decision in ways]


def _fields(row: ImportedRow, changed: Mapping[str, str]) -> dict[str, Any]:
    """The columns of the format in their order, those of the row that are none of them behind."""
    shown = {name.lower(): "" if value is None else value for name, value in row.fields.items()}
    if row.exception_id is None:
        return {name: value for name, value in shown.items() if name not in _OURS}
    known = {name: shown.pop(name, "") for name in LAYOUT.known}
    return known | shown | dict(changed)


def _changed(row: ImportedRow, sent: FormData) -> dict[str, str]:
    """What the person changed: a field that still says what was shown, a mask too, stays as it is."""
    shown = _fields(row, {})
    given = {name: value for name, value in sent.items() if isinstance(value, str) and name in LAYOUT.known}
    return {name: text for name, text in given.items() if text.strip() != str(shown.get(name, "")).strip()}


def _by_field(errors: tuple[FieldError, ...]) -> Errors:
    found: Errors = {}
    for error in errors:
        found.setdefault(error.column, []).append(f"{error.message}; {error.action}")
    return found

"""Reconciliations: preview and start them from the exception report, follow them, read and keep their records."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from tillflow.codes import Capability
from tillflow.errors import UnavailableError
from tillflow.reconciliation.reconcile import AlreadyRunningError, UnknownScopeError
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.reconciliation_desk import list_reconciliations, list_records, request_key
from tillflow.reporting.reconciliation_report import NoSuchReconciliationError, Reconciliation, find_reconciliation
from tillflow.web import reconciling
from tillflow.web.dag_runs import Run
from tillflow.web.grants import SEES_MACHINES, Desk, needs
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.rendering import address, render
from tillflow.web.paging import Number

router = APIRouter(prefix="/reconciliations")
Viewer = Annotated[Desk, Depends(needs(*SEES_MACHINES))]
Provider = Annotated[Desk, Depends(needs(Capability.PROVIDER))]
_PAGE: Final = 50
_Key = Annotated[str, Form(max_length=40)]
_OUTCOMES: Final = {"success": "SUCCESS", "failure": "FAILURE"}


class _AskedBadlyError(Exception):
    """The form lacks something; the text says what."""


@router.get("/")
def show_reconciliations(
    request: Request, desk: Viewer, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> HTMLResponse:
    """The latest first."""
    found = list_reconciliations(desk.conn, limit=_PAGE + 1, before=before)
    lines, more = found[:_PAGE], found[_PAGE:]
    older = lines[-1].id if more else None
    return render(request, desk, "reconciliations.html", lines=lines, older=older, is_first=before is None)


@router.post("/")
def start_reconciliation(
    request: Request,
    desk: Provider,
    kind: Annotated[Kind, Form()],
    customer: _Key = "",
    site: _Key = "",
    equipment: _Key = "",
    day_from: Annotated[str, Form(alias="from", max_length=10)] = "",
    day_to: Annotated[str, Form(alias="to", max_length=10)] = "",
) -> RedirectResponse:
    """Begin one, and show how it goes; back to the report where it cannot begin."""
    back = _report(customer, site, equipment, day_from, day_to)
    try:
        number, _ = reconciling.begin(desk, _scope(kind, customer, equipment, day_from, day_to))
    except (_AskedBadlyError, UnknownScopeError, AlreadyRunningError, UnavailableError) as error:
        return see_other(request, back, desk.person, flash("error", f"Nothing was started: {error}."))
    said = f"Reconciliation {number} has started. A mail says when it is done."
    return see_other(request, f"reconciliations/{number}/", desk.person, flash("success", said))


@router.post("/preview/")
def preview_reconciliation(
    request: Request,
    desk: Provider,
    kind: Annotated[Kind, Form()],
    customer: _Key = "",
    site: _Key = "",
    equipment: _Key = "",
    day_from: Annotated[str, Form(alias="from", max_length=10)] = "",
    day_to: Annotated[str, Form(alias="to", max_length=10)] = "",
) -> RedirectResponse:
    """Say on the report what would come of it."""
    back = _report(customer, site, equipment, day_from, day_to)
    try:
        scope = _scope(kind, customer, equipment, day_from, day_to)
        counts = reconciling.preview(desk, scope)
    except (_AskedBadlyError, UnknownScopeError, AlreadyRunningError) as error:
        return see_other(request, back, desk.person, flash("error", f"There is no preview: {error}."))
    said = (
        f"Preview, nothing was changed: of {scope} {counts.attempted} would be attempted, "
        f"{counts.reconciled} reconciled, {counts.failed} would fail."
    )
    return see_other(request, back, desk.person, flash("info", said))


@router.get("/{number}/")
def show_reconciliation(
    request: Request,
    desk: Viewer,
    number: Number,
    outcome: Literal["", "success", "failure"] = "",
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> HTMLResponse:
    """How far it is, and its records."""
    found = list_records(desk.conn, number, outcome=_OUTCOMES.get(outcome), after=after, limit=_PAGE + 1)
    lines = found[:_PAGE]
    next_after = lines[-1].exception_id if len(found) > _PAGE else None
    return render(
        request, desk, "reconciliation.html", outcome=outcome, after=after, lines=lines, next_after=next_after,
        **_progress(desk, number),
    )  # fmt: skip


@router.get("/{number}/progress/")
def show_progress(request: Request, desk: Viewer, number: Number) -> HTMLResponse:
    """The part of the page that is asked for again while it runs."""
    return render(request, desk, "reconciliation_progress.html", is_part=True, **_progress(desk, number))


def _progress(desk: Desk, number: int) -> dict[str, Any]:
    found = _found(desk, number)
    dag_id = "reconcile_users" if found.kind == Kind.USER else "reconcile_products"
    return {"found": found, "run": Run(dag_id, request_key(desk.conn, number) or "")}


def _found(desk: Desk, number: int) -> Reconciliation:
    try:
        return find_reconciliation(desk.conn, number)
    except NoSuchReconciliationError:
        desk.missing("reconciliation", number)


def _scope(kind: Kind, customer: str, equipment: str, day_from: str, day_to: str) -> Scope:
    if kind is Kind.USER:
        if not customer:
            raise _AskedBadlyError("choose the customer whose users are to be reconciled")
        return Scope(kind, customer=customer)
    try:
        first, last = date.fromisoformat(day_from), date.fromisoformat(day_to)
    except ValueError:
        raise _AskedBadlyError("choose the first and the last day of sale") from None
    if not equipment or last < first:
        raise _AskedBadlyError("choose a machine, and a last day that is not before the first")
    return Scope(kind, equipment=equipment, date_from=first, date_to=last)


def _report(customer: str, site: str, equipment: str, day_from: str, day_to: str) -> str:
    """The address of the report from which it was asked."""
    return address(
        "exceptions/", customer=customer, site=site, equipment=equipment, from_=day_from, to=day_to, generate=1
    )

"""Exception report: choose customer, site, machine and days; see what waits, why, and what would clear it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from tillflow.codes import Capability
from tillflow.equipment_sync.exception_facts import Fix
from tillflow.equipment_sync.exception_report import ExceptionFilter, OpenException, open_exceptions, totals
from tillflow.exception_closing import BadReasonError, NotOpenError
from tillflow.exception_desk import REASONS, Choices, choices
from tillflow.row_desk import RowDesk
from tillflow.web.grants import SEES_OWN_MACHINES, Desk, needs
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.rendering import address, render

router = APIRouter(prefix="/exceptions")
Viewer = Annotated[Desk, Depends(needs(*SEES_OWN_MACHINES))]
_PAGE: Final = 50
_Key = Annotated[str, Query(max_length=40)]
_Day = Annotated[str, Query(max_length=10)]
#: tables in which a customer's users may carry out a fix themselves
_EDITED_BY_CUSTOMERS: Final = frozenset({"users", "access"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the form says, blank where nothing is chosen; `errors`: field -> messages."""

    customer: str
    site: str
    equipment: str
    day_from: date | None
    day_to: date | None
    reason: str
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    def query(self, **changed: object) -> dict[str, object]:
        """As the query of an address; `changed` may blank a step."""
        return {
            "customer": self.customer, "site": self.site, "equipment": self.equipment, "from_": self.day_from,
            "to": self.day_to, "reason": self.reason,
        } | changed  # fmt: skip

    def filter(self, desk: Desk) -> ExceptionFilter:
        """As the report asks for it; a customer's user is told nothing of other customers."""
        return ExceptionFilter(
            customer=self.customer or None, site=self.site or None, equipment=self.equipment or None,
            day_from=self.day_from, day_to=self.day_to, reason=self.reason or None, zone=desk.settings.zone,
            viewer=self.customer if desk.customers() is not None else None,
        )  # fmt: skip


def chosen(
    desk: Viewer,
    customer: _Key = "",
    site: _Key = "",
    equipment: _Key = "",
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: _Day = "",
    reason: _Key = "",
) -> Chosen:
    """The form, cut to the customer whose exceptions a customer's user may see."""
    own = desk.customers()
    if own is not None:
        if customer and customer not in own:
            desk.missing("customer", customer)
        customer = customer or own[0]
    errors: dict[str, list[str]] = {}
    days = {"from": _day(from_, "from", errors), "to": _day(to, "to", errors)}
    if days["from"] and days["to"] and days["to"] < days["from"]:
        errors["to"] = [f"the range ends before it begins: choose a day from {days['from']} on"]
    return Chosen(customer, site, equipment, days["from"], days["to"], reason, errors)


Choice = Annotated[Chosen, Depends(chosen)]


@router.get("/")
def show_report(
    request: Request,
    desk: Viewer,
    form: Choice,
    generate: str = "",
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> HTMLResponse:
    """The form; with `generate` the report under it."""
    offered = choices(desk.conn, desk.customers(), customer=form.customer or None, site=form.site or None)
    form = _possible(form, offered)
    wanted = form.filter(desk)
    is_asked = bool(generate) and not form.errors
    found = list(open_exceptions(desk.conn, wanted, now=desk.now, after=after, most=_PAGE + 1)) if is_asked else []
    lines = found[:_PAGE]
    return render(
        request,
        desk,
        "exceptions.html",
        status=422 if form.errors else 200,
        form=form,
        query=form.query(),
        offered=offered,
        reasons=REASONS,
        is_asked=is_asked,
        lines=lines,
        after=after,
        next_after=lines[-1].vend.id if len(found) > _PAGE else None,
        totals=totals(desk.conn, wanted, now=desk.now) if is_asked else [],
        may_reconcile=desk.holds(Capability.PROVIDER),
        may_fix=lambda fix: _may_fix(desk, fix),
        sees_all=desk.customers() is None,
    )


@router.get("/{number}/")
def show_exception(request: Request, desk: Viewer, number: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> HTMLResponse:
    """One open exception: everything that is known of it, and its ways out."""
    return _show(request, desk, _found(desk, number))


@router.post("/{number}/write-off/")
def write_off(
    request: Request,
    desk: Annotated[Desk, Depends(needs(Capability.PROVIDER))],
    number: Annotated[int, Path(ge=1, le=2**63 - 1)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Give the vend up, for good, with a reason; the page again where that cannot be."""
    one = _found(desk, number)
    try:
        RowDesk(desk.conn, desk.person, desk.now, desk.settings).write_off(number, reason=reason)
    except (NotOpenError, BadReasonError) as error:
        return _show(request, desk, one, reason=reason, errors={"reason": [str(error)]})
    said = flash("success", f"Exception {number} was written off: {reason.strip()}")
    back = address("exceptions/", customer=one.vend.customer, equipment=one.vend.asset_no, generate=1)
    return see_other(request, back, desk.person, said)


def _show(
    request: Request, desk: Desk, one: OpenException, *, reason: str = "", errors: Mapping[str, list[str]] | None = None
) -> HTMLResponse:
    return render(
        request,
        desk,
        "exception.html",
        status=422 if errors else 200,
        one=one,
        reason=reason,
        errors=errors or {},
        may_reconcile=desk.holds(Capability.PROVIDER),
        may_fix=lambda fix: _may_fix(desk, fix),
        sees_all=desk.customers() is None,
    )


def _found(desk: Desk, number: int) -> OpenException:
    own = desk.customers()
    for customer in (None,) if own is None else own:
        wanted = ExceptionFilter(customer=customer, viewer=customer, zone=desk.settings.zone)
        one = next(open_exceptions(desk.conn, wanted, now=desk.now, after=number - 1, most=1), None)
        if one is not None and one.vend.id == number:
            return one
    return desk.missing("open exception", number)


def _possible(form: Chosen, offered: Choices) -> Chosen:
    """Without a site of another customer, or a machine of another site: an earlier step was changed."""
    site = form.site if form.site in dict(offered.sites) else ""
    if site != form.site:
        return replace(form, site="", equipment="")
    return form


def _may_fix(desk: Desk, fix: Fix) -> bool:
    """True where the person may carry out the fix's form."""
    if fix.form is None:
        return False
    own = desk.holds(Capability.CUSTOMER_USER) and fix.form.table in _EDITED_BY_CUSTOMERS
    return own or desk.holds(Capability.PROVIDER)


def _day(text: str, name: str, errors: dict[str, list[str]]) -> date | None:
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError:
        errors[name] = ["no such day: write it as 2026-06-30"]
        return None

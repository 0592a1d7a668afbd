"""Invoices: prepare a draft, review it, give it its number, reverse it; and what no range has covered yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.responses import Response

from tillflow import invoices
from tillflow.codes import Capability
from tillflow.errors import TillflowError
from tillflow.exception_desk import choices
from tillflow.invoices import InvoiceLine, NoSuchInvoiceError, NotAllowedError
from tillflow.invoicing.uncovered import uncovered
from tillflow.web import invoicing
from tillflow.web.dag_runs import Run
from tillflow.web.downloads import begun, download
from tillflow.web.grants import SEES_OWN_MACHINES, Desk, needs
from tillflow.web.pages.flash import Flash, flash, see_other
from tillflow.web.pages.rendering import render
from tillflow.web.paging import Number

router = APIRouter(prefix="/invoices")
Viewer = Annotated[Desk, Depends(needs(*SEES_OWN_MACHINES))]
Provider = Annotated[Desk, Depends(needs(Capability.PROVIDER))]
Act = Literal["post", "discard", "credit"]
_PAGE: Final = 50
#: lines on the page; the downloads have all
_MOST_LINES: Final = 200
_STATES: Final = tuple((one, one) for one in ("draft", "posted", "credited", "discarded"))
_Key = Annotated[str, Query(max_length=40)]
_Text = Annotated[str, Form(max_length=500)]
#: what a draft is never to be asked, and what only a draft may be
_POSSIBLE: Final[Mapping[str, tuple[Act, ...]]] = {"draft": ("post", "discard"), "posted": ("credit",)}


@router.get("/")
def show_invoices(
    request: Request,
    desk: Viewer,
    customer: _Key = "",
    state: str = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:
    """The newest first; of one customer, in one state."""
    own = desk.customers()
    if own is not None and customer and customer not in own:
        desk.missing("customer", customer)
    found = invoices.list_invoices(
        desk.conn, own, limit=_PAGE + 1, before=before, customer=customer or None,
        status=state if state in dict(_STATES) else None,
    )  # fmt: skip
    lines, more = found[:_PAGE], found[_PAGE:]
    return render(
        request, desk, "invoices.html", lines=lines, older=lines[-1].invoice_id if more else None,
        is_first=before is None, customer=customer, state=state, states=_STATES,
        customers=_customers(desk), may_prepare=desk.holds(Capability.PROVIDER),
    )  # fmt: skip


@router.get("/prepare/")
def show_prepare(
    request: Request,
    desk: Provider,
    customer: _Key = "",
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: Annotated[str, Query(max_length=10)] = "",
) -> HTMLResponse:
    """The form, filled with what is known."""
    return _prepare_form(request, desk, {"customer": customer, "from": from_, "to": to}, {})


@router.post("/prepare/")
def prepare(
    request: Request,
    desk: Provider,
    customer: Annotated[str, Form(max_length=40)] = "",
    date_from: Annotated[str, Form(alias="from", max_length=10)] = "",
    date_to: Annotated[str, Form(alias="to", max_length=10)] = "",
) -> Response:
    """Prepare the drafts of the range, and review the first; the form again where that cannot be."""
    form = {"customer": customer, "from": date_from, "to": date_to}
    errors: dict[str, list[str]] = {} if customer else {"customer": ["choose a customer"]}
    first, end = _day(date_from, "from", errors), _day(date_to, "to", errors)
    if errors or first is None or end is None:
        return _prepare_form(request, desk, form, errors)
    try:
        drafts = invoicing.prepare(desk, customer, first, end)
    except TillflowError as error:
        return _prepare_form(request, desk, form, {"": [f"{error}"]})
    if not drafts:
        return _prepare_form(request, desk, form, {"": ["no sale of this range is waiting to be invoiced"]})
    more = f" {len(drafts) - 1} more in other currencies stand in the list." if len(drafts) > 1 else ""
    said = flash("success", f"Draft {drafts[0].invoice_id} holds {drafts[0].sale_rows} sales. Review it.{more}")
    return see_other(request, f"invoices/{drafts[0].invoice_id}/", desk.person, said)


@router.get("/uncovered/")
def show_uncovered(request: Request, desk: Viewer, customer: _Key = "", generate: str = "") -> HTMLResponse:
    """Sales that are in no draft and no standing invoice; once asked for, because every sale is looked at."""
    own = desk.customers()
    if own is not None and customer and customer not in own:
        desk.missing("customer", customer)
    return render(
        request,
        desk,
        "invoices_uncovered.html",
        is_asked=bool(generate),
        lines=uncovered(desk.conn, [customer] if customer else own) if generate else [],
        customer=customer,
        customers=_customers(desk),
        may_prepare=desk.holds(Capability.PROVIDER),
        zone=desk.settings.zone,
    )


@router.get("/{number}/")
def show_invoice(request: Request, desk: Viewer, number: Number) -> HTMLResponse:
    """A draft to review, a posted invoice, or one that was credited."""
    found, by = _found(desk, number), invoicing.acting(desk)
    invoice = invoices.invoice_of(desk.conn, number, by)
    return render(
        request,
        desk,
        "invoice.html",
        found=found,
        invoice=invoice,
        lines=invoice.lines[:_MOST_LINES],
        is_cut=len(invoice.lines) > _MOST_LINES,
        sites=list(invoicing.site_sums(invoice)),
        left_out=invoices.left_out_of(desk.conn, number, by),
        note=invoices.credit_note_of(desk.conn, number, by) if found.credit_no else None,
        acts=_POSSIBLE.get(found.status, ()) if desk.holds(Capability.PROVIDER) else (),
        needs_approval=found.status == "draft" and invoices.needs_approval(desk.conn, number),
    )


@router.get("/{number}/download/")
def download_document(desk: Viewer, number: Number, kind: Annotated[str, Query(max_length=60)]) -> StreamingResponse:
    """A document, by its kind (invoicing.download.DocumentKind)."""
    _found(desk, number)
    made = invoicing.document_of(desk, number, kind)
    return download(begun(made.chunks), made.file_name, made.content_type)


@router.get("/{number}/{act}/")
def show_act(request: Request, desk: Provider, number: Number, act: Act) -> HTMLResponse:
    """The page that asks before it is done."""
    return _act_form(request, desk, number, act, {"invoice_no": "", "reason": ""}, {})


@router.post("/{number}/{act}/")
def do_act(
    request: Request,
    desk: Provider,
    number: Number,
    act: Act,
    invoice_no: Annotated[str, Form(max_length=40)] = "",
    reason: _Text = "",
    seen: Annotated[str, Form(pattern="^([0-9a-f]{2})*$", max_length=128)] = "",
) -> Response:
    """Post, discard or credit; the page again where that cannot be, with the reason why."""
    _found(desk, number)
    form = {"invoice_no": invoice_no, "reason": reason}
    if act != "post" and not reason.strip():
        return _act_form(request, desk, number, act, form, {"reason": ["say why: it stays in the history"]})
    try:
        said = _done(desk, number, act, form, bytes.fromhex(seen) or None)
    except NotAllowedError:
        raise
    except TillflowError as error:
        return _act_form(request, desk, number, act, form, {"": [str(error)]})
    return see_other(request, f"invoices/{number}/", desk.person, said)


def _done(desk: Desk, number: int, act: Act, form: Mapping[str, str], seen: bytes | None) -> Flash:
    given = form["invoice_no"].strip() or None
    if act == "discard":
        invoices.discard(desk.conn, number, invoicing.acting(desk), reason=form["reason"])
        return flash("success", f"Draft {number} was discarded; its sales are free for another one.")
    if act == "credit":
        credited = invoicing.credit(desk, number, form["reason"], given)
        return flash("success", f"Credit note {credited.number} reverses it; its sales are free for another invoice.")
    posted = invoicing.post(desk, number, given, seen)
    if isinstance(posted, Run):
        return flash("info", "It needs an approval: the run post_invoice waits for it at Required Actions in Airflow.")
    return flash("success", f"It is posted as {posted.number}. A mail with its documents follows.")


def _act_form(
    request: Request, desk: Desk, number: int, act: Act, form: Mapping[str, str], errors: Mapping[str, list[str]]
) -> HTMLResponse:
    found = _found(desk, number)
    is_possible = act in _POSSIBLE.get(found.status, ())
    return render(
        request, desk, "invoice_act.html", status=422 if errors else 200, found=found, act=act, form=form,
        errors=errors, is_possible=is_possible,
        needs_approval=act == "post" and is_possible and invoices.needs_approval(desk.conn, number),
    )  # fmt: skip


def _prepare_form(
    request: Request, desk: Desk, form: Mapping[str, Any], errors: Mapping[str, list[str]]
) -> HTMLResponse:
    return render(
        request, desk, "invoice_prepare.html", status=422 if errors else 200, form=form, errors=errors,
        customers=_customers(desk),
    )  # fmt: skip


def _found(desk: Desk, number: int) -> InvoiceLine:
    try:
        return invoices.find(desk.conn, number, invoicing.acting(desk))
    except NoSuchInvoiceError:
        return desk.missing("invoice", number)


def _customers(desk: Desk) -> Any:
    return choices(desk.conn, desk.customers(), customer="-", site=None).customers


def _day(text: str, name: str, errors: dict[str, list[str]]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        errors[name] = ["choose a day" if not text.strip() else "no such day: write it as 2026-06-30"]
        return None

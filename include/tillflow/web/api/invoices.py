"""Invoices: prepare, look, keep the documents, post under a number, discard, credit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tillflow import invoices
from tillflow.codes import Capability
from tillflow.invoices import InvoiceLine
from tillflow.invoicing.download import DocumentKind
from tillflow.money import from_minor
from tillflow.web import invoicing
from tillflow.web.answers import REFUSALS, Answer
from tillflow.web.dag_runs import Run
from tillflow.web.downloads import begun, download
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import Cursor, Day, Limit, Number, Page
from tillflow.web.sights import SEES_OWN_MACHINES

router = APIRouter(tags=["invoices"], responses=REFUSALS)
Reader = Annotated[Desk, Depends(needs(*SEES_OWN_MACHINES))]
Provider = Annotated[Desk, Depends(needs(Capability.PROVIDER))]


class Range(BaseModel):
    """A customer, and days in its zone: `from` is the first, `to` the first that is not in it any more."""

    model_config = ConfigDict(extra="forbid")

    customer: Annotated[str, Field(min_length=1, max_length=40)]
    date_from: Annotated[Day, Field(alias="from")]
    date_to: Annotated[Day, Field(alias="to")]


class Posting(BaseModel):
    """`invoice_no`: without one it gets the next of the series. `seen`: the `content_hash` of what was reviewed."""

    model_config = ConfigDict(extra="forbid")

    invoice_no: Annotated[str | None, Field(max_length=100)] = None
    seen: Annotated[str | None, Field(pattern="^([0-9a-f]{2})+$", max_length=200)] = None


class Why(BaseModel):
    """The reason, which the history keeps."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class InvoiceAnswer(BaseModel):
    """One invoice; money without tax, tax, and together. `invoice_no` is null until it is posted."""

    id: int
    customer: str
    currency: str
    date_from: Annotated[date, Field(serialization_alias="from")]
    date_to: Annotated[date, Field(serialization_alias="to")]
    status: str
    invoice_no: str | None
    invoice_date: date | None
    due_date: date | None
    credit_no: str | None
    sales: int
    net: str
    tax: str
    total: str
    prepared_by: str
    prepared_at: datetime
    content_hash: str | None


class Awaited(BaseModel):
    """Its total is above the customer's limit: somebody approves it in the run, which then posts it."""

    id: int
    status: str
    run: str


@router.post("/invoices", status_code=201)
def add_invoices(desk: Provider, wanted: Range) -> Answer[list[InvoiceAnswer]]:
    """Prepare the drafts of a range, one for each currency; asked again, the same ones."""
    made = invoicing.prepare(desk, wanted.customer, wanted.date_from, wanted.date_to)
    return Answer(result=[_found(desk, one.invoice_id) for one in made])


@router.get("/invoices")
def get_invoices(
    desk: Reader,
    customer: Annotated[str | None, Query(max_length=40)] = None,
    status: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Answer[Page[InvoiceAnswer]]:
    """Invoices, newest first; those of one's own customer for its users."""
    found = invoices.list_invoices(
        desk.conn, desk.customers(), limit=limit + 1, before=cursor, customer=customer, status=status
    )
    shown = [_answer(one) for one in found[:limit]]
    return Answer(result=Page(items=shown, next_cursor=shown[-1].id if len(found) > limit else None))


@router.get("/invoices/{invoice_id}")
def get_invoice(desk: Reader, invoice_id: Number) -> Answer[InvoiceAnswer]:
    """One invoice."""
    return Answer(result=_found(desk, invoice_id))


def _add_documents() -> None:
    """A route for each document: its name is the end of the path."""

    def of(kind: DocumentKind) -> None:
        def get_document(desk: Reader, invoice_id: Number) -> StreamingResponse:
            made = invoicing.document_of(desk, invoice_id, kind)
            return download(begun(made.chunks), made.file_name, made.content_type)

        name = kind.name.lower()
        router.add_api_route(
            f"/invoices/{{invoice_id}}/{kind.value}", get_document, name=name, operation_id=f"get_{name}",
            response_class=StreamingResponse, summary=f"Download {kind.value}",
        )  # fmt: skip

    for kind in DocumentKind:
        of(kind)


_add_documents()


@router.post("/invoices/{invoice_id}/post", responses={202: {"model": Answer[Awaited]}})
def post_invoice(
    desk: Provider, invoice_id: Number, given: Posting, response: Response
) -> Answer[InvoiceAnswer] | Answer[Awaited]:
    """Give it its number, for ever; 202 where somebody has to approve it first."""
    seen = bytes.fromhex(given.seen) if given.seen else None
    came = invoicing.post(desk, invoice_id, given.invoice_no, seen)
    if isinstance(came, Run):
        response.status_code = 202
        return Answer(result=Awaited(id=invoice_id, status="waits for approval", run=came.url))
    return Answer(result=_found(desk, invoice_id))


@router.post("/invoices/{invoice_id}/discard")
def discard_invoice(desk: Provider, invoice_id: Number, why: Why) -> Answer[InvoiceAnswer]:
    """Discard a draft: its sales are free."""
    invoices.discard(desk.conn, invoice_id, invoicing.acting(desk), reason=why.reason)
    return Answer(result=_found(desk, invoice_id))


@router.post("/invoices/{invoice_id}/credit")
def credit_invoice(desk: Provider, invoice_id: Number, why: Why) -> Answer[InvoiceAnswer]:
    """Reverse a posted invoice by a credit note: its sales are free, its number is not."""
    invoicing.credit(desk, invoice_id, why.reason, None)
    return Answer(result=_found(desk, invoice_id))


def _found(desk: Desk, invoice_id: int) -> InvoiceAnswer:
    return _answer(invoices.find(desk.conn, invoice_id, invoicing.acting(desk)))


def _answer(line: InvoiceLine) -> InvoiceAnswer:
    return InvoiceAnswer(
        id=line.invoice_id, customer=line.customer, currency=line.currency, date_from=line.date_from,
        date_to=line.date_to, status=line.status, invoice_no=line.number, invoice_date=line.invoice_date,
        due_date=line.due_date, credit_no=line.credit_no, sales=line.sale_rows,
        net=from_minor(line.net_minor, line.currency), tax=from_minor(line.tax_minor, line.currency),
        total=from_minor(line.total_minor, line.currency), prepared_by=line.prepared_by, prepared_at=line.prepared_at,
        content_hash=line.content_hash.hex() if line.content_hash else None,
    )  # fmt: skip

"""The exceptions that wait for a person, each with what would clear it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from tillflow.db.connection import Connection
from tillflow.equipment_sync.exception_export import exceptions_csv, exceptions_xlsx
from tillflow.equipment_sync.exception_report import ExceptionFilter, OpenException, open_exceptions
from tillflow.web.answers import REFUSALS, Answer
from tillflow.web.downloads import CSV, XLSX, begun, download, workbook
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import Cursor, Day, Limit, Page
from tillflow.web.sights import SEES_OWN_MACHINES

router = APIRouter(tags=["exceptions"], responses=REFUSALS)
Viewer = Annotated[Desk, Depends(needs(*SEES_OWN_MACHINES))]
_Key = Annotated[str | None, Query(max_length=40)]


class FixAnswer(BaseModel):
    """The likely fix of one reason: a code, and the sentence for a person."""

    code: str
    sentence: str


class ExceptionAnswer(BaseModel):
    """One vend that waits. `vended_at` is the site's time with its offset; of a card only the end is shown."""

    id: int
    import_id: int
    file_name: str
    row: int
    customer: str | None
    site: str | None
    equipment: str | None
    vended_at: str | None
    recorded_at: datetime
    age_days: int
    selection: str | None
    product: str | None
    currency: str
    amount: str
    identity: str | None
    reasons: dict[str, str]
    fixes: list[FixAnswer]


def wanted_exceptions(
    desk: Viewer,
    customer: _Key = None,
    site: _Key = None,
    equipment: _Key = None,
    day_from: Annotated[Day | None, Query(alias="from")] = None,
    day_to: Annotated[Day | None, Query(alias="to", description="inclusive")] = None,
    reason: _Key = None,
) -> ExceptionFilter:
    """What was asked for, cut to the customer that a customer's user may see."""
    own = desk.customers()
    if own is not None:
        if customer is not None and customer not in own:
            desk.missing("customer", customer)
        if customer is None and len(own) > 1:
            raise HTTPException(422, f"name the customer: {', '.join(own)}")
        customer = customer or own[0]
    viewer = customer if own is not None else None
    return ExceptionFilter(customer, site, equipment, day_from, day_to, reason, desk.settings.zone, viewer)


Wanted = Annotated[ExceptionFilter, Depends(wanted_exceptions)]


@router.get("/exceptions")
def get_exceptions(
    desk: Viewer, wanted: Wanted, limit: Limit = 50, cursor: Cursor = None
) -> Answer[Page[ExceptionAnswer]]:
    """Open exceptions of machines, in the order of their recording."""
    found = list(open_exceptions(desk.conn, wanted, now=desk.now, after=cursor or 0, most=limit + 1))
    shown = [_answer(one) for one in found[:limit]]
    return Answer(result=Page(items=shown, next_cursor=shown[-1].id if len(found) > limit else None))


@router.get("/exceptions.csv", response_class=StreamingResponse)
def get_exceptions_csv(desk: Viewer, wanted: Wanted) -> StreamingResponse:
    """All of them as CSV, with the suggested fixes."""
    pieces = exceptions_csv(_all(desk.conn, wanted, desk.now))
    return download(begun(pieces), f"exceptions-{desk.now:%Y-%m-%d}.csv", CSV)


@router.get("/exceptions.xlsx", response_class=StreamingResponse)
def get_exceptions_xlsx(desk: Viewer, wanted: Wanted) -> StreamingResponse:
    """The same as a workbook."""
    pieces = workbook(lambda path: exceptions_xlsx(path, _all(desk.conn, wanted, desk.now)), desk.settings)
    return download(begun(pieces), f"exceptions-{desk.now:%Y-%m-%d}.xlsx", XLSX)


def _all(conn: Connection, wanted: ExceptionFilter, now: datetime) -> Iterator[OpenException]:
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        yield from open_exceptions(conn, wanted, now=now)


def _answer(one: OpenException) -> ExceptionAnswer:
    vend = one.vend
    return ExceptionAnswer(
        id=vend.id, import_id=vend.import_id, file_name=vend.file_name, row=vend.row_no, customer=vend.customer,
        site=vend.site, equipment=vend.asset_no, vended_at=vend.local_time, recorded_at=vend.recorded_at,
        age_days=one.age_days, selection=vend.selection, product=vend.product_code, currency=vend.currency,
        amount=str(vend.amount), identity=vend.identity, reasons=dict(one.reasons),
        fixes=[FixAnswer(code=fix.code, sentence=fix.sentence) for fix in one.fixes],
    )  # fmt: skip

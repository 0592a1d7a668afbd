"""The rows of imports: read them, correct one, decide about one, take the waiting ones as a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tillflow.codes import Capability, Tab
from tillflow.import_rows import ImportedRow
from tillflow.money import from_minor
from tillflow.row_desk import Action, NoSuchRowError, RowDesk
from tillflow.web.answers import REFUSALS, Answer, Message
from tillflow.web.downloads import CSV, begun, download
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import BigNumber, Cursor, Limit, Number, Page
from tillflow.web.sights import SEES_MACHINES, SEES_SALES

router = APIRouter(tags=["rows"], responses=REFUSALS)
Viewer = Annotated[Desk, Depends(needs(*SEES_SALES, *SEES_MACHINES))]
Resolver = Annotated[Desk, Depends(needs(Capability.OFFLINE_SALES_ADMIN, Capability.PROVIDER))]
Provider = Annotated[Desk, Depends(needs(Capability.PROVIDER))]
Transaction = Annotated[str, Path(max_length=20, description="import and row: `7-12`")]


class RowAnswer(BaseModel):
    """One row: as it arrived, as it was corrected, why it waits, how far its payment is, and what became of it."""

    id: str
    row: int
    verdict: str
    tab: Tab | None
    currency: str
    amount: str
    arrived: dict[str, Any]
    fields: dict[str, Any]
    #: how many corrections it has had: hand it back as `expected`
    corrections: int
    exception_id: int | None
    exception_state: str | None
    reasons: list[dict[str, Any]]
    cleared_reasons: list[str]
    payment: dict[str, Any] | None
    next_retry_at: datetime | None
    attempts: list[dict[str, Any]]
    history: list[dict[str, Any]]


class Correction(BaseModel):
    """Columns and what they ought to be; blank or null empties one. `preview` keeps nothing."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[dict[str, str | None], Field(max_length=60)]
    expected: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    preview: bool = False


class Why(BaseModel):
    """The reason, which the history keeps."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=1000)] = ""


@router.get("/imports/{import_id}/transactions")
def get_rows(
    desk: Viewer, import_id: Number, tab: Tab | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Answer[Page[RowAnswer]]:
    """The rows of an import in the order of its file, all or of one tab."""
    after = min(cursor or 0, 2**31 - 1)
    with own_rows(desk, "import", import_id) as rows:
        found = rows.list_rows(import_id, tab=tab, after=after, most=limit + 1)
    shown = [_answer(one) for one in found[:limit]]
    return Answer(result=Page(items=shown, next_cursor=shown[-1].row if len(found) > limit else None))


@router.get("/imports/{import_id}/errors.csv", response_class=StreamingResponse)
def get_errors_csv(desk: Viewer, import_id: Number) -> StreamingResponse:
    """The rows that wait, with ROW, ERROR_CODE, ERROR_COLUMN and ERROR_REASON: correct it and upload it again."""
    with own_rows(desk, "import", import_id) as rows:
        pieces = begun(rows.errors_csv(import_id))
    return download(pieces, f"import-{import_id}-errors.csv", CSV)


@router.get("/transactions/{transaction}")
def get_row(desk: Viewer, transaction: Transaction) -> Answer[RowAnswer]:
    """One row."""
    with own_rows(desk, "transaction", transaction) as rows:
        return Answer(result=_answer(rows.get_row(transaction)))


@router.post("/transactions/{transaction}/resolve")
def resolve_row(desk: Resolver, transaction: Transaction, given: Correction) -> Answer[RowAnswer]:
    """Correct a waiting order and judge it again; `messages` are what is left, each at its field."""
    with own_rows(desk, "transaction", transaction) as rows:
        if given.preview:
            came = rows.check(transaction, given.fields)
        else:
            came = rows.resolve(transaction, given.fields, expected=given.expected)
        left = [
            Message(code=one.code, level="error", message=f"{one.message} {one.action}".strip(), column=one.column)
            for one in came.errors
        ]
        return Answer(messages=left, result=_answer(rows.get_row(transaction)))


@router.post("/transactions/{transaction}/{act}")
def decide_row(
    desk: Resolver,
    transaction: Transaction,
    act: Literal["approve", "refuse", "abandon", "retry"],
    why: Why | None = None,
) -> Answer[RowAnswer]:
    """Approve or refuse its funds, try it again, or abandon it with a reason; the row as it is then."""
    with own_rows(desk, "transaction", transaction) as rows:
        return Answer(result=_answer(rows.act(transaction, Action(act), reason=why.reason if why else "")))


@router.post("/exceptions/{number}/write-off")
def write_off(desk: Provider, number: BigNumber, why: Why) -> Answer[RowAnswer]:
    """Give up a vend that waits, with a reason."""
    with own_rows(desk, "exception", number) as rows:
        return Answer(result=_answer(rows.write_off(number, reason=why.reason)))


@contextmanager
def own_rows(desk: Desk, subject: str, key: object) -> Iterator[RowDesk]:
    """The desk of rows. Behind row-level security a row of another channel is not there, so the try is noted here."""
    try:
        yield RowDesk(desk.conn, desk.person, desk.now, desk.settings)
    except NoSuchRowError:
        desk.missing(subject, key)


def _answer(row: ImportedRow) -> RowAnswer:
    payment = asdict(row.payment) if row.payment else None
    attempts = [dict(one) for one in payment.pop("attempts")] if payment else []
    return RowAnswer(
        id=row.transaction, row=row.row_no, verdict=row.verdict, tab=row.tab, currency=row.currency,
        amount=from_minor(row.amount_minor, row.currency), arrived=dict(row.arrived), fields=dict(row.fields),
        corrections=row.corrections, exception_id=row.exception_id, exception_state=row.exception_state,
        reasons=[asdict(one) for one in row.reasons], cleared_reasons=list(row.cleared_reasons), payment=payment,
        next_retry_at=payment["next_retry_at"] if payment else None, attempts=attempts,
        history=[asdict(one) for one in row.history],
    )  # fmt: skip

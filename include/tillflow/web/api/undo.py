"""An import taken back: first what it would come to, then with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tillflow.codes import Capability
from tillflow.money import from_minor
from tillflow.undo import Undone, UndoneRow
from tillflow.web.answers import REFUSALS, Answer, Message
from tillflow.web.api.rows import Why, own_rows
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import Number

router = APIRouter(tags=["imports"], responses=REFUSALS)
Resolver = Annotated[Desk, Depends(needs(Capability.OFFLINE_SALES_ADMIN, Capability.PROVIDER))]
Outcome = Literal["reversed", "kept", "refused"]


class UndoTotalAnswer(BaseModel):
    """Rows of one outcome for one reason. `counted_as`: what they counted as before."""

    outcome: Outcome
    why: str
    counted_as: str
    rows: int
    currency: str
    amount: str


class UndoRowAnswer(BaseModel):
    """One row, named as `/transactions/{id}` takes it, and why it goes or stays."""

    id: str
    row: int
    why: str
    counted_as: str
    currency: str
    amount: str


class UndoAnswer(BaseModel):
    """What is reversed (taken back), kept (closed before), refused (it cannot go).

    `is_whole`: nothing is refused, so the file may be imported again. `rows`: of each outcome the first 1,000;
    `counts` and `totals` are of all.
    """

    is_whole: bool
    counts: dict[Outcome, int]
    totals: list[UndoTotalAnswer]
    rows: dict[Outcome, list[UndoRowAnswer]]


@router.get("/imports/{import_id}/undo")
def preview_undo(desk: Resolver, import_id: Number) -> Answer[UndoAnswer]:
    """What taking the import back would come to, by the same code; nothing is kept."""
    with own_rows(desk, "import", import_id) as rows:
        return Answer(result=_answer(import_id, rows.undo(import_id, reason="preview", preview=True)))


@router.post("/imports/{import_id}/undo")
def undo_import(desk: Resolver, import_id: Number, why: Why) -> Answer[UndoAnswer]:
    """Take the import back as far as nothing of it is paid or invoiced; a warning says where rows stay."""
    with own_rows(desk, "import", import_id) as rows:
        undone = rows.undo(import_id, reason=why.reason)
    return Answer(messages=list(_said(undone)), result=_answer(import_id, undone))


def _said(undone: Undone) -> Iterable[Message]:
    if undone.is_whole:
        return
    code = "undone_in_part" if undone.count("reversed") else "undo_refused"
    text = f"{undone.count('refused')} rows stay: `why` says what is in the way, and the file cannot come again"
    yield Message(code=code, level="warning", message=text)


def _answer(import_id: int, undone: Undone) -> UndoAnswer:
    outcomes: tuple[Outcome, ...] = ("reversed", "kept", "refused")
    return UndoAnswer(
        is_whole=undone.is_whole,
        counts={outcome: undone.count(outcome) for outcome in outcomes},
        totals=[
            UndoTotalAnswer.model_validate(
                {
                    "outcome": one.outcome, "why": one.why, "counted_as": one.bucket, "rows": one.rows,
                    "currency": one.currency, "amount": from_minor(one.minor, one.currency),
                }
            )
            for one in undone.totals
        ],
        rows={outcome: [_row(import_id, row) for row in undone.rows[outcome]] for outcome in outcomes},
    )  # fmt: skip


def _row(import_id: int, row: UndoneRow) -> UndoRowAnswer:
    return UndoRowAnswer(
        id=f"{import_id}-{row.row_no}", row=row.row_no, why=row.why, counted_as=row.bucket, currency=row.currency,
        amount=from_minor(row.amount_minor, row.currency),
    )  # fmt: skip

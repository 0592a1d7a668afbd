"""Reconciliations: ask for one, follow it, and keep its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tillflow.codes import Capability
from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.exports.xlsx import write_xlsx
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.reporting.reconciliation_report import (
    HEADER,
    NoSuchReconciliationError,
    Reconciliation,
    find_reconciliation,
    records,
)
from tillflow.web import reconciling
from tillflow.web.answers import REFUSALS, Answer
from tillflow.web.downloads import CSV, XLSX, begun, download, workbook
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import Day, Number
from tillflow.web.sights import SEES_MACHINES

router = APIRouter(tags=["reconciliations"], responses=REFUSALS)
Viewer = Annotated[Desk, Depends(needs(*SEES_MACHINES))]
Provider = Annotated[Desk, Depends(needs(Capability.PROVIDER))]
_Key = Annotated[str, Field(min_length=1, max_length=40)]

_FIELDS: Final = tuple(name.lower() for name in HEADER)


class Wanted(BaseModel):
    """`{kind: user, customer}`, or `{kind: product, equipment, from, to}`: inclusive days of sale at the site."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    kind: Kind
    customer: _Key | None = None
    equipment: _Key | None = None
    date_from: Annotated[Day | None, Field(alias="from")] = None
    date_to: Annotated[Day | None, Field(alias="to")] = None
    preview: bool = False
    #: where the report goes; default: where all reports go
    notify: Annotated[str | None, Field(pattern=r"^[^\s,;<>@]+@[^\s,;<>@]+$", max_length=254)] = None

    @model_validator(mode="after")
    def _is_complete(self) -> Wanted:
        of_product = (self.equipment, self.date_from, self.date_to)
        if self.kind is Kind.USER and (self.customer is None or any(of_product)):
            raise ValueError("a reconciliation of users names its customer, and nothing else")
        if self.kind is Kind.PRODUCT and (self.customer is not None or not all(of_product)):
            raise ValueError("a reconciliation of products names equipment, from and to")
        if self.date_from and self.date_to and self.date_to < self.date_from:
            raise ValueError("the range ends before it begins")
        return self

    @property
    def scope(self) -> Scope:
        """As the use case names it."""
        return Scope(self.kind, self.customer, self.equipment, self.date_from, self.date_to)


class Counts(BaseModel):
    """`attempted = reconciled + failed`."""

    attempted: int
    reconciled: int
    failed: int


class Asked(BaseModel):
    """A reconciliation that has begun; `run` is the page of its DAG run."""

    id: int
    status: Literal["running"] = "running"
    run: str


class ReconciliationAnswer(Counts):
    """One reconciliation. `records` are the first of them; `report.csv` and `report.xlsx` have all."""

    id: int
    kind: Kind
    scope: str
    status: str
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    records: list[dict[str, Any]]


@router.post(
    "/reconciliations",
    status_code=202,
    responses={200: {"model": Answer[Counts], "description": "A preview: what would come of it"}},
)
def add_reconciliation(desk: Provider, wanted: Wanted, response: Response) -> Answer[Asked] | Answer[Counts]:
    """Begin one, or with `preview` say what would come of it and change nothing."""
    if wanted.preview:
        response.status_code = 200
        return Answer(result=Counts(**asdict(reconciling.preview(desk, wanted.scope))))
    number, run = reconciling.begin(desk, wanted.scope, notify=wanted.notify)
    return Answer(result=Asked(id=number, run=run.url))


@router.get("/reconciliations/{number}")
def get_reconciliation(desk: Viewer, number: Number) -> Answer[ReconciliationAnswer]:
    """How far it is, and what came of it."""
    found = _found(desk, number)
    rows = [dict(zip(_FIELDS, map(_plain, row), strict=True)) for row in reconciling.first_records(desk.conn, number)]
    return Answer(
        result=ReconciliationAnswer(
            id=found.id, kind=Kind(found.kind), scope=found.scope, status=found.state, requested_by=found.requested_by,
            requested_at=found.requested_at, finished_at=found.finished_at, attempted=found.attempted,
            reconciled=found.reconciled, failed=found.failed, records=rows,
        )
    )  # fmt: skip


@router.get("/reconciliations/{number}/report.csv", response_class=StreamingResponse)
def get_report_csv(desk: Viewer, number: Number) -> StreamingResponse:
    """Every record, as CSV."""
    _found(desk, number)
    pieces = csv_chunks(records(desk.conn, number), HEADER)
    return download(begun(pieces), f"reconciliation-{number}.csv", CSV)


@router.get("/reconciliations/{number}/report.xlsx", response_class=StreamingResponse)
def get_report_xlsx(desk: Viewer, number: Number) -> StreamingResponse:
    """Every record, as a workbook."""
    _found(desk, number)

    def pieces() -> Iterator[bytes]:
        title = f"Reconciliation {number}"
        return workbook(lambda path: write_xlsx(path, HEADER, records(desk.conn, number), title), desk.settings)

    return download(begun(pieces()), f"reconciliation-{number}.xlsx", XLSX)


def _found(desk: Desk, number: int) -> Reconciliation:
    try:
        return find_reconciliation(desk.conn, number)
    except NoSuchReconciliationError:
        desk.missing("reconciliation", number)


def _plain(cell: Cell) -> str | int | None:
    return str(cell) if isinstance(cell, Decimal) else cell

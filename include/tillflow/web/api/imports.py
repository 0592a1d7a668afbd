"""Imports: hand a file in, see what it would do, see what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from tillflow.codes import ImportStatus, Kind
from tillflow.import_desk import ImportFilter, ImportLine, find_import, list_imports
from tillflow.intake.balance import BUCKETS, balance_of
from tillflow.money import from_minor
from tillflow.offline_sales.overview import ImportOverview, import_overview, import_overviews
from tillflow.web.answers import REFUSALS, Answer, Message
from tillflow.web.grants import Desk, needs
from tillflow.web.importing import preview_upload, take_upload
from tillflow.web.paging import Cursor, Limit, Number, Page
from tillflow.web.sights import IMPORTS, SEES_MACHINES, SEES_SALES
from tillflow.web.uploads import Upload, upload_of

router = APIRouter(tags=["imports"], responses=REFUSALS)
_SEES = (*SEES_SALES, *SEES_MACHINES)
Viewer = Annotated[Desk, Depends(needs(*_SEES))]
Importer = Annotated[Desk, Depends(needs(*IMPORTS))]
Text = Annotated[str | None, Query(min_length=1, max_length=200)]

#: bucket -> its name in an answer
_NAMES: Final = {
    "sale": "sales", "exception": "exceptions", "duplicate": "duplicates", "not_billable": "not_billable",
    "rejected": "rejected",
}  # fmt: skip


class Taken(BaseModel):
    """An import that was taken in; `run` is the page of the DAG run that books it."""

    id: int
    status: str
    run: str | None = None


class BalanceLine(BaseModel):
    """`read = sales + exceptions + duplicates + not_billable + rejected` in one currency, in rows and in money."""

    currency: str
    rows: dict[str, int]
    money: dict[str, str]


class Preview(BaseModel):
    """What an import would do."""

    balance: list[BalanceLine]


class ImportAnswer(BaseModel):
    """One import. Money is payment type -> currency -> amount; `tabs` and `money` are of offline sales only."""

    id: int
    kind: Kind
    channel: str | None
    file_name: str
    uploader: str
    uploaded_at: datetime
    status: str
    counts: dict[str, int]
    money: dict[str, dict[str, str]]
    tabs: dict[str, int]
    next_retry_at: datetime | None


_UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "kind"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "kind": {"type": "string", "enum": [str(kind) for kind in Kind]},
                        "channel": {"type": "string", "description": "of offline sales; not needed for the only one"},
                    },
                }
            }
        },
    }
}


@router.post(
    "/imports",
    status_code=202,
    openapi_extra=_UPLOAD_FORM,
    responses={200: {"model": Answer[Preview], "description": "A preview"}, 408: REFUSALS[413]},
)
async def add_import(
    request: Request, response: Response, desk: Importer, preview: bool = False
) -> Answer[Taken] | Answer[Preview]:
    """Take a file in and start its run; with `preview=true` only say what it would do, and keep nothing."""
    async with upload_of(request, desk.settings) as upload:
        if preview:
            response.status_code = 200
            return await run_in_threadpool(_preview, desk, upload)
        return await run_in_threadpool(_take, desk, upload)


@router.get("/imports")
def get_imports(
    desk: Viewer,
    kind: Kind | None = None,
    status: ImportStatus | None = None,
    channel: Text = None,
    uploader: Text = None,
    file: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Answer[Page[ImportAnswer]]:
    """Imports of one's own channels, and of machines and portal data for the provider; newest first.

    `file` is a part of the file's name. A page with a `next_cursor` may have fewer than `limit`, even none: so far
    was looked.
    """
    wanted = ImportFilter(status=status, channel=channel, uploader=uploader, file_name=file)
    kinds = [kind] if kind else list(Kind)
    before = min(cursor, 2**31 - 1) if cursor else None
    page = list_imports(desk.conn, desk.sight, kinds, limit=limit, before=before, wanted=wanted)
    overviews = import_overviews(desk.conn, [line.import_id for line in page.lines])
    shown = [_answer(line, overviews.get(line.import_id)) for line in page.lines]
    return Answer(result=Page(items=shown, next_cursor=page.older))


@router.get("/imports/{import_id}")
def get_import(desk: Viewer, import_id: Number) -> Answer[ImportAnswer]:
    """One import."""
    line = own_import(desk, import_id)
    return Answer(result=_answer(line, import_overview(desk.conn, import_id)))


@router.get("/balance")
def get_balance(
    desk: Viewer, of: Annotated[int, Query(alias="import", ge=1, le=2**31 - 1)]
) -> Answer[list[BalanceLine]]:
    """Rows read = sales + exceptions + duplicates + not billable + rejected, of an import, in rows and money."""
    own_import(desk, of)
    return Answer(result=_lines(balance_of(desk.conn, of)))


def own_import(desk: Desk, import_id: int) -> ImportLine:
    """The import, where it is theirs to see; 404 otherwise."""
    return find_import(desk.conn, desk.sight, import_id) or desk.missing("import", import_id)


def _take(desk: Desk, upload: Upload) -> Answer[Taken]:
    started = take_upload(desk, upload, _kind(upload), upload.fields.get("channel"))
    said = []
    if started.run is None:
        text = "the file was taken in, but Airflow could not start its run; the daily run will book it"
        said = [Message(code="run_not_started", level="warning", message=text)]
    run = started.run.url if started.run else None
    return Answer(messages=said, result=Taken(id=started.import_id, status="processing", run=run))


def _preview(desk: Desk, upload: Upload) -> Answer[Preview]:
    booked = preview_upload(desk, upload, _kind(upload), upload.fields.get("channel"))
    return Answer(result=Preview(balance=_lines(booked.balance)))


def _kind(upload: Upload) -> Kind:
    try:
        return Kind(upload.fields.get("kind", ""))
    except ValueError:
        raise HTTPException(422, f"say the kind of the file: {', '.join(Kind)}") from None


def _answer(line: ImportLine, overview: ImportOverview | None) -> ImportAnswer:
    """An import with its derived figures; only offline sales have tabs and payments."""
    money: dict[str, dict[str, str]] = {}
    if overview is not None:
        for payment_type, amounts in overview.by_payment_type.items():
            money[payment_type] = {currency: from_minor(minor, currency) for currency, minor in amounts.items()}
    return ImportAnswer(
        id=line.import_id,
        kind=line.kind,
        channel=line.channel,
        file_name=line.file_name,
        uploader=line.uploader,
        uploaded_at=line.uploaded_at,
        status=line.status,
        counts=dict(line.counts),
        money=money,
        tabs={str(tab): rows for tab, rows in overview.tabs.items()} if overview else {},
        next_retry_at=overview.next_retry_at if overview else None,
    )


def _lines(balance: Iterable[Mapping[str, Any]]) -> list[BalanceLine]:
    return [
        BalanceLine(
            currency=line["currency"],
            rows={"read": line["read_rows"]} | {_NAMES[one]: line[f"{one}_rows"] for one in BUCKETS},
            money={"read": from_minor(line["read_minor"], line["currency"])}
            | {_NAMES[one]: from_minor(line[f"{one}_minor"], line["currency"]) for one in BUCKETS},
        )
        for line in balance
    ]

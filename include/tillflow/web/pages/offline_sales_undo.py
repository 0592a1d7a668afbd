"""Rows that wait as a file to correct, and an import taken back: first what it would do, then with a reason."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from tillflow.codes import Capability
from tillflow.exception_closing import BadReasonError
from tillflow.undo import NotUndoableError, Undone
from tillflow.web.downloads import CSV, begun, download
from tillflow.web.grants import Desk
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.offline_sales_details import Progress, Viewer, progress_of
from tillflow.web.pages.offline_sales_row import row_desk_of
from tillflow.web.pages.rendering import render
from tillflow.web.paging import Number

router = APIRouter(prefix="/offline-sales/{import_id}")


@router.get("/errors.csv")
def download_errors(desk: Viewer, import_id: Number) -> Response:
    """The rows that wait, with why: correct them and hand the file in again."""
    progress = progress_of(desk, import_id)
    name = f"{progress.line.file_name.rsplit('.', 1)[0]}-errors.csv"
    return download(begun(row_desk_of(desk).errors_csv(import_id)), name, CSV)


@router.get("/undo/")
def show_undo(request: Request, desk: Viewer, import_id: Number) -> HTMLResponse:
    """What taking the import back would do."""
    return _page(request, desk, import_id)


@router.post("/undo/")
async def undo_import(request: Request, desk: Viewer, import_id: Number) -> Response:
    """Take it back as far as nothing of it is paid."""
    return await run_in_threadpool(_undo, request, desk, import_id, await request.form())


def _undo(request: Request, desk: Desk, import_id: int, sent: FormData) -> Response:
    _must_act(desk, import_id)
    reason = sent.get("reason")
    try:
        undone = row_desk_of(desk).undo(import_id, reason=reason if isinstance(reason, str) else "")
    except (BadReasonError, NotUndoableError) as error:
        return _page(request, desk, import_id, error)
    counts = f"{undone.count('reversed')} rows were taken back, {undone.count('kept')} were closed before"
    said = flash("success", f"The import was undone: {counts}.")
    if not undone.is_whole:
        said = flash("warning", f"{counts}, {undone.count('refused')} stay, because they are paid or being charged.")
    return see_other(request, f"offline-sales/{import_id}/", desk.person, said)


def _page(request: Request, desk: Desk, import_id: int, error: Exception | None = None) -> HTMLResponse:
    progress = _must_act(desk, import_id)
    preview: Undone | None = None
    problem = str(error) if error else ""
    try:
        preview = row_desk_of(desk).undo(import_id, reason="preview", preview=True)
    except NotUndoableError as refused:
        problem = problem or str(refused)
    status = 200 if not error else 409 if isinstance(error, NotUndoableError) else 422
    return render(
        request,
        desk,
        "offline_sales_undo.html",
        status=status,
        line=progress.line,
        preview=preview,
        problem=problem,
    )


def _must_act(desk: Desk, import_id: int) -> Progress:
    progress = progress_of(desk, import_id)
    if progress.line.channel not in desk.channels(Capability.OFFLINE_SALES_ADMIN):
        desk.forbid("you may look at it; to undo it needs the grant offline_sales_admin")
    return progress

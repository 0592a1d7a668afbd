"""Offline sales import: hand a file in, or see first what it would do."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tillflow.codes import Capability, Kind
from tillflow.errors import FileRefusedError, UnavailableError
from tillflow.portal.grants import channels_of
from tillflow.web.grants import Desk, needs
from tillflow.web.importing import preview_upload, take_upload
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.rendering import render
from tillflow.web.pages.uploading import Outcome, action_of, problem_page, refused_page
from tillflow.web.uploads import Upload, upload_of

router = APIRouter(prefix="/offline-sales/import")
_UPLOADS: Final = (Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN)
Uploader = Annotated[Desk, Depends(needs(*_UPLOADS))]


@router.get("/")
def show_form(request: Request, desk: Uploader, channel: str = "") -> HTMLResponse:
    """The form; `channel` is chosen where it is one of theirs."""
    return _form(request, desk, Outcome(), channel)


@router.post("/")
async def take_file(request: Request, desk: Uploader) -> Response:
    """Take the file in and go to its page, or show all that is wrong with it; a preview keeps nothing."""
    try:
        async with upload_of(request, desk.settings) as upload:
            return await run_in_threadpool(_take, request, desk, upload)
    except (HTTPException, UnavailableError) as error:  # of the form as a whole: before its fields are known
        return await run_in_threadpool(_form, request, desk, problem_page(error), "")


def _take(request: Request, desk: Desk, upload: Upload) -> Response:
    channel = upload.fields.get("channel", "")
    try:
        if action_of(upload) == "preview":
            booked = preview_upload(desk, upload, Kind.OFFLINE_SALES, channel or None)
            return _form(request, desk, Outcome(preview=booked, file_name=upload.file_name), channel)
        started = take_upload(desk, upload, Kind.OFFLINE_SALES, channel or None)
    except FileRefusedError as refusal:
        return _form(request, desk, refused_page(refusal), channel)
    except (HTTPException, UnavailableError) as error:
        return _form(request, desk, problem_page(error), channel)
    rows = f"{upload.file_name} was taken in with {started.rows} row{'' if started.rows == 1 else 's'}"
    said = flash("success", f"{rows}; they are being processed.")
    if started.run is None:
        said = flash("warning", f"{rows}, but Airflow could not start its run; the daily run will process them.")
    return see_other(request, f"offline-sales/{started.import_id}/", desk.person, said)


def _form(request: Request, desk: Desk, outcome: Outcome, channel: str) -> HTMLResponse:
    channels = [(one.channel, one.name) for one in channels_of(desk.conn, desk.person)]
    return render(
        request,
        desk,
        "offline_sales_import.html",
        status=outcome.status,
        outcome=outcome,
        channels=channels,
        channel=channel if channel in dict(channels) else "",
        most_bytes=desk.settings.max_file_bytes[Kind.OFFLINE_SALES],
    )

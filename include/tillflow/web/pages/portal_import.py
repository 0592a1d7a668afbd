"""Portal data by file: a CSV named by its table, or several in a zip; applied all or nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tillflow.codes import Capability, Kind
from tillflow.errors import FileRefusedError, UnavailableError
from tillflow.portal.forms import describe, table_names
from tillflow.web.grants import Desk, needs
from tillflow.web.importing import preview_upload, take_upload
from tillflow.web.pages.flash import flash, see_other
from tillflow.web.pages.portal_forms import label_of
from tillflow.web.pages.rendering import render
from tillflow.web.pages.uploading import Outcome, action_of, problem_page, refused_page
from tillflow.web.uploads import Upload, upload_of

router = APIRouter(prefix="/portal/import")
Provider = Annotated[Desk, Depends(needs(Capability.PROVIDER))]


@router.get("/")
def show_form(request: Request, desk: Provider) -> HTMLResponse:
    """The form."""
    return _form(request, desk, Outcome())


@router.post("/")
async def take_file(request: Request, desk: Provider) -> Response:
    """Load the file, or show every error of it; a preview keeps nothing."""
    try:
        async with upload_of(request, desk.settings) as upload:
            return await run_in_threadpool(_take, request, desk, upload)
    except (HTTPException, UnavailableError) as error:
        return await run_in_threadpool(_form, request, desk, problem_page(error))


def _take(request: Request, desk: Desk, upload: Upload) -> Response:
    try:
        if action_of(upload) == "preview":
            booked = preview_upload(desk, upload, Kind.PORTAL_DATA, None)
            return _form(request, desk, Outcome(preview=booked, file_name=upload.file_name))
        take_upload(desk, upload, Kind.PORTAL_DATA, None)
    except FileRefusedError as refusal:
        return _form(request, desk, refused_page(refusal))
    except (HTTPException, UnavailableError) as error:
        return _form(request, desk, problem_page(error))
    return see_other(request, "portal/", desk.person, flash("success", f"{upload.file_name} was loaded."))


def _form(request: Request, desk: Desk, outcome: Outcome) -> HTMLResponse:
    return render(
        request,
        desk,
        "portal_import.html",
        status=outcome.status,
        outcome=outcome,
        forms=[describe(name) for name in table_names()],
        most_bytes=desk.settings.max_file_bytes[Kind.PORTAL_DATA],
        label=label_of,
    )

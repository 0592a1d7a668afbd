"""Offline sales admin: the imports of one's own channels, newest first."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from tillflow.codes import Capability, ImportStatus, Kind
from tillflow.import_desk import ImportFilter, list_imports
from tillflow.web.grants import Desk, needs
from tillflow.web.pages.rendering import render
from tillflow.web.sights import SEES_SALES

router = APIRouter(prefix="/offline-sales")
_PAGE: Final = 50
Viewer = Annotated[Desk, Depends(needs(*SEES_SALES))]
_UPLOADS: Final = (Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN)
_Text = Annotated[str, Query(max_length=200)]


@router.get("/")
def show_imports(
    request: Request,
    desk: Viewer,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    status: _Text = "",
    channel: _Text = "",
    uploader: _Text = "",
    file: _Text = "",
) -> HTMLResponse:
    """A page of imports, those older than import `before`; of a status, a channel, an uploader, a file's name."""
    wanted = ImportFilter(
        status=ImportStatus(status) if status in set(ImportStatus) else None,
        channel=channel.strip() or None,
        uploader=uploader.strip() or None,
        file_name=file.strip() or None,
    )
    page = list_imports(desk.conn, desk.sight, [Kind.OFFLINE_SALES], limit=_PAGE, before=before, wanted=wanted)
    filters = {"status": wanted.status or "", "channel": channel, "uploader": uploader, "file": file}
    return render(
        request,
        desk,
        "offline_sales_admin.html",
        imports=page.lines,
        older=page.older,
        is_first=before is None,
        filters=filters,
        is_filtered=any(filters.values()),
        statuses=[(one.value, one.value) for one in ImportStatus],
        may_upload=desk.holds(*_UPLOADS),
    )

"""Offline sales admin: the imports of one's own channels, newest first."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from tillflow.codes import Kind
from tillflow.import_desk import list_imports
from tillflow.web.grants import SEES_SALES, Desk, needs
from tillflow.web.pages.rendering import render

router = APIRouter(prefix="/offline-sales")
_PAGE: Final = 50


@router.get("/")
def show_imports(
    request: Request,
    desk: Annotated[Desk, Depends(needs(*SEES_SALES))],
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:
    """A page of imports, those older than import `before`."""
    found = list_imports(desk.conn, desk.sight, [Kind.OFFLINE_SALES], limit=_PAGE + 1, before=before)
    lines, more = found[:_PAGE], found[_PAGE:]
    older = lines[-1].import_id if more else None
    return render(request, desk, "offline_sales_admin.html", imports=lines, older=older, is_first=before is None)

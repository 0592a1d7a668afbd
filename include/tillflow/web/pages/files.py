"""Files: every import that one may see, and what became of its rows and its money."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from tillflow.codes import Kind
from tillflow.import_desk import ImportFilter, ImportPage, file_errors_of, find_import, list_imports
from tillflow.intake.balance import BUCKETS, balance_of
from tillflow.reporting.figures import limits_of
from tillflow.web.dag_runs import Run
from tillflow.web.grants import SEES_MACHINES, SEES_SALES, Desk, needs
from tillflow.web.pages.rendering import render
from tillflow.web.paging import Number

router = APIRouter(prefix="/imports")
Viewer = Annotated[Desk, Depends(needs(*SEES_SALES, *SEES_MACHINES))]
_PAGE: Final = 50
_MOST_ERRORS: Final = 100


@router.get("/")
def show_files(
    request: Request,
    desk: Viewer,
    kind: str = "",
    day: str = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:
    """The newest first; of one kind, of one day of the installation's zone."""
    errors: dict[str, list[str]] = {}
    received = None
    if day:
        try:
            received = limits_of(date.fromisoformat(day), desk.settings.zone)
        except (ValueError, OverflowError):
            errors["day"] = ["no such day: write it as 2026-06-30"]
    kinds = [Kind(kind)] if kind in set(Kind) else list(Kind)
    page = ImportPage([], None)
    if not errors:
        wanted = ImportFilter(received=received)
        page = list_imports(desk.conn, desk.sight, kinds, limit=_PAGE, before=before, wanted=wanted)
    return render(
        request,
        desk,
        "files.html",
        status=422 if errors else 200,
        lines=page.lines,
        older=page.older,
        is_first=before is None,
        kinds=list(Kind),
        kind=kind,
        day=day,
        errors=errors,
    )


@router.get("/{number}/")
def show_file(request: Request, desk: Viewer, number: Number) -> HTMLResponse:
    """One file: its balance, or why it was refused."""
    found = find_import(desk.conn, desk.sight, number) or desk.missing("import", number)
    return render(
        request,
        desk,
        "file.html",
        found=found,
        balances=list(balance_of(desk.conn, number)),
        buckets=BUCKETS,
        problems=[error for _, error in file_errors_of(desk.conn, number, after=0, most=_MOST_ERRORS)],
        run=Run(f"import_{found.kind}", f"{found.kind}__{number}"),
    )

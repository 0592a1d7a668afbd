"""One import of offline sales: how far it is, its money, and its rows under their tabs (domain 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from tillflow.codes import Capability, ImportStatus, PaymentType, Tab
from tillflow.import_desk import ImportLine, file_errors_of, find_import
from tillflow.import_rows import ImportedRow
from tillflow.intake.balance import balance_of
from tillflow.intake.validation_page import page_of
from tillflow.offline_sales.overview import ImportOverview, import_overview
from tillflow.row_desk import RowDesk
from tillflow.web.dag_runs import Run
from tillflow.web.grants import Desk, needs
from tillflow.web.pages.rendering import render
from tillflow.web.pages.uploading import shown_errors
from tillflow.web.paging import Number
from tillflow.web.sights import SEES_SALES

router = APIRouter(prefix="/offline-sales")
Viewer = Annotated[Desk, Depends(needs(*SEES_SALES))]
_ERRORS: Final = 100
_ROWS: Final = 50
_TABS: Final = {
    Tab.PROCESSING: "Processing",
    Tab.REQUIRES_ACTION: "Requires action",
    Tab.FUNDS_PENDING: "Funds pending approval",
    Tab.SUCCESSFUL: "Successful",
    Tab.ABANDONED: "Abandoned",
}
_TYPES: Final = {
    PaymentType.CASH: "Cash",
    PaymentType.CARD: "Card",
    PaymentType.CHEQUE: "Cheque",
    PaymentType.MONEY_ORDER: "Money order",
    PaymentType.BANK_DRAFT: "BD",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. `is_booked`: its rows are known; until then there is nothing to list."""

    line: ImportLine
    overview: ImportOverview
    balance: tuple[Any, ...]

    @property
    def is_booked(self) -> bool:
        """True once its rows were judged, or the file was refused."""
        return self.line.counts["read"] > 0 or self.line.status is not ImportStatus.PROCESSING

    @property
    def is_moving(self) -> bool:
        """True while it can change without anybody doing anything."""
        return self.line.status is ImportStatus.PROCESSING

    def first_tab(self) -> Tab:
        """Where a person begins: with what waits for them."""
        order = (Tab.REQUIRES_ACTION, Tab.FUNDS_PENDING, Tab.PROCESSING, Tab.SUCCESSFUL, Tab.ABANDONED)
        return next((tab for tab in order if self.overview.tabs[tab]), Tab.REQUIRES_ACTION)


@router.get("/{import_id}/")
def show_import(
    request: Request,
    desk: Viewer,
    import_id: Number,
    tab: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> HTMLResponse:
    """The import with one of its tabs; rows behind row `after`. A refused file: its errors, behind the `after`th."""
    progress = progress_of(desk, import_id)
    chosen = Tab(tab) if tab in set(Tab) else progress.first_tab()
    refused = progress.line.status is ImportStatus.REJECTED
    errors = file_errors_of(desk.conn, import_id, after=after, most=_ERRORS + 1) if refused else []
    rows = [] if refused else rows_of(desk, import_id, chosen, after)
    return render(
        request,
        desk,
        "offline_sales_import_details.html",
        **_shown(desk, progress),
        rows=rows[:_ROWS],
        next_row=rows[_ROWS - 1].row_no if len(rows) > _ROWS else None,
        may_resolve=progress.line.channel in desk.channels(Capability.OFFLINE_SALES_ADMIN),
        tab=chosen,
        after=after,
        errors=shown_errors([error for _, error in errors[:_ERRORS]]),
        next_error=errors[_ERRORS - 1][0] if len(errors) > _ERRORS else None,
        has_validation=page_of(desk.conn, import_id, desk.settings.storage) is not None,
    )


@router.get("/{import_id}/progress/")
def show_progress(request: Request, desk: Viewer, import_id: Number, booked: bool = False) -> HTMLResponse:
    """The part of the page that moves, for htmx; the whole page is fetched anew once the rows are known, or at rest."""
    progress = progress_of(desk, import_id)
    response = render(request, desk, "offline_sales_progress.html", **_shown(desk, progress))
    if progress.is_booked != booked or not progress.is_moving:  # its rows stand under other tabs now
        response.headers["hx-refresh"] = "true"
    return response


def rows_of(desk: Desk, import_id: int, tab: Tab, after: int) -> list[ImportedRow]:
    """A page of the rows under a tab, and one more where there is one."""
    found = RowDesk(desk.conn, desk.person, desk.now, desk.settings)
    return found.list_rows(import_id, tab=tab, after=after, most=_ROWS + 1)


def progress_of(desk: Desk, import_id: int) -> Progress:
    """How far the import is; 404 where it is not theirs, or none of offline sales."""
    line = find_import(desk.conn, desk.sight, import_id)
    overview = import_overview(desk.conn, import_id) if line else None
    if line is None or overview is None:
        desk.missing("import", import_id)
    return Progress(line, overview, balance_of(desk.conn, import_id))


def _shown(desk: Desk, progress: Progress) -> dict[str, Any]:
    number = progress.line.import_id
    return {
        "progress": progress,
        "line": progress.line,
        "overview": progress.overview,
        "tab_names": _TABS,
        "payment_types": _TYPES,
        "run": Run("import_offline_sales", f"offline_sales__{number}").url,
        "now": desk.now,
    }

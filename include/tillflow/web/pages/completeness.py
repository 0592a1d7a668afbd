"""Completeness: running numbers that never came, machines that are silent, counters that say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from tillflow.equipment_sync.completeness import (
    MachineFilter,
    Received,
    meter_differences,
    missing_transactions,
    silent_machines,
)
from tillflow.equipment_sync.completeness_export import meter_csv, missing_csv, silent_csv
from tillflow.exception_desk import choices
from tillflow.web.downloads import CSV, begun, download
from tillflow.web.grants import SEES_OWN_MACHINES, Desk, needs
from tillflow.web.pages.rendering import render

router = APIRouter(prefix="/completeness")
Viewer = Annotated[Desk, Depends(needs(*SEES_OWN_MACHINES))]
Show = Literal["missing", "silent", "meters"]
_Key = Annotated[str, Query(max_length=40)]
#: rows on the page; the CSV has all
_MOST: Final = 200
#: without a machine only what the files of the last days begin or follow is looked at
_DAYS: Final = 14
_CSV: Final[dict[str, Callable[[Iterable[Any]], Iterator[bytes]]]] = {
    "missing": missing_csv, "silent": silent_csv, "meters": meter_csv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which machines, cut to those that the person may see."""

    customer: str
    site: str
    equipment: str

    @property
    def filter(self) -> MachineFilter:
        """As the checks ask for it."""
        return MachineFilter(self.customer or None, self.site or None, self.equipment or None)


def chosen(desk: Viewer, customer: _Key = "", site: _Key = "", equipment: _Key = "") -> Chosen:
    """The form; a customer's user sees machines of their own customer."""
    own = desk.customers()
    if own is not None:
        if customer and customer not in own:
            desk.missing("customer", customer)
        customer = customer or own[0]
    return Chosen(customer, site, equipment)


Form = Annotated[Chosen, Depends(chosen)]


@router.get("/")
def show_completeness(
    request: Request, desk: Viewer, form: Form, show: Show = "silent", generate: str = ""
) -> HTMLResponse:
    """One of three lists. Those that go through the vends of many machines wait until they are asked for."""
    is_asked = show == "silent" or bool(form.equipment or generate)
    found = list(islice(_rows(desk, form, show), _MOST + 1)) if is_asked else []
    return render(
        request,
        desk,
        "completeness.html",
        form=form,
        show=show,
        is_asked=is_asked,
        lines=found[:_MOST],
        is_cut=len(found) > _MOST,
        most=_MOST,
        days=None if form.equipment or show == "silent" else _DAYS,
        offered=choices(desk.conn, desk.customers(), customer=form.customer or None, site=form.site or None),
        sees_all=desk.customers() is None,
    )


@router.get("/{show}.csv")
def download_csv(desk: Viewer, form: Form, show: Show) -> StreamingResponse:
    """All of one list."""
    return download(begun(_CSV[show](_rows(desk, form, show))), f"{show}-{desk.now:%Y-%m-%d}.csv", CSV)


def _rows(desk: Desk, form: Chosen, show: Show) -> Iterator[Any]:
    if show == "silent":
        return iter(silent_machines(desk.conn, form.filter, now=desk.now))
    received = None if form.equipment else Received(desk.now - timedelta(days=_DAYS), desk.now)
    check = missing_transactions if show == "missing" else meter_differences
    return check(desk.conn, form.filter, received)

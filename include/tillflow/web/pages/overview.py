"""Overview: how the work stands, for who looks at it; each number leads to its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from tillflow.codes import Capability, Kind
from tillflow.import_desk import ImportLine, list_imports
from tillflow.money import from_minor
from tillflow.overview_desk import AGES, MONEY_STATES, Money, Overview, View, overview
from tillflow.web.grants import ANY, SEES_MACHINES, Desk, needs
from tillflow.web.latest_runs import LatestRun, latest_runs
from tillflow.web.pages import charts
from tillflow.web.pages.rendering import render
from tillflow.web.remembered import Remembered

router = APIRouter()
_SECONDS: Final = 10
_IMPORTS: Final = 8
#: silent machines and reasons that are drawn; the tables have all
_DRAWN: Final = 10


@dataclass(frozen=True, slots=True)
class Drawn:
    """What everybody with the same view is shown for some seconds. `charts`: name -> drawing."""

    figures: Overview
    charts: dict[str, Markup]
    imports: Sequence[ImportLine]


_drawn: Final[Remembered[Drawn]] = Remembered(_SECONDS)
_runs: Final[Remembered[list[LatestRun]]] = Remembered(_SECONDS)


@router.get("/")
def show_overview(request: Request, desk: Annotated[Desk, Depends(needs(*ANY))]) -> HTMLResponse:
    """Today, the last days, what waits, and what is silent."""
    view = View(desk.sight, desk.customers())
    info = desk.conn.info
    where = (info.host, info.port, info.dbname)
    drawn = _drawn.get((where, view), lambda: _draw(desk, view))
    return render(
        request,
        desk,
        "overview.html",
        figures=drawn.figures,
        age_columns=[(age, "number") for age in AGES],
        money_states=MONEY_STATES,
        money_columns=[(money.currency, "number") for money in drawn.figures.money],
        charts=drawn.charts,
        sees_imports=_sees_imports(view),
        sees_payments=view.sight.channels is None or bool(view.sight.channels),
        sees_machines=desk.holds(*SEES_MACHINES, Capability.CUSTOMER_USER),
        imports=drawn.imports,
        runs=_runs.get("", latest_runs) if desk.holds(*SEES_MACHINES, Capability.OFFLINE_SALES_ADMIN) else [],
    )


def _sees_imports(view: View) -> bool:
    return view.sight.is_machines or view.sight.channels is None or bool(view.sight.channels)


def _draw(desk: Desk, view: View) -> Drawn:
    figures = overview(desk.conn, view, zone=desk.settings.zone, now=desk.now)
    found = list_imports(desk.conn, view.sight, list(Kind), limit=_IMPORTS).lines if _sees_imports(view) else []
    return Drawn(figures, _charts(figures), found)


def _charts(figures: Overview) -> dict[str, Markup]:
    """Name -> drawing; none where there is nothing to draw."""
    drawn = {}
    if any(day.files for day in figures.days):
        drawn["days"] = charts.bars(
            "Sales and exceptions of each day's files",
            [f"{day.day:%d}" for day in figures.days],
            {
                "Sales": [day.sales for day in figures.days],
                "Exceptions": [day.exceptions for day in figures.days],
            },
        )
    for money in figures.money:
        if any(money.states):
            drawn[f"money {money.currency}"] = _money_chart(money)
    if figures.by_reason:
        drawn["reasons"] = charts.lines_of_bars(
            "The most frequent reasons of open exceptions, by age",
            [line.title for line in figures.by_reason[:_DRAWN]],
            {age: [line.ages[place] for line in figures.by_reason[:_DRAWN]] for place, age in enumerate(AGES)},
        )
    if any(turn.payments for turn in figures.by_turn):
        drawn["turns"] = charts.bars(
            "Payments waiting for their next attempt",
            [turn.word.replace(" hours", " h") for turn in figures.by_turn],
            {"Payments": [turn.payments for turn in figures.by_turn]},
        )
    if figures.silent:
        longest = figures.silent[:_DRAWN]
        drawn["silent"] = charts.lines_of_bars(
            "Hours since the last vend of silent machines",
            [one.asset_no for one in longest],
            {"Hours": [one.silent_hours for one in longest]},
        )
    return drawn


def _money_chart(money: Money) -> Markup:
    """In major units: a drawing may be rounded, the table beside it is not."""
    return charts.lines_of_bars(
        f"Money of the last days' files in {money.currency}",
        [state.capitalize() for state in MONEY_STATES],
        {money.currency: [float(Decimal(from_minor(minor, money.currency))) for minor in money.states]},
    )

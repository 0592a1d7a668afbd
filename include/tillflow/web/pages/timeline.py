"""Periods side by side on one line of time, for the eye; the text beside it says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: of the picture's own coordinates
_WIDTH: Final = 1000.0
_LEAST: Final = 4.0
_MARGIN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Bar:
    """A period at its place; `row` counts from 0 where several run side by side."""

    x: float
    width: float
    row: int
    label: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars from `starts` to `ends`; `now` is a place on the line."""

    bars: tuple[Bar, ...]
    rows: int
    now: float
    starts: datetime
    ends: datetime


def timeline(periods: Sequence[tuple[datetime | None, datetime | None, str]], now: datetime) -> Timeline | None:
    """The periods (from, to, what) as bars; None where there is none. No beginning or end runs to the edge."""
    if not periods:
        return None
    known = [moment for period in periods for moment in period[:2] if moment is not None]
    starts, ends = min([*known, now]) - _MARGIN, max([*known, now]) + _MARGIN
    span = (ends - starts).total_seconds()

    def place(moment: datetime) -> float:
        return round((moment - starts).total_seconds() / span * _WIDTH, 1)

    rows: dict[str, int] = {}
    bars = []
    for begins, stops, label in periods:
        x = place(begins or starts)
        bars.append(
            Bar(
                x,
                max(_LEAST, round(place(stops or ends) - x, 1)),
                rows.setdefault(label, len(rows)),
                label,
                (begins is None or begins <= now) and (stops is None or now < stops),
            )
        )
    return Timeline(tuple(bars), len(rows), place(now), starts, ends)

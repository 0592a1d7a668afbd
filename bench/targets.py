"""What the import is meant to reach, and whether it does: information, never a failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bench.case import Figures

MAX_FLOORS: Final = 8.0
MARK_FLOORS: Final = 6.0
MAX_GROWTH: Final = 1.15
MIN_PANDAS: Final = 2.5
MAX_PEAK_MB: Final = 1024.0
MAX_GX_SHARE: Final = 0.20
#: the bound by the floor is for files from that size on; below, fixed costs show and the ratio is information
FLOORS_FROM: Final = 1_000_000
SMALL_ROWS: Final = 100_000
MAX_SMALL_SECONDS: Final = 2.0

#: rows -> case -> its best round
Best = Mapping[int, Mapping[str, Figures]]


@dataclass(frozen=True)
class Target:
    """One line of the summary. `is_met`: None where the figure is no target but information."""

    name: str
    found: str
    is_met: bool | None


def targets(best: Best) -> list[Target]:
    """The targets that this run can speak of; a case that was left out or capped takes its targets with it."""
    return [target for rows in sorted(best) for target in _of_size(rows, _whole(best[rows]))] + list(_growth(best))


def _whole(cases: Mapping[str, Figures]) -> dict[str, Figures]:
    return {name: figures for name, figures in cases.items() if not figures.capped}


def _of_size(rows: int, cases: Mapping[str, Figures]) -> Iterator[Target]:
    if "ours" not in cases:
        return
    ours = cases["ours"]
    size = f"{rows:,} rows"
    if "floor" in cases:
        floors = ours.seconds / cases["floor"].seconds
        mark = f", {'under' if floors <= MARK_FLOORS else 'over'} the mark of {MARK_FLOORS:g} x"
        is_met = floors <= MAX_FLOORS if rows >= FLOORS_FROM else None
        yield Target(f"{size}: import <= {MAX_FLOORS:g} x floor", f"{floors:.1f} x{mark}", is_met)
    if "pandas" in cases:
        times = cases["pandas"].seconds / ours.seconds
        name = f">= {MIN_PANDAS:g} x faster than pandas doing the same work"
        yield Target(f"{size}: {name}", f"{times:.1f} x", times >= MIN_PANDAS)
        if spared := cases["pandas"].spared_seconds:
            found = f"{spared / ours.seconds:.1f} x"
            yield Target(f"{size}: faster than pandas spared archive, card numbers and checks", found, None)
    yield Target(f"{size}: peak <= {MAX_PEAK_MB:.0f} MB", f"{ours.peak_mb:.0f} MB", ours.peak_mb <= MAX_PEAK_MB)
    # It runs beside the write, so its share is of the work, not of the clock on the wall.
    share = (ours.steps["gate"] + ours.steps["cpu of the gate"]) / ours.steps["cpu"]
    found = f"{share:.0%} of the process's CPU time"
    yield Target(f"{size}: Great Expectations <= {MAX_GX_SHARE:.0%}", found, share <= MAX_GX_SHARE)
    if rows == SMALL_ROWS:
        found = f"{ours.seconds:.2f} s ({ours.process_seconds:.2f} s with process start and imports)"
        yield Target(f"{size}: <= {MAX_SMALL_SECONDS:g} s", found, ours.seconds <= MAX_SMALL_SECONDS)


def _growth(best: Best) -> Iterator[Target]:
    """No row of a larger file may take longer than one of a smaller; fixed costs make it take less."""
    sizes = [rows for rows in sorted(best) if "ours" in _whole(best[rows])]
    for small, large in pairwise(sizes):
        growth = (best[large]["ours"].seconds / large) / (best[small]["ours"].seconds / small)
        name = f"{small:,} to {large:,} rows: time per row <= {MAX_GROWTH:.0%}"
        yield Target(name, f"{growth:.0%}", growth <= MAX_GROWTH)

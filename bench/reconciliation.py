"""`./tillflow bench reconciliation`: open exceptions of one customer judged again, beside the import of the same rows.

All users of the customer have the wrong role when the dump arrives, so every billable row becomes an exception;
then the roles are corrected, and one reconciliation makes them all sales and reports them. Each part runs in a
process of its own, whose peak memory counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.case import CaseFailedError, Figures, measure
from bench.command_line import positive, sizes
from bench.installation import PIN_SECRET, Installation, installation
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.bulk import write_bulk_dump
from tillflow.samples.generate import NOW, portal
from tillflow.samples.model import PortalSample

ONE_CUSTOMER: Final = {"customers": 1, "sites": 10, "machines": 100, "users": 5_000, "versions": 2, "selections": 40}
_NAMES: Final = {"ours": "import", "reconcile": "judge again", "report": "report (CSV, XLSX)"}
#: judging again may take this many times as long as the import of the rows took
_TARGET: Final = 4.0
#: memory is constant where five times the rows take no more than this much more, in MB
_GROWTH_MB: Final = 32.0


@dataclass(frozen=True)
class Measured:
    """One part of one round; `of_import`: seconds a row, in those of the import."""

    part: str
    rows: int
    seconds: float
    of_import: float
    peak_mb: float


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="./tillflow bench reconciliation", description=__doc__)
    options.add_argument("--rows", type=sizes, default=[20_000, 100_000], metavar="N,N",
                         help="of the dumps (default: 20000,100000)")  # fmt: skip
    options.add_argument("--rounds", type=positive, default=2, metavar="N", help="the best counts (default: 2)")
    options.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    return options


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 where a row did not become what it must."""
    options = parser().parse_args(arguments)
    right = portal(**ONE_CUSTOMER)
    wrong = replace(right, users=tuple(replace(user, role="Technician") for user in right.users))
    rounds: dict[int, list[dict[str, Measured]]] = {rows: [] for rows in options.rows}
    try:
        with installation(wrong) as place:
            for number in range(1, options.rounds + 1):
                for rows in options.rows:
                    print(f"  {rows:,} rows, round {number} of {options.rounds} ...", file=sys.stderr, flush=True)
                    rounds[rows].append({one.part: one for one in _round(place, wrong, right, rows)})
    except CaseFailedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _show(Console(), rounds)
    if options.json:
        found = {rows: [[asdict(one) for one in each.values()] for each in some] for rows, some in rounds.items()}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _round(place: Installation, wrong: PortalSample, right: PortalSample, rows: int) -> Iterator[Measured]:
    """Import, correct the roles, judge again, report."""
    _load_users(place, wrong)
    place.prepare_round()
    file = place.home / f"dump-{rows}.csv"
    if not file.exists():
        write_bulk_dump(file, right, 20260701, rows, bad_share=0.0)
    given = place.given(file, rows)
    imported = measure("ours", given)
    open_ = imported.rows["exception"]
    if imported.rows["sale"] or open_ + imported.rows["not_billable"] != rows:
        raise CaseFailedError(f"the import came to {imported.rows}")
    _load_users(place, right)
    place.admin.execute("checkpoint")
    again = measure("reconcile", given)
    if again.rows != {"attempted": open_, "reconciled": open_}:
        raise CaseFailedError(f"{again.rows} instead of {open_} reconciled")
    report = measure("report", given)
    for part, figures, count in (("ours", imported, rows), ("reconcile", again, open_), ("report", report, open_)):
        yield measured(part, figures, count, imported.seconds / rows)


def measured(part: str, figures: Figures, rows: int, seconds_of_a_row: float) -> Measured:
    """A part beside the import, row by row."""
    ratio = figures.seconds / rows / seconds_of_a_row
    return Measured(part, rows, round(figures.seconds, 2), round(ratio, 2), round(figures.peak_mb, 1))


def _load_users(place: Installation, sample: PortalSample) -> None:
    users = {"users.csv": sample.files()["users.csv"]}
    load_portal_data(place.admin, users, actor="benchmark", now=NOW, pin_secret=PIN_SECRET)
    place.admin.execute("analyze portal.consumer")


def _show(console: Console, rounds: dict[int, list[dict[str, Measured]]]) -> None:
    best = {
        rows: {part: min((each[part] for each in some), key=lambda one: one.of_import) for part in _NAMES}
        for rows, some in rounds.items()
    }
    table = Table(title="exceptions of one customer, judged again", title_justify="left", title_style="bold")
    for heading in ("part", "rows", "seconds", "rows/s", "x import", "peak MB"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for parts in best.values():
        for part, one in parts.items():
            table.add_row(
                _NAMES[part], f"{one.rows:,}", f"{one.seconds:.2f}", f"{one.rows / one.seconds:,.0f}",
                f"{one.of_import:.2f}", f"{one.peak_mb:.0f}",
            )  # fmt: skip
    console.print(table)
    smallest, largest = best[min(best)], best[max(best)]
    _target(console, largest["reconcile"].of_import < _TARGET, f"judged again in under {_TARGET:.0f} x the import",
            f"{largest['reconcile'].of_import:.2f} x")  # fmt: skip
    if len(best) > 1:
        for part in ("reconcile", "report"):
            grown = largest[part].peak_mb - smallest[part].peak_mb
            _target(console, grown < _GROWTH_MB, f"constant memory, {_NAMES[part]}", f"{grown:+.0f} MB")


def _target(console: Console, is_met: bool, name: str, found: str) -> None:
    mark = "[green]met    [/]" if is_met else "[yellow]not met[/]"
    console.print(f"{mark} {name}: {found}", highlight=False)

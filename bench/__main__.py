"""`./tillflow bench`: the import against plain COPY and against peers, in one run."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import invoicing, pages, payments, reconciliation
from bench.case import BOOKING, CASES, CaseFailedError, Figures, measure
from bench.command_line import positive, sizes
from bench.installation import Installation, installation
from bench.report import NAMES, as_json, show
from tillflow.errors import TillflowError
from tillflow.samples.expected import Balance
from tillflow.samples.generate import LARGE, portal
from tillflow.settings import SettingsError
from tillflow.stack.errors import StackError, one_line


class MismatchError(Exception):
    """The books are not what the file must come to."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="./tillflow bench",
        description="A complete import, against plain COPY of the same file and against peers, in one run.",
    )
    options.add_argument("--rows", type=sizes, default=[100_000, 1_000_000, 5_000_000], metavar="N,N",
                         help="rows of the files (default: 100000,1000000,5000000)")  # fmt: skip
    options.add_argument("--rounds", type=positive, default=2, metavar="N", help="the best counts (default: 2)")
    options.add_argument("--only", type=_names, default=list(CASES), metavar="NAMES", help=f"of {', '.join(CASES)}")
    options.add_argument("--without", type=_names, default=[], metavar="NAMES", help="cases to leave out")
    options.add_argument("--cap", type=positive, default=180, metavar="SECONDS",
                         help="a peer that takes longer is stopped, once (default: 180)")  # fmt: skip
    options.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    return options


def _names(text: str) -> list[str]:
    if unknown := [name for name in text.split(",") if name not in CASES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(CASES)}")
    return text.split(",")


def run(options: argparse.Namespace, console: Console) -> None:
    """Measure and report. Raises MismatchError where an import's books are wrong."""
    cases = [name for name in CASES if name in options.only and name not in options.without]
    rounds: dict[int, dict[str, list[Figures]]] = {rows: {name: [] for name in cases} for rows in options.rows}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("making the machines' portal data and starting PostgreSQL", total=None)
        with installation(portal(**LARGE)) as place:
            for rows in options.rows:
                progress.update(task, description=f"writing a file of {rows:,} rows", total=rows, completed=0)
                file, expected = place.make_file(rows, lambda done: progress.update(task, completed=done))
                progress.update(task, total=options.rounds * len(cases), completed=0)
                for number in range(1, options.rounds + 1):
                    for name in cases:
                        shown = f"{rows:,} rows, round {number} of {options.rounds}: {NAMES[name]}"
                        progress.update(task, description=shown)
                        _measure(place, name, file, rows, expected, rounds[rows][name], options.cap)
                        progress.advance(task)
                        _say(progress, shown, rounds[rows][name][-1])
                file.unlink()
            version = place.admin.execute("show server_version").fetchone()
    found = show(console, rounds)
    if options.json:
        options.json.write_text(as_json(rounds, found, str(version[0] if version else "")))


def _measure(
    place: Installation, name: str, file: Path, rows: int, expected: Balance, before: list[Figures], cap: int
) -> None:
    if before and before[-1].capped:
        before.append(before[-1])
        return
    place.prepare_round()
    before.append(measure(name, place.given(file, rows), None if name in ("floor", "ours") else cap))
    if name in BOOKING and not before[-1].capped and (wrong := place.mismatches(expected)):
        raise MismatchError(f"{NAMES[name]}, {rows:,} rows: " + "; ".join(wrong))


def _say(progress: Progress, shown: str, figures: Figures) -> None:
    if not progress.console.is_terminal:  # a log has no live display
        took = figures.note if figures.capped else f"{figures.seconds:.2f} s"
        print(f"  {shown}: {took}", file=sys.stderr, flush=True)


def _stop(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """0: measured, whatever the targets say; 1: wrong results or no start; 130: interrupted."""
    others = {
        module.__name__.rpartition(".")[2]: module.main for module in (invoicing, pages, payments, reconciliation)
    }
    if arguments and arguments[0] in others:
        return others[arguments[0]](arguments[1:])
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        run(options, Console())
    except KeyboardInterrupt:
        print("bench: interrupted; nothing is left behind", file=sys.stderr)
        return 130
    except (MismatchError, CaseFailedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except (StackError, SettingsError, TillflowError, OSError) as error:
        print(f"bench: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

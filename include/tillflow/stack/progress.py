"""Showing a start: a live list on a terminal, one plain line per finished step elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tillflow.stack.running import Watcher
from tillflow.stack.state import StackState, StepRecord


@contextmanager
def shown_start(output: TextIO | None = None) -> Iterator[Watcher]:
    """A watcher for `wait_until_running` that shows the steps of the start on `output`."""
    output = output or sys.stderr
    if output.isatty():
        with _live(output) as watcher:
            yield watcher
    else:
        yield _plain(output)


def _plain(output: TextIO) -> Watcher:
    said: set[str] = set()

    def watch(state: StackState) -> None:
        for step in state.steps:
            if step.state == "done" and step.name not in said:
                said.add(step.name)
                print(f"  {step.name} ready ({step.seconds:.1f} s)", file=output, flush=True)

    return watch


@contextmanager
def _live(output: TextIO) -> Iterator[Watcher]:
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table

    spinner = Spinner("dots")

    def table(steps: list[StepRecord]) -> Table:
        grid = Table.grid(padding=(0, 1))
        for step in steps:
            mark = {"done": "[green]✓[/]", "failed": "[red]✗[/]"}.get(step.state)
            grid.add_row(mark or spinner, step.name, f"[dim]{step.seconds:.1f} s[/]")
        return grid

    with Live(console=Console(file=output), refresh_per_second=8) as live:
        yield lambda state: live.update(table(state.steps))

"""`./tillflow bench pages`: operators who browse while a large dump is imported, and how soon each page is painted.

Everything runs in a stack of its own, on this machine's loopback. Operators wait a moment between two pages, as people
do. The same pages are asked for one at a time before and after the import: a list may not become slower with its table.
First paint is Chromium's own figure, with an empty cache.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.browsing import Browsing
from bench.command_line import positive
from bench.first_paint import first_paints
from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, connect
from tillflow.samples.bulk import write_bulk_dump
from tillflow.samples.generate import LARGE, offline_sales, portal
from tillflow.samples.model import PortalSample
from tillflow.stack.airflow_client import AirflowClient
from tillflow.stack.import_file import delivery_of
from tillflow.stack.plan import Stack
from tillflow.stack.running import running_stack

#: (who, path below /tillflow/): the lists and reports that operators go through
LISTS: Final = (
    ("provider", ""),
    ("provider", "imports/"),
    ("provider", "exceptions/?generate=1"),
    ("provider", "exceptions/?customer=customer-1&generate=1"),
    ("provider", "reconciliations/"),
    ("provider", "invoices/"),
    ("provider", "invoices/uncovered/"),
    ("provider", "completeness/"),
    ("provider", "portal/users/"),
    ("provider", "portal/planograms/"),
    ("lottery_admin", "offline-sales/"),
    ("lottery_admin", "offline-sales/{orders}/?tab=requires_action"),
)
#: made when somebody presses the button, of every vend or sale there is: for their time alone
REPORTS: Final = (("provider", "completeness/?show=missing&generate=1"), ("provider", "invoices/uncovered/?generate=1"))
#: pages of one thing, and forms: for the first paint only
OTHERS: Final = (
    ("provider", "imports/{dump}/"),
    ("provider", "exceptions/{exception}/"),
    ("provider", "invoices/prepare/"),
    ("provider", "portal/"),
    ("provider", "portal/import/"),
    ("provider", "portal/users/new/"),
    ("provider", "portal/do/repair_selection/"),
    ("lottery_admin", "offline-sales/import/"),
    ("lottery_admin", "offline-sales/{orders}/rows/{row}/"),
    ("lottery_admin", "offline-sales/{orders}/undo/"),
)
_SUBJECTS: Final = """
select
    (select min(id) from intake.import where kind = 'offline_sales') as orders,
    (select min(id) from intake.import where kind = 'equipment_sync') as dump,
    (select min(id) from books.exception where kind = 'equipment_sync' and state = 'open') as exception,
    (select min(e.row_no) from books.exception as e where e.kind = 'offline_sales' and e.state = 'open') as row
"""
_SEED: Final = 20260701
_SMALL_ROWS: Final = 10_000
#: seconds
_P95_TARGET: Final = 0.5
_PAINT_TARGET: Final = 1.0


@dataclass(frozen=True)
class Measured:
    """Seconds of one page: alone before the import, among the operators during it, alone after it."""

    page: str
    before: float
    asked: int
    p50: float
    p95: float
    after: float


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="./tillflow bench pages", description=__doc__)
    options.add_argument("--operators", type=positive, default=50, metavar="N", help="at once (default: 50)")
    options.add_argument("--rows", type=positive, default=1_000_000, metavar="N", help="of the dump (default: 1000000)")
    options.add_argument("--think", type=float, default=3.0, metavar="SECONDS",
                         help="of an operator between two pages, on average (default: 3)")  # fmt: skip
    options.add_argument("--seconds", type=positive, default=300, metavar="N",
                         help="of browsing at most, should the import take longer (default: 300)")  # fmt: skip
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return options


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    options = parser().parse_args(arguments)
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="tillflow-bench-") as name, running_stack(Path(name) / "home") as stack:
        folder, sample = Path(name), portal(**LARGE)
        _say("portal data of 600 machines, 2,000 orders and a first dump ...")
        _hand_in_small_files(stack, sample, folder)
        names = _subjects(stack)
        lists = Browsing(stack, [(who, path.format(**names)) for who, path in LISTS])
        before = lists.one_at_a_time()
        dump = folder / "dump.csv"
        write_bulk_dump(dump, sample, _SEED, options.rows, first_seq=_SMALL_ROWS + 1)
        _say(f"{options.operators} operators, while {options.rows:,} rows are imported ...")
        asked, seconds = _browse_during(stack, lists, dump, options)
        load.append(os.getloadavg()[0])
        after, reports = lists.one_at_a_time(), Browsing(stack, REPORTS).one_at_a_time()
        _say("first paints ...")
        painted = first_paints(stack, [(who, path.format(**names)) for who, path in (*LISTS, *OTHERS)])
    found = [
        Measured(page, before[page], len(times), median(times), _p95(times), after[page])
        for page, times in sorted(asked.items())
    ]
    p95 = _p95([seconds for times in asked.values() for seconds in times])
    _show(found, p95, f"{options.operators} operators during an import of {options.rows:,} rows ({seconds:.0f} s)")
    _show_paints(painted)
    print(
        "reports over everything, alone: " + ", ".join(f"{page} {seconds:.2f} s" for page, seconds in reports.items())
    )
    print(f"load average: {load[0]:.1f} before, {load[1]:.1f} at the end of the import")
    if options.json:
        figures = {
            "pages": [asdict(one) for one in found],
            "p95": p95,
            "reports": reports,
            "first_paint_ms": painted,
            "load": load,
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _hand_in_small_files(stack: Stack, sample: PortalSample, folder: Path) -> None:
    portal_data, orders, dump = folder / "portal.zip", folder / "orders.csv", folder / "first.csv"
    portal_data.write_bytes(sample.zipped())
    orders.write_bytes(offline_sales(sample, _SEED, 2_000).content())
    write_bulk_dump(dump, sample, _SEED, _SMALL_ROWS)
    _import(stack, Kind.PORTAL_DATA, portal_data)
    _import(stack, Kind.OFFLINE_SALES, orders, "call-centre")
    _import(stack, Kind.EQUIPMENT_SYNC, dump)


def _import(stack: Stack, kind: Kind, path: Path, channel: str | None = None) -> None:
    """Take the file in, start its run and wait for it."""
    client = AirflowClient(stack)
    with connect(stack.database_url, role=APP_ROLE) as conn:
        received = imports.take_in(imports.door_to(conn, stack.settings), delivery_of(path, kind, channel, None))
    dag_id = f"import_{kind}"
    run_id = client.trigger(dag_id, {"import_id": received.import_id}, f"{kind}__{received.import_id}")
    if (state := client.wait(dag_id, run_id, seconds=1_800)) != "success":
        raise SystemExit(f"bench: the import of {path.name} ended as {state}")
    client.close()


def _browse_during(
    stack: Stack, lists: Browsing, dump: Path, options: argparse.Namespace
) -> tuple[Mapping[str, list[float]], float]:
    """Page -> seconds of each answer, and how long the import took."""
    ended = threading.Event()
    took: list[float] = []

    def bring_in() -> None:
        began = time.monotonic()
        try:
            _import(stack, Kind.EQUIPMENT_SYNC, dump)
        finally:
            took.append(time.monotonic() - began)
            ended.set()

    importing = threading.Thread(target=bring_in)
    importing.start()
    limit = threading.Timer(options.seconds, ended.set)
    limit.start()
    asked = lists.all_at_once(options.operators, options.think, ended)
    limit.cancel()
    importing.join()
    return asked, took[0]


def _subjects(stack: Stack) -> dict[str, object]:
    with connect(stack.database_url, role=APP_ROLE) as conn:
        cursor = conn.execute(_SUBJECTS)
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _show(found: Sequence[Measured], p95: float, title: str) -> None:
    table = Table(title=title)
    for heading in ("page", "alone before, ms", "asked", "p50, ms", "p95, ms", "alone after, ms", "after / before"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for one in found:
        table.add_row(
            one.page or "(overview)", f"{one.before * 1000:.0f}", str(one.asked), f"{one.p50 * 1000:.0f}",
            f"{one.p95 * 1000:.0f}", f"{one.after * 1000:.0f}", f"{one.after / one.before:.1f}",
        )  # fmt: skip
    Console().print(table)
    print(f"p95 of all pages: {p95 * 1000:.0f} ms ({'met' if p95 < _P95_TARGET else 'not met'}: {_P95_TARGET} s)")


def _show_paints(painted: Mapping[str, float]) -> None:
    if not painted:
        print("no Chromium here: first paints were not measured")
        return
    table = Table(title="first contentful paint, ms, with an empty cache")
    table.add_column("page")
    table.add_column("ms", justify="right")
    for page, ms in painted.items():
        table.add_row(page or "(overview)", f"{ms:.0f}")
    Console().print(table)
    slowest = max(painted.values())
    print(f"slowest: {slowest:.0f} ms ({'met' if slowest < _PAINT_TARGET * 1000 else 'not met'}: {_PAINT_TARGET} s)")

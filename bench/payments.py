"""`./tillflow bench payments`: how many payments one sweep settles at a gateway that takes its time to answer.

A first charge takes five calls to the gateway one after the other (customer, card, card to customer, intent,
charge), a retry takes one. The bound is what the gateway allows: concurrency / latency calls a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from tillflow.clock import Clock
from tillflow.db import migrate
from tillflow.db.connection import APP_ROLE, connect
from tillflow.db.queries import beside
from tillflow.payments.charge import Till
from tillflow.payments.schedule import RetryPolicy
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.payments.sweep import charge_due
from tillflow.stack.postgres import running_postgres

_SQL: Final = beside(__file__, "payments.sql")
_CALLS: Final = {"first charge": 5, "retry": 1}
_TARGET: Final = 0.95


@dataclass(frozen=True)
class Measured:
    """One sweep. `share`: of the calls a second that concurrency and latency allow."""

    case: str
    concurrency: int
    payments: int
    seconds: float
    per_second: float
    share: float
    first_mb: float
    peak_mb: float


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="./tillflow bench payments", description=__doc__)
    options.add_argument("--payments", type=int, default=10_000, metavar="N", help="due in a sweep (default: 10000)")
    options.add_argument("--concurrency", default="8,32", metavar="N,N", help="charges at once (default: 8,32)")
    options.add_argument("--latency-ms", type=float, default=100, metavar="MS", help="of every answer (default: 100)")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return options


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 where a payment did not end as its token says."""
    options = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tillflow-bench-") as folder:
        found = [
            measured
            for concurrency in map(int, options.concurrency.split(","))
            for measured in _measure(Path(folder) / str(concurrency), concurrency, options)
        ]
    _show(found)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return 0


def _measure(home: Path, concurrency: int, options: argparse.Namespace) -> Iterator[Measured]:
    """First charges, all declined softly; then their retries, all approved."""
    with running_postgres(home) as server:
        migrate.apply(server.url("tillflow"))
        with connect(server.url("tillflow"), role=APP_ROLE) as conn, _sandbox(home, options.latency_ms) as url:
            _SQL.open_shop(conn)
            began = datetime.now(UTC)
            _SQL.sell(conn, first=1, last=options.payments, token="tok_soft_then_ok", now=began)
            gateway = StripeGateway("sk_sandbox_bench", url)
            for case, now in (("first charge", began), ("retry", began + timedelta(hours=25))):
                till = Till(conn, gateway, _clock_from(now), RetryPolicy(), concurrency)
                yield _sweep(case, till, options)
            gateway.close()


def _sweep(case: str, till: Till, options: argparse.Namespace) -> Measured:
    state = "retry_wait" if case == "first charge" else "succeeded"
    print(f"  {case}, {till.concurrency} at once ...", file=sys.stderr, flush=True)
    with _memory() as sizes:
        began = time.perf_counter()
        result = charge_due(till)
        seconds = time.perf_counter() - began
    if result != {state: options.payments}:
        raise SystemExit(f"bench: {dict(result)} instead of {options.payments} x {state}")
    calls = options.payments * _CALLS[case] / seconds
    share = calls * options.latency_ms / 1000 / till.concurrency
    return Measured(
        case, till.concurrency, options.payments, round(seconds, 2), round(options.payments / seconds, 1),
        round(share, 3), sizes[0], max(sizes),
    )  # fmt: skip


def _clock_from(start: datetime) -> Clock:
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


@contextmanager
def _memory() -> Iterator[list[float]]:
    """Our own resident memory in MB: after the first second, and every second from then on."""
    sizes: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1):
            sizes.append(round(psutil.Process().memory_info().rss / 1e6, 1))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        ended.set()
        watcher.join()
        sizes.append(round(psutil.Process().memory_info().rss / 1e6, 1))


@contextmanager
def _sandbox(home: Path, latency_ms: float) -> Iterator[str]:
    command = [sys.executable, "-P", "-m", "tillflow.payments.sandbox_server", "--port", "0"]
    options = ["--dir", str(home / "gateway"), "--latency-ms", str(latency_ms)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _show(found: Sequence[Measured]) -> None:
    table = Table(title="one sweep at a slow gateway")
    for heading in (
        "case",
        "at once",
        "payments",
        "seconds",
        "payments/s",
        "of the bound",
        "MB at first",
        "MB peak",
        "",
    ):
        table.add_column(heading, justify="left" if heading in ("case", "") else "right")
    for one in found:
        met = "met" if one.share >= _TARGET else f"not met: {_TARGET:.0%}"
        table.add_row(
            one.case, str(one.concurrency), f"{one.payments:,}", f"{one.seconds:.2f}", f"{one.per_second:.1f}",
            f"{one.share:.1%}", f"{one.first_mb:.0f}", f"{one.peak_mb:.0f}", met,
        )  # fmt: skip
    Console().print(table)

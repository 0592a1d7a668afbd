"""`./tillflow bench invoicing`: an invoice of a million sales, prepared, posted and its sales list streamed.

Sales of one customer: 600 machines, 40 products, four tax rates, a tenth of them backdated. The memory is this
process's, which is what a task would need; PostgreSQL's is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.command_line import sizes
from tillflow.db import migrate
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.db.queries import beside
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.credit import credit
from tillflow.invoicing.documents.pdf import invoice_pdf
from tillflow.invoicing.documents.sales_list import sales_csv
from tillflow.invoicing.load import load_invoice, sales_of
from tillflow.invoicing.post import post
from tillflow.invoicing.prepare import prepare
from tillflow.stack.postgres import running_postgres

_SQL: Final = beside(__file__, "invoicing.sql")
_MACHINES: Final = 600
_PRODUCTS: Final = 40
_NOW: Final = datetime(2026, 7, 1, 2, tzinfo=UTC)
_JUNE: Final = BillingRange("bench", date(2026, 6, 1), date(2026, 7, 1))
#: seconds that a million sales may take to prepare, and to post
_TARGET: Final = 30.0


@dataclass(frozen=True)
class Measured:
    """One step; `grown_mb`: by how much the process has grown since all its modules were loaded."""

    step: str
    sales: int
    seconds: float
    grown_mb: float


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="./tillflow bench invoicing", description=__doc__)
    options.add_argument("--rows", type=sizes, default=[100_000, 1_000_000], metavar="N,N",
                         help="sales of the invoice (default: 100000,1000000)")  # fmt: skip
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return options


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    options = parser().parse_args(arguments)
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="tillflow-bench-") as folder:
        for rows in options.rows:
            print(f"  {rows:,} sales ...", file=sys.stderr, flush=True)
            with running_postgres(Path(folder) / str(rows)) as server:
                migrate.apply(server.url("tillflow"))
                with connect(server.url("tillflow"), role=APP_ROLE) as conn:
                    _SQL.open_books(conn, machines=_MACHINES, products=_PRODUCTS)
                    _SQL.sell(conn, rows=rows, machines=_MACHINES, products=_PRODUCTS)
                    found += _measure(conn, rows, Path(folder))
    _show(found)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return 0


def _measure(conn: Connection, rows: int, folder: Path) -> Iterator[Measured]:
    first_mb = _peak_mb()

    def timed(step: str, work: Callable[[], Any]) -> tuple[Measured, Any]:
        began = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - began
        return Measured(step, rows, round(seconds, 2), round(_peak_mb() - first_mb, 1)), result

    measured, (draft,) = timed("prepare", lambda: prepare(conn, _JUNE, actor="bench", now=_NOW))
    if draft.sale_rows != rows:
        raise SystemExit(f"bench: {draft.sale_rows} sales instead of {rows}")
    yield measured
    yield timed("prepare again, unchanged", lambda: prepare(conn, _JUNE, actor="bench", now=_NOW))[0]
    yield timed("post", lambda: post(conn, draft.invoice_id, number=None, actor="bench", now=_NOW))[0]
    file = folder / "sales.csv"
    yield timed("sales list as CSV", lambda: _write(file, sales_csv(sales_of(conn, draft.invoice_id))))[0]
    with file.open("rb") as written:
        if sum(1 for _ in written) != rows + 1:
            raise SystemExit("bench: the sales list does not have a line for every sale")
    yield timed("PDF", lambda: invoice_pdf(load_invoice(conn, draft.invoice_id)))[0]
    yield timed("credit", lambda: credit(conn, draft.invoice_id, reason="bench", actor="bench", now=_NOW))[0]


def _write(file: Path, pieces: Iterator[bytes]) -> None:
    with file.open("wb") as target:
        target.writelines(pieces)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _show(found: Sequence[Measured]) -> None:
    table = Table(title="an invoice")
    for heading in ("step", "sales", "seconds", "sales/s", "MB grown", ""):
        table.add_column(heading, justify="left" if heading in {"step", ""} else "right")
    for one in found:
        limit = _TARGET if one.step in {"prepare", "post"} and one.sales == 1_000_000 else None
        met = "" if limit is None else "met" if one.seconds < limit else f"not met: {limit:.0f} s"
        table.add_row(
            one.step, f"{one.sales:,}", f"{one.seconds:.2f}", f"{one.sales / one.seconds:,.0f}", f"{one.grown_mb:.1f}",
            met,
        )  # fmt: skip
    Console().print(table)

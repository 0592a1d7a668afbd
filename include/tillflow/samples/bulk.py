"""Dumps of millions of rows, written straight to a file, with the balance they must come to.

Every row's verdict is known from how it is made, so nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.csv

from tillflow.codes import Verdict
from tillflow.samples.bulk_rows import FIRST_NOT_BILLABLE, REASONS, REFUND, Chunk, Kind, chunks
from tillflow.samples.bulk_tables import BulkTables
from tillflow.samples.bulk_text import COLUMNS, TextWriter
from tillflow.samples.expected import Balance
from tillflow.samples.model import PortalSample


def write_bulk_dump(
    path: Path,
    portal: PortalSample,
    seed: int,
    rows: int,
    *,
    bad_share: float = 0.03,
    first_seq: int = 1,
    days: int = 180,
    progress: Callable[[int], None] = lambda _: None,
) -> Balance:
    """Write a CSV dump of `rows` vends in order of time, over all machines, from the first of
    January 2026 for `days` days; the balance it must come to when received later than that.

    Every kind of bad row occurs, in turn, in `bad_share` (at most 0.5) of the rows. `txn_seq` runs
    per machine from `first_seq`. `progress` is told the rows written so far.
    """
    tables = BulkTables(portal)
    writer = TextWriter(tables, days)
    total = Balance()
    plain = pyarrow.csv.WriteOptions(quoting_style="none", include_header=False)
    with path.open("wb") as file, pyarrow.csv.CSVWriter(file, writer.schema, write_options=plain) as out:
        file.write(",".join(COLUMNS).encode() + b"\n")
        for chunk in chunks(tables, seed, rows, bad_share, first_seq, days):
            out.write(writer.batch(chunk))
            _add(total, chunk, tables)
            progress(min(rows, int(chunk.row[-1]) + 1))
    return total


def _add(total: Balance, chunk: Chunk, tables: BulkTables) -> None:
    kind, result = chunk.kind, chunk.result
    minor = chunk.quantity * tables.price_minor[chunk.line]
    minor = np.where(result == REFUND, -minor, minor)
    minor[chunk.is_kind(Kind.BAD_PRICE, Kind.BAD_QUANTITY)] = 0
    currency = tables.currency[chunk.line]
    not_billable = (kind == Kind.GOOD) & (result >= FIRST_NOT_BILLABLE)
    masks = {
        Verdict.SALE: (kind == Kind.GOOD) & ~not_billable,
        Verdict.EXCEPTION: ~chunk.is_kind(Kind.GOOD, Kind.DUPLICATE),
        Verdict.DUPLICATE: kind == Kind.DUPLICATE,
        Verdict.NOT_BILLABLE: not_billable,
    }
    for verdict, mask in masks.items():
        for place, code in enumerate(tables.currencies):
            chosen = mask & (currency == place)
            if chosen.any():
                rows = int(np.count_nonzero(chosen))
                total.add(verdict.value, code, int(minor[chosen].sum()), rows)
    for special, reasons in REASONS.items():
        rows = int(np.count_nonzero(kind == special))
        for reason in reasons:
            total.reasons[reason] = total.reasons.get(reason, 0) + rows

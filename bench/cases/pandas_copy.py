"""The same import as a pandas program: read_csv, merges for the rules, COPY into the same tables, one transaction.

It does the same work: fingerprint, card numbers, hashed PINs, an archive, and Great Expectations over the verdicts
by the suites of ours. What it is spared in the second figure are those that most such programs leave out.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa

from bench.case import Figures, Given
from bench.cases.pandas_judge import CONTENT, Judged, judge
from tillflow.db.connection import APP_ROLE, connect
from tillflow.equipment_sync.judge import JUDGE
from tillflow.intake.card_numbers import holds_card_number
from tillflow.intake.verdict_gate import SAMPLE_ROWS, Evidence, file_errors, run_gate
from tillflow.pins import pin_hash

_SECRET: Final = b"the secret of the benchmark"
#: as many digits as a card number has at least, with what people put between them
_MAY_BE_CARD: Final = r"(?:\p{Nd}[\s\p{Z}\p{Pd}]*){13}"
_SALE: Final = [
    "stream_id", "seq", "import_id", "row_no", "vended_at", "recorded_at", "place_id", "item_id", "vendee_id",
    "selection", "quantity", "unit_price_minor", "amount_minor", "price_minor", "currency", "content_hash",
]  # fmt: skip
#: steps that the second figure leaves out
_SPARED: Final = ("fingerprint", "card numbers", "archive", "gate")


def run(given: Given) -> Figures:
    importlib.import_module("great_expectations.expectations")
    steps: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        steps[name] = time.perf_counter() - started

    with connect(given.database_url, role=APP_ROLE) as conn:
        with step("fingerprint"), Path(given.file).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with step("read"):
            rows = _read(given.file)
        with step("card numbers"):
            _refuse_card_numbers(rows)
        with step("archive"):
            rows.to_parquet(Path(given.home) / "pandas.parquet", compression="snappy", index=False)
        with conn.transaction():
            import_id = _record_import(conn, given, sha256)
            with step("judge"):
                judged = judge(conn, rows, given, SAMPLE_ROWS)
            with step("gate"):
                _run_gate(rows, judged)
            with step("write"):
                counts = _write(conn, rows, import_id, given)
            started = time.perf_counter()
        steps["balance and commit"] = time.perf_counter() - started
    seconds = sum(steps.values())
    return Figures(seconds, steps, counts, spared_seconds=seconds - sum(steps[name] for name in _SPARED))


def _read(file: str) -> pd.DataFrame:
    rows = pd.read_csv(file, dtype=str, engine="pyarrow")
    rows.insert(0, "row_no", np.arange(2, len(rows) + 2, dtype="int32"))
    hashes = {pin: str(pin_hash(_SECRET, pin)) for pin in rows["pin"].dropna().unique()}
    rows["pin"] = rows["pin"].map(hashes)
    return rows


def _refuse_card_numbers(rows: pd.DataFrame) -> None:
    """Digits are looked for in whole columns, and Luhn's rule asked of the few values that have enough of them."""
    for name in rows.columns[1:].drop("pin"):
        found = rows.loc[rows[name].str.contains(_MAY_BE_CARD, regex=True, na=False), name]
        assert not found.map(holds_card_number).any(), f"{name} holds a card number"


def _run_gate(rows: pd.DataFrame, judged: Judged) -> None:
    """The suites of ours, over the same two frames: the rules decided for every row, the texts of a sample."""
    sample = judged.sample
    taken = sample.index.to_numpy()
    repeated = rows.duplicated(["stream_id", "seq"], keep=False) & rows["stream_id"].notna() & rows["seq"].notna()
    sample = sample.assign(
        broken=_bits(judged.broken, len(rows))[taken],
        stream_id=rows["stream_id"], seq=rows["seq"], is_repeated=repeated,
    )  # fmt: skip
    masks = pa.table({"row_no": rows["row_no"].to_numpy(), "reasons": _bits(judged.decided, len(rows))})
    errors = file_errors(JUDGE, run_gate(JUDGE, Evidence(masks, sample, len(rows), None)))
    assert not errors, errors


def _bits(masks: dict[str, Any], rows: int) -> Any:
    bits = np.zeros(rows, dtype="int64")
    for rule in JUDGE.catalogue.rules:
        if rule.name in masks:
            bits |= masks[rule.name].astype("int64") << rule.bit
    return bits


def _record_import(conn: psycopg.Connection, given: Given, sha256: str) -> int:
    row = conn.execute(
        """insert into intake.import
        (kind, file_name, uploader, source, source_version, sha256, size_bytes, received_at, archive_path)
        values ('equipment_sync', 'dump.csv', 'bench', 'bench', '1', %s, %s, %s, 'pandas.parquet') returning id""",
        [sha256, Path(given.file).stat().st_size, given.received_at],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _write(conn: psycopg.Connection, rows: pd.DataFrame, import_id: int, given: Given) -> dict[str, int]:
    rows["import_id"], rows["recorded_at"], rows["kind"] = import_id, given.now, "equipment_sync"
    sales, others = rows[rows["verdict"] == "sale"], rows[rows["verdict"] != "sale"]
    sales = sales.sort_values(["stream_id", "seq"])
    _copy(conn, "books.vend_sale", ["planogram_price_minor" if c == "price_minor" else c for c in _SALE], sales[_SALE])
    raw = [name for name in others.columns[1:] if name in CONTENT or name in ("equipment", "boot_id", "txn_seq")]
    others = others.assign(raw=others[raw].to_json(orient="records", lines=True).splitlines())
    key = ["import_id", "row_no", "verdict", "stream_id", "seq", "content_hash", "currency", "amount_minor", "raw"]
    _copy(conn, "intake.transaction", key, others[key])
    exceptions = others[others["verdict"] == "exception"]
    names = [
        "import_id", "row_no", "kind", "reasons", "vended_at", "recorded_at", "equipment", "equipment_id", "site_id",
        "customer_id", "currency", "amount_minor",
    ]  # fmt: skip
    columns = [{"vended_at": "occurred_at", "equipment": "asset_no"}.get(name, name) for name in names]
    _copy(conn, "books.exception", columns, exceptions[names])
    _write_balance(conn, rows, import_id)
    conn.execute("update intake.import set booked_at = %s where id = %s", [given.received_at, import_id])
    return {str(verdict): int(count) for verdict, count in rows["verdict"].value_counts().items()}


def _write_balance(conn: psycopg.Connection, rows: pd.DataFrame, import_id: int) -> None:
    """What the commit's trigger checks against the rows that are there."""
    sums = rows.groupby(["currency", "verdict"])["amount_minor"].agg(["count", "sum"]).unstack(fill_value=0)
    verdicts = [verdict for verdict in ("sale", "exception", "duplicate", "not_billable") if verdict in sums["sum"]]
    for currency, row in sums.iterrows():
        numbers = {f"{verdict}_rows": int(row["count", verdict]) for verdict in verdicts}
        numbers |= {f"{verdict}_minor": int(row["sum", verdict]) for verdict in verdicts}
        numbers["read_rows"] = int(row["count"].sum())
        numbers["read_minor"] = int(row["sum"].sum())
        columns = ", ".join(numbers)
        conn.execute(
            f"insert into intake.balance (import_id, currency, {columns}) values (%s, %s{', %s' * len(numbers)})",
            [import_id, currency, *numbers.values()],
        )


def _copy(conn: psycopg.Connection, table: str, columns: list[str], rows: pd.DataFrame) -> None:
    text = io.StringIO()
    rows.to_csv(text, header=False, index=False)
    with conn.cursor().copy(f"copy {table} ({', '.join(columns)}) from stdin (format csv)") as copy:
        copy.write(text.getvalue())

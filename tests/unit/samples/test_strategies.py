"""The strategies' bytes say the same as the rows they hand to the oracle."""

from __future__ import annotations

import csv
import gzip
import io
import json

from hypothesis import HealthCheck, given, settings

from tests.strategies import CHANNEL, PORTAL, GivenFile, Row, order_files, sync_dumps
from tillflow.samples.generate import NOW
from tillflow.samples.oracle import OfflineOracle, SyncOracle, balance

# making a file is slow, and these check only what is made
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def parsed(file: GivenFile) -> list[Row | None]:
    content = gzip.decompress(file.content) if file.name.endswith(".gz") else file.content
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    if ".jsonl" in file.name:
        lines = text.split("\n")[:-1]
        return [as_text(json.loads(line)) if line.strip() else None for line in lines]
    delimiter = next(mark for mark in ",;\t|" if mark in text.splitlines()[0])
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return [dict(zip(header, row, strict=True)) if row else None for row in rows]


def as_text(values: dict[str, object]) -> Row:
    words = {None: "", True: "true", False: "false"}
    return {name: words[v] if v is None or isinstance(v, bool) else str(v) for name, v in values.items()}


def without_absent(rows: list[Row | None]) -> list[Row | None]:
    return [row and {name: value for name, value in row.items() if value} for row in rows]


@few
@given(sync_dumps())
def test_dumps_read_back_and_every_row_is_judged(dumps: list[GivenFile]) -> None:
    oracle = SyncOracle(PORTAL, NOW)
    for dump in dumps:
        assert without_absent(parsed(dump)) == without_absent(dump.rows)
        judged = oracle.judge_file(dump.rows, first_row=dump.first_row)
        assert balance(judged).read == sum(row is not None for row in dump.rows)


@few
@given(order_files())
def test_order_files_read_back_and_every_row_is_judged(files: list[GivenFile]) -> None:
    oracle = OfflineOracle(PORTAL, CHANNEL, NOW)
    for file in files:
        assert without_absent(parsed(file)) == without_absent(file.rows)
        judged = oracle.judge_file(file.rows)
        assert balance(judged).read == sum(row is not None for row in file.rows)

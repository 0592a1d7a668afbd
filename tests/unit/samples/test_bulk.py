"""Big dumps: the balance that is known by construction is the oracle's."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from tillflow.samples import bulk_rows
from tillflow.samples.bulk import write_bulk_dump
from tillflow.samples.generate import NOW, portal
from tillflow.samples.oracle import SyncOracle, balance

PORTAL = portal(2, customers=6, sites=12, machines=60, users=400, versions=3, selections=12)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_balance_is_the_oracles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_rows, "CHUNK", 3000)  # more than one chunk, the last one shorter
    path, seen = tmp_path / "dump.csv", list[int]()
    known = write_bulk_dump(path, PORTAL, 7, 20_000, bad_share=0.1, progress=seen.append)
    assert balance(SyncOracle(PORTAL, NOW).judge_file(rows_of(path))) == known
    assert known.read == 20_000
    assert len(known.reasons) == 8
    assert seen == [3000, 6000, 9000, 12_000, 15_000, 18_000, 20_000]


def test_running_numbers_run_per_machine_and_rows_in_order_of_time(tmp_path: Path) -> None:
    write_bulk_dump(tmp_path / "dump.csv", PORTAL, 7, 4000, bad_share=0, first_seq=50)
    numbers = defaultdict[str, list[int]](list)
    for row in rows_of(tmp_path / "dump.csv"):
        numbers[row["equipment"]].append(int(row["txn_seq"]))
    assert len(numbers) == 60
    assert all(found == list(range(50, 50 + len(found))) for found in numbers.values())


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_bulk_dump(tmp_path / name, PORTAL, seed, 3000)
    written = [(tmp_path / name).read_bytes() for name in "abc"]
    assert written[0] == written[1] != written[2]


def test_a_row_has_the_size_of_the_benchmarks(tmp_path: Path) -> None:
    write_bulk_dump(tmp_path / "dump.csv", PORTAL, 7, 10_000)
    assert 180 <= (tmp_path / "dump.csv").stat().st_size / 10_000 <= 200

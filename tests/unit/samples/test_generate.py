"""The generator says by construction what becomes of each row; the oracle must find the same."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tillflow.samples.generate import NOW, offline_sales, portal, sync_dump
from tillflow.samples.model import PortalSample
from tillflow.samples.oracle import OfflineOracle, SyncOracle
from tillflow.samples.sample_file import as_csv, as_jsonl, gzipped

SMALL = portal()
LARGER = portal(5, customers=6, sites=12, machines=60, users=200, versions=3, selections=30)


@pytest.mark.parametrize("data", [SMALL, LARGER])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_oracle_agrees_about_every_vend(data: PortalSample, seed: int) -> None:
    dump = sync_dump(data, seed, 1500, bad_share=0.4, edge_share=0.4)
    assert SyncOracle(data, NOW).judge_file(dump.rows) == dump.expected
    assert len(dump.balance.reasons) == 8
    assert set(dump.balance.rows) == {"sale", "exception", "duplicate", "not_billable"}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("channel", ["call-centre", "club-stall"])
def test_the_oracle_agrees_about_every_order(channel: str, seed: int) -> None:
    file = offline_sales(SMALL, seed, 1500, channel=channel, bad_share=0.4, edge_share=0.4)
    unlimited = replace(SMALL, channels=tuple(replace(c, max_row_errors=None) for c in SMALL.channels))
    assert OfflineOracle(unlimited, channel, NOW).judge_file(file.rows) == file.expected
    assert len(file.balance.reasons) == 25


def test_an_overlapping_dump_sends_known_rows_again() -> None:
    first = sync_dump(SMALL, 1, 300, bad_share=0.3)
    second = sync_dump(SMALL, 2, 100, format="jsonl", after=first, overlap=60, first_seq=1000)
    oracle = SyncOracle(SMALL, NOW)
    oracle.judge_file(first.rows)
    assert oracle.judge_file(second.rows, first_row=1) == second.expected
    assert [row.verdict for row in second.expected[:60]] == ["duplicate"] * 60


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others() -> None:
    assert portal(3).zipped() == portal(3).zipped()
    for make in (sync_dump, offline_sales):
        contents = [make(portal(), seed, 200).content() for seed in (1, 1, 2)]
        assert contents[0] == contents[1] != contents[2]


def test_a_share_of_bad_rows_is_kept() -> None:
    dump = sync_dump(SMALL, 1, 2000, bad_share=0.05, edge_share=0)
    assert 80 <= sum(row.verdict != "sale" for row in dump.expected) <= 100


def test_running_numbers_run_per_machine() -> None:
    dump = sync_dump(SMALL, 1, 500, bad_share=0, edge_share=0)
    for machine in SMALL.equipment:
        numbers = [int(row["txn_seq"]) for row in dump.rows if row["equipment"] == machine.equipment]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("data", [SMALL, LARGER])
def test_the_portal_data_keeps_the_rules_of_its_tables(data: PortalSample) -> None:
    cards = Counter((u.customer, u.card_no, u.facility_id) for u in data.users if u.card_no)
    codes = Counter((u.customer, u.access_code, u.pin) for u in data.users if u.access_code)
    access = Counter((a.customer, a.user, a.equipment) for a in data.access)
    lines = Counter((line.equipment, line.valid_from, line.selection) for line in data.planograms)
    assert all(set(counts.values()) == {1} for counts in (cards, codes, access, lines))
    stays: dict[str, list[Any]] = {}
    for stay in data.allocations:
        stays.setdefault(stay.equipment, []).append(stay)
    assert any(len(periods) > 1 for periods in stays.values())
    for periods in stays.values():
        assert all(a.valid_to and a.valid_to <= b.valid_from for a, b in pairwise(periods))


def test_portal_files_read_back_are_the_same_data() -> None:
    files = SMALL.files()
    assert PortalSample.from_files(files).files() == files
    assert list(files)[:2] == ["channels.csv", "lotteries.csv"]


def test_too_little_portal_data_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 users per customer"):
        portal(users=15)


def test_rows_in_any_dialect_read_back() -> None:
    rows: list[dict[str, str | None] | None] = [{"a": 'x"1', "b": "l1\nl2"}, None, {"a": ";|\t,", "b": None}]
    for delimiter in ",;\t|":
        content = as_csv(["a", "b"], rows, delimiter=delimiter, line_end="\r\n", bom=True, quote_all=True)
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        assert list(csv.reader(text, delimiter=delimiter)) == [
            ["a", "b"], ['x"1', "l1\nl2"], [], [";|\t,", ""],
        ]  # fmt: skip
    lines = gzip.decompress(gzipped(as_jsonl(rows))).decode().split("\n")
    assert [line and json.loads(line) for line in lines] == [
        {"a": 'x"1', "b": "l1\nl2"}, "", {"a": ";|\t,"}, "",
    ]  # fmt: skip

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest

from tillflow.samples.__main__ import main

SMALL_PORTAL = ["--customers", "2", "--sites", "4", "--machines", "30", "--users", "60", "--selections", "4"]


def test_a_small_dump_comes_with_the_verdict_of_every_row(tmp_path: Path) -> None:
    assert main(["--kind", "equipment_sync", "--rows", "50", "--format", "jsonl", "--out", str(tmp_path)]) == 0
    expected = json.loads((tmp_path / "expected.json").read_text())
    assert [row["row_no"] for row in expected["verdicts"]] == list(range(1, 51))
    assert sum(expected["balance"]["rows"].values()) == 50
    assert len((tmp_path / expected["file"]).read_bytes().splitlines()) == 50
    assert "users.csv" in zipfile.ZipFile(tmp_path / "portal_data.zip").namelist()


def test_a_large_dump_comes_with_its_balance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kind", "equipment_sync", "--rows", "20000", "--out", str(tmp_path), *SMALL_PORTAL]) == 0
    expected = json.loads((tmp_path / "expected.json").read_text())
    assert "verdicts" not in expected
    assert sum(expected["balance"]["rows"].values()) == 20_000
    with (tmp_path / expected["file"]).open(newline="") as file:
        assert sum(1 for _ in csv.reader(file)) == 20_001
    assert "20,000 of 20,000 rows" in capsys.readouterr().err


def test_orders_of_a_channel(tmp_path: Path) -> None:
    arguments = ["--kind", "offline_sales", "--rows", "40", "--channel", "club-stall", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert (tmp_path / "offline_sales-40-7.csv").read_text().startswith("ORDER_ID,LOTTERY,")


def test_portal_data_alone(tmp_path: Path) -> None:
    assert main(["--kind", "portal_data", "--out", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["portal_data.zip"]


def test_impossible_sizes_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kind", "portal_data", "--users", "3", "--out", str(tmp_path)]) == 2
    assert "at least 8 users per customer" in capsys.readouterr().err

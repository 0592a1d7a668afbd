"""What a person does with a running stack: drop a file, trigger a DAG, use the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import SAMPLES, Running
from tillflow.codes import Kind
from tillflow.settings import REPOSITORY

pytestmark = pytest.mark.slow

DUMP = SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv"
ORDERS = SAMPLES / "offline_sales" / "call-centre-orders.csv"
COUNTS = """
select s.status, coalesce(sum(b.read_rows), 0), coalesce(sum(b.sale_rows), 0)
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join intake.balance as b on b.import_id = i.id
where i.file_name = %s
group by i.id, s.status
order by i.id
"""


def found(running: Running, name: str) -> list[tuple[object, ...]]:
    return running.conn.execute(COUNTS, [name]).fetchall()


def command(running: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TILLFLOW_HOME": str(running.stack.home), "PYTHONPATH": str(REPOSITORY / "include")}
    return subprocess.run(
        [sys.executable, "-m", "tillflow", *arguments],
        capture_output=True, text=True, env=environment, check=False, timeout=200,
    )  # fmt: skip


def test_a_dropped_dump_is_booked_by_its_dag_and_leaves_the_inbox(running: Running) -> None:
    running.drop(Kind.EQUIPMENT_SYNC, DUMP)
    assert running.run("provider", "import_equipment_sync", file=DUMP.name) == "success"
    assert found(running, DUMP.name) == [("requires action", 34, 14)]
    assert not (Path(running.stack.settings.storage) / "inbox" / "equipment_sync" / DUMP.name).exists()


def test_a_person_without_the_grant_is_refused_by_the_dag(running: Running, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.csv"
    foreign.write_bytes(ORDERS.read_bytes().replace(b"\n", b"\r\n"))
    running.drop(Kind.OFFLINE_SALES, foreign, "club-stall")
    assert running.run("uploader", "import_offline_sales", file=foreign.name, channel="club-stall") == "failed"
    assert found(running, foreign.name) == [("rejected", 0, 0)]


def test_a_path_out_of_the_inbox_is_refused(running: Running) -> None:
    before = running.conn.execute("select count(*) from intake.import").fetchone()
    assert running.run("provider", "import_equipment_sync", file="../../../../etc/passwd") == "failed"
    assert running.conn.execute("select count(*) from intake.import").fetchone() == before


def test_the_command_line_previews_imports_and_knows_the_file_again(running: Running, tmp_path: Path) -> None:
    name = "orders-by-hand.csv"
    (tmp_path / name).write_bytes(ORDERS.read_bytes())
    arguments = ("import", str(tmp_path / name), "--kind", "offline_sales", "--channel", "call-centre")

    preview = command(running, *arguments, "--preview")
    assert "AUD: 37 rows read = 12 sale" in preview.stdout, preview
    assert found(running, name) == []

    booked = command(running, *arguments, "--as", "uploader", "--wait")
    assert booked.returncode == 0, booked
    assert "AUD: 37 rows read = 12 sale" in booked.stdout
    assert found(running, name) == [("processing", 40, 12)]

    again = command(running, *arguments)
    assert again.returncode == 1
    assert "already_imported" in again.stderr
    refused = command(running, *arguments[:-1], "club-stall", "--as", "uploader")
    assert "uploader_not_allowed" in refused.stderr


def test_pins_and_cards_are_in_no_log_mail_or_xcom(running: Running, tmp_path: Path) -> None:
    canary = "73915502846"
    vend = {
        "equipment": "VM-17", "txn_seq": 900_001, "vended_at": "2026-06-01T10:00:00+10:00", "selection": "0001",
        "unit_price": "3.50", "currency": "AUD", "result": "vend", "access_code": "CANARY", "pin": canary,
    }  # fmt: skip
    path = tmp_path / "canary.jsonl"
    path.write_text(json.dumps(vend) + "\n")
    running.drop(Kind.EQUIPMENT_SYNC, path)
    assert running.run("provider", "import_equipment_sync", file=path.name) == "success"
    holding = [
        str(file)
        for file in running.stack.home.rglob("*")
        if file.is_file() and "postgres/pg_wal" not in str(file) and canary.encode() in file.read_bytes()
    ]
    assert holding == []

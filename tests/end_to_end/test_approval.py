"""An approval that is given before Airflow's scheduler has noticed that a task waits for it."""

from __future__ import annotations

import csv
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.conftest import SAMPLES, Running
from tillflow.codes import Kind
from tillflow.db.connection import connect
from tillflow.stack.airflow_client import AirflowClient
from tillflow.stack.state import read_state

pytestmark = pytest.mark.slow

DUMP = SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv"
APPROVE = "/api/v2/dags/post_invoice/dagRuns/{}/taskInstances/approve"


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def dump_of_other_vends(folder: Path) -> Path:
    path = folder / "vm-17-of-its-own.csv"
    with DUMP.open(newline="") as read, path.open("w", newline="") as written:
        rows = csv.DictReader(read)
        out = csv.DictWriter(written, rows.fieldnames or ())
        out.writeheader()
        out.writerows(row | {"txn_seq": str(500_000 + int(row["txn_seq"]))} for row in rows if row["txn_seq"].isdigit())
    return path


def draft_over_the_limit(running: Running, folder: Path) -> int:
    with connect(running.stack.database_url) as owner:
        owner.execute("update portal.customer set approval_limit_minor = 0 where key = 'harbour'")
    dump = dump_of_other_vends(folder)
    running.drop(Kind.EQUIPMENT_SYNC, dump)
    assert running.run("provider", "import_equipment_sync", file=dump.name) == "success"
    # up to the day after tomorrow: what has just been recorded is in it, wherever the customer is
    dates = {"date_from": "2026-06-01", "date_to": (datetime.now(UTC) + timedelta(days=2)).date().isoformat()}
    assert running.run("provider", "prepare_invoice", customer="harbour", **dates) == "success"
    found = running.conn.execute("select id from books.invoice where state = 'draft'").fetchone()
    assert found
    return int(found[0])


def test_an_early_approval_is_asked_for_again_and_the_invoice_is_posted_once(running: Running, tmp_path: Path) -> None:
    draft = draft_over_the_limit(running, tmp_path)
    state = read_state(running.stack.home)
    assert state
    (scheduler,) = (process.pid for process in state.processes if process.name == "scheduler")
    client = AirflowClient(running.stack, "provider")
    run_id = client.trigger("post_invoice", {"invoice_id": draft})

    def task() -> dict[str, object]:
        return client._call("GET", APPROVE.format(run_id), allowed=(404,))

    until = time.monotonic() + 100
    while task().get("state") not in ("running", "awaiting_input") and time.monotonic() < until:
        time.sleep(0.02)
    with standing_still(scheduler):
        while task().get("state") != "awaiting_input" and time.monotonic() < until:
            time.sleep(0.05)
        approving = threading.Thread(target=client.approve, args=("post_invoice", run_id, "approve"))
        approving.start()
        while task().get("state") == "awaiting_input" and time.monotonic() < until:
            time.sleep(0.05)
        assert task()["state"] == "scheduled"
    approving.join()

    assert client.wait("post_invoice", run_id) == "success"
    client.close()
    posted = running.conn.execute("select state from books.invoice where id = %s", [draft]).fetchone()
    assert posted == ("posted",)

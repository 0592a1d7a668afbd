"""The daily run as Airflow runs it: every task, its order, its connections, and a real night's inbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dag_runs import run_dag
from tests.gateways import API_KEY, running_sandbox
from tests.importing import CHANNEL, PIN_SECRET
from tillflow.db.connection import Connection
from tillflow.samples.model import zip_folder
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"
NIGHTS = """
run()
run()
del os.environ["AIRFLOW_CONN_TILLFLOW_PAYMENTS"]
run()
"""
NOTHING: dict[str, list[str]] = {"taken": [], "refused": [], "left": [], "broken": []}


def fill(inbox: Path) -> None:
    for folder, name, content in (
        ("portal_data", "portal.zip", zip_folder(SAMPLES / "portal_data")),
        ("equipment_sync", "a-bad.csv", b"no,dump\n1,2\n"),
        ("equipment_sync", "vm-17.csv", (SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv").read_bytes()),
        (f"offline_sales/{CHANNEL}", "o.csv", (SAMPLES / "offline_sales" / "call-centre-orders.csv").read_bytes()),
    ):
        (inbox / folder).mkdir(parents=True, exist_ok=True)
        (inbox / folder / name).write_bytes(content)


@pytest.mark.slow
def test_a_night_by_dag_test(tmp_path: Path, database: str, conn: Connection) -> None:
    """The first run takes everything, the second finds nothing, and a missing gateway keeps no report from anybody."""
    fill(tmp_path / "storage" / "inbox")
    with running_sandbox(tmp_path / "gateway") as sandbox:
        gateway = {"conn_type": "http", "host": sandbox.url, "password": API_KEY}
        runs, output = run_dag(
            "daily_processing",
            NIGHTS,
            home=tmp_path,
            database=database,
            environment={"TILLFLOW_PIN_SECRET": PIN_SECRET.decode()},
            connections={"tillflow_payments": gateway},
        )
        attempts = sandbox.attempts()
    assert [state for state, _ in runs] == ["success"] * 3, output
    (_, first), (_, second), (_, third) = runs
    assert first["portal_data"] == NOTHING | {"taken": ["portal.zip"]}
    assert first["equipment_sync"] == NOTHING | {"taken": ["vm-17.csv"], "refused": ["a-bad.csv"]}
    assert first["offline_sales"] == NOTHING | {"taken": ["o.csv"]}
    assert sum(first["payments"]["charged"].values()) == len(attempts) > 0
    for said in (second, third):
        assert [said[kind] for kind in ("portal_data", "equipment_sync", "offline_sales")] == [NOTHING] * 3
        assert said["payments"]["charged"] == {}
    reports = conn.execute("select count(*) from mail.message where topic like 'daily_report:%'").fetchone()
    assert reports == (3,)
    assert "tillflow_payments" in output

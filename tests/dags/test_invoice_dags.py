"""Invoices prepared and posted as Airflow runs it, with and without somebody who has to approve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.billing import Round
from tests.dag_runs import run_dag
from tillflow.db.connection import Connection

PREPARE = """
for _ in range(2):
    run(run_conf={"customer": "harbour", "date_from": "2026-06-01", "date_to": "2026-07-01"})
run(run_conf={"customer": "nobody", "date_from": "2026-06-01", "date_to": "2026-07-01"})
"""
POST = """
for _ in range(2):
    run(run_conf={"invoice_id": 1, "invoice_no": "2026-77"})
"""
#: somebody marks the task as successful instead of answering it; then answers of several people are judged
APPROVE = """
run(run_conf={"invoice_id": 1}, mark_success_pattern="approve")

from airflow.sdk.exceptions import AirflowFailException
from tillflow.airflow_edge import invoices
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.errors import TillflowError

with tillflow_connection() as conn:
    for user, option in (("pat", "Approve"), ("pat", "Reject"), ("hal", "Approve"), ("nobody", "Approve")):
        answer = {"chosen_options": [option], "responded_by_user": {"id": "1", "name": user}}
        try:
            invoices._require_approval(conn, 1, answer)
            print("JUDGED", user, option, "accepted")
        except (AirflowFailException, TillflowError) as error:
            print("JUDGED", user, option, error)
"""


@pytest.mark.slow
def test_prepared_and_posted_by_dag_test(harbour: Round, tmp_path: Path, database: str) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    runs, output = run_dag("prepare_invoice", PREPARE, home=tmp_path, database=database, environment={})
    assert [state for state, _ in runs] == ["success", "success", "failed"], output
    (first,), (second,) = (said["prepare"] for _, said in runs[:2])
    assert first == second
    assert (first["invoice_id"], first["current_rows"], first["total_minor"]) == (1, 1, 385)
    assert "there is no customer nobody" in output

    runs, output = run_dag("post_invoice", POST, home=tmp_path, database=database, environment={})
    assert [state for state, _ in runs] == ["success"] * 2, output
    assert [said["post"] for _, said in runs] == [{"invoice_id": 1, "invoice_no": "2026-77"}] * 2
    assert harbour.state(1) == "posted"
    assert [topic for (topic,) in harbour.conn.execute("select topic from mail.message order by id")] == [
        "invoice:1",
        "invoice:1:result",
    ]


@pytest.mark.slow
def test_marking_the_approval_as_successful_is_none(
    harbour: Round, conn: Connection, tmp_path: Path, database: str
) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    harbour.prepare("2026-06-01", "2026-07-01")
    conn.execute("update portal.customer set approval_limit_minor = 384")
    conn.execute("insert into portal.operator (user_name, capability) values ('pat', 'provider')")
    conn.execute("insert into portal.operator (user_name, capability, customer_id) values ('hal', 'customer_user', 1)")
    ((state, _),), output = run_dag("post_invoice", APPROVE, home=tmp_path, database=database, environment={})
    assert (state, harbour.state(1)) == ("failed", "draft"), output
    assert "posting invoice 1 has not been approved" in output
    assert [line.removeprefix("JUDGED ") for line in output.splitlines() if line.startswith("JUDGED ")] == [
        "pat Approve accepted",
        "pat Reject posting invoice 1 has not been approved",
        "hal Approve hal may not post invoices: that needs the grant provider",
        "nobody Approve there is no such invoice: 1",
    ]

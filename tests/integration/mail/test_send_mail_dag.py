"""The DAG itself: its wiring, its connections and a real mail server, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dag_runs import run_dag
from tillflow.db.connection import Connection
from tillflow.mail import Mail, queue_mail

from .conftest import NOW, MailServer

RUNS = """
from datetime import UTC, datetime
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.mail import Mail, queue_mail

run()
run()
with tillflow_connection() as conn:
    conn.execute("update mail.message set sent_at = null, failed_at = now()")
run()
run(run_conf={"resend_failed": True})
run(run_conf={"resend_failed": True, "reason": "the mailbox was full"})
with tillflow_connection() as conn:
    queue_mail(conn, Mail(("ann@a.example",), "s", "t", "h"), topic="u", now=datetime.now(UTC))
os.environ["AIRFLOW_CONN_TILLFLOW_SMTP"] = os.environ["NOWHERE"]
run()
"""
NOWHERE = {"conn_type": "smtp", "host": "127.0.0.1", "port": 1, "extra": {"disable_ssl": True}}


@pytest.mark.slow
def test_the_dag_sends_what_is_queued_once_and_what_failed_again_and_is_red_when_there_is_no_server(
    tmp_path: Path,
    database: str,
    conn: Connection,
    mail_server: MailServer,
    a_mail: Callable[..., Mail],
) -> None:
    queue_mail(conn, a_mail("über den DAG"), topic="t", now=NOW)
    runs, output = run_dag(
        "send_mail",
        RUNS,
        home=tmp_path,
        database=database,
        environment={"NOWHERE": json.dumps(NOWHERE)},
        smtp_port=mail_server.port,
    )
    assert runs == [
        ("success", {"send": {"queued_again": 0, "sent": 1, "waiting": 0, "failed": 0}}),
        ("success", {"send": {"queued_again": 0, "sent": 0, "waiting": 0, "failed": 0}}),
        ("success", {"send": {"queued_again": 0, "sent": 0, "waiting": 0, "failed": 0}}),
        ("failed", {"send": None}),  # without a reason
        ("success", {"send": {"queued_again": 1, "sent": 1, "waiting": 0, "failed": 0}}),
        ("failed", {"send": None}),  # without a server
    ]
    arrived, again = mail_server.taken
    assert again["Message-ID"] == arrived["Message-ID"]
    assert "give a reason" in output
    assert arrived["Subject"] == "über den DAG"
    assert arrived["From"] == "tillflow@tillflow.example"
    assert "the mail server cannot be reached: Connection refused. Check the connection" in output
    assert "ann@a.example" not in output

"""The DAG itself: its wiring, its connections and a real mail server, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tillflow.db.connection import Connection
from tillflow.mail import Mail, queue_mail
from tillflow.settings import REPOSITORY
from tillflow.stack.airflow import airflow_environment

from .conftest import NOW, MailServer

RUN = """
import json, os
from datetime import UTC, datetime
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.mail import Mail, queue_mail

def run():
    run = dag.test()
    print("RESULT", json.dumps([str(run.state), run.get_task_instances()[0].xcom_pull("send")]))

initdb()
bag = DagBag(dag_folder="dags/send_mail.py")
assert not bag.import_errors, bag.import_errors
dag = bag.dags["send_mail"]
run()
run()
with tillflow_connection() as conn:
    queue_mail(conn, Mail(("ann@a.example",), "s", "t", "h"), topic="u", now=datetime.now(UTC))
os.environ["AIRFLOW_CONN_TILLFLOW_SMTP"] = os.environ["NOWHERE"]
run()
"""
NOWHERE = {"conn_type": "smtp", "host": "127.0.0.1", "port": 1, "extra": {"disable_ssl": True}}


@pytest.mark.slow
def test_the_dag_sends_what_is_queued_once_and_is_red_when_there_is_no_server(
    tmp_path: Path,
    database: str,
    conn: Connection,
    mail_server: MailServer,
    a_mail: Callable[..., Mail],
) -> None:
    queue_mail(conn, a_mail("über den DAG"), topic="t", now=NOW)
    environment = os.environ | airflow_environment(
        tmp_path,
        metadata_url=f"sqlite:///{tmp_path}/airflow.db",
        database_url=database,
        fernet_key="",
        jwt_secret="secret-of-this-test" * 4,
        smtp_port=mail_server.port,
    )
    output = _python(environment | {"NOWHERE": json.dumps(NOWHERE)}, "-c", RUN)
    assert _results(output) == [
        ["success", {"sent": 1, "waiting": 0, "failed": 0}],
        ["success", {"sent": 0, "waiting": 0, "failed": 0}],
        ["failed", None],
    ]
    (arrived,) = mail_server.taken
    assert arrived["Subject"] == "über den DAG"
    assert arrived["From"] == "tillflow@tillflow.example"
    assert "the mail server cannot be reached: Connection refused. Check the connection" in output
    assert "ann@a.example" not in output


def _python(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _results(output: str) -> list[list[object]]:
    lines = [line.partition("RESULT ")[2] for line in output.splitlines() if "RESULT " in line]
    return [json.loads(line) for line in lines]

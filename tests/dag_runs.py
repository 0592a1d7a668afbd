"""DAGs run by `dag.test()`, in a process of its own: Airflow reads its settings once, when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tillflow.settings import REPOSITORY
from tillflow.stack.airflow import airflow_environment

_DAG = """
import json, os
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

initdb()
bag = DagBag(dag_folder=f"dags/{os.environ['DAG_ID']}.py")
assert not bag.import_errors, bag.import_errors
dag = bag.dags[os.environ["DAG_ID"]]

def run(**given):
    run = dag.test(**given)
    said = {task.task_id: task.xcom_pull(task.task_id) for task in run.get_task_instances()}
    print("THE RUN SAID:", json.dumps([str(run.state), said]), flush=True)

"""


def run_dag(
    dag_id: str, steps: str, *, home: Path, database: str, environment: Mapping[str, str], **given: Any
) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """(state, what each task returned) of every `run()` in `steps`, and everything that was printed.

    `given`: as in airflow_environment; `environment`: what else the process finds in its own.
    """
    airflow = airflow_environment(
        home,
        metadata_url=f"sqlite:///{home}/airflow.db",
        database_url=database,
        fernet_key="",
        jwt_secret="secret-of-this-test" * 4,
        **given,
    )
    done = subprocess.run(
        [sys.executable, "-c", _DAG + steps],
        cwd=REPOSITORY,
        env={**os.environ, **airflow, **environment, "DAG_ID": dag_id},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    lines = [line.partition("THE RUN SAID: ")[2] for line in done.stdout.splitlines() if "THE RUN SAID: " in line]
    return [(state, said) for state, said in map(json.loads, lines)], done.stdout

"""Every DAG as Airflow sees it: importable, documented, owned, typed, bounded, quick to parse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tillflow.settings import REPOSITORY
from tillflow.stack.airflow import airflow_environment

FILES = sorted((REPOSITORY / "dags").glob("*.py"))
PARSE = """
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Variable

def refuse(*args, **kwargs):
    raise AssertionError("a Variable is read while a DAG is parsed")
Variable.get = refuse
known = set(sys.modules)
began = time.process_time()
bag = DagBag(dag_folder="dags")
seconds = time.process_time() - began
print("RESULT", json.dumps({
    "errors": bag.import_errors,
    "seconds": seconds,
    "modules": sorted({name.partition(".")[0] for name in set(sys.modules) - known}),
    "dags": {
        dag_id: {
            "file": dag.fileloc,
            "doc": dag.doc_md or "",
            "tags": sorted(dag.tags),
            "catchup": dag.catchup,
            "params": {
                name: [type(param).__name__, param.schema]
                for name in dag.params
                for param in [dag.params.get_param(name)]
            },
            "tasks": {
                task.task_id: {
                    "owner": task.owner,
                    "retries": task.retries,
                    "retry_seconds": task.retry_delay.total_seconds(),
                    "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                    "pool": task.pool,
                }
                for task in dag.tasks
            },
        }
        for dag_id, dag in bag.dags.items()
    },
}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process finds in `dags/`: nothing that a test imported before can hide a slow import."""
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | airflow_environment(
        home,
        metadata_url=f"sqlite:///{home}/airflow.db",
        database_url="postgresql://nobody@127.0.0.1:1/nothing",  # a DAG that asks a database at parse time fails
        fernet_key="",
        jwt_secret="secret-of-this-test" * 4,
    )
    done = subprocess.run(
        [sys.executable, "-c", PARSE], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return result


def test_there_are_no_import_errors(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}


def test_an_id_is_the_name_of_its_file(parsed: dict[str, Any]) -> None:
    assert {dag_id: Path(dag["file"]).stem for dag_id, dag in parsed["dags"].items()} == {
        path.stem: path.stem for path in FILES
    }


def test_parsing_is_quick_and_imports_no_engine(parsed: dict[str, Any]) -> None:
    heavy = {"great_expectations", "pandas", "openpyxl", "typst", "xlsxwriter", "sklearn", "scipy", "matplotlib"}
    assert heavy.isdisjoint(parsed["modules"])
    # of processor time, all DAGs together; Airflow gives each file 30 seconds
    assert parsed["seconds"] < 10


@pytest.mark.parametrize("dag_id", [path.stem for path in FILES])
class TestEveryDag:
    def test_tells_the_operator_what_it_does(self, dag_id: str, parsed: dict[str, Any]) -> None:
        doc = parsed["dags"][dag_id]["doc"]
        assert doc.strip().startswith("### ")
        assert len(doc) > 300
        assert "twice" in doc  # whether running it twice is safe

    def test_is_tagged_and_does_not_catch_up(self, dag_id: str, parsed: dict[str, Any]) -> None:
        dag = parsed["dags"][dag_id]
        assert "tillflow" in dag["tags"]
        assert len(dag["tags"]) > 1
        assert dag["catchup"] is False

    def test_has_typed_params(self, dag_id: str, parsed: dict[str, Any]) -> None:
        for name, (class_name, schema) in parsed["dags"][dag_id]["params"].items():
            assert class_name == "Param", name
            assert "type" in schema, name
            assert schema.get("title"), name

    def test_has_owned_tasks_that_end_and_are_tried_again(self, dag_id: str, parsed: dict[str, Any]) -> None:
        tasks = parsed["dags"][dag_id]["tasks"]
        assert tasks
        for name, task in tasks.items():
            assert task["owner"] == "tillflow", name
            assert task["timeout"], name
            # a sweep charges whatever is due, however slow the gateway is
            assert 0 < task["timeout"] <= (6 if dag_id == "retry_payments" else 1) * 3600, name
            if dag_id not in {"send_mail", "retry_payments"}:  # their next run is the retry
                assert task["retries"] >= 1, name
                assert 0 < task["retry_seconds"] <= 300, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_a_table_of_contents(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 90
    assert "Variable" not in text
    assert "select " not in text

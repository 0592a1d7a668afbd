"""
### Import portal data

Takes what operators maintain: customers, sites, machines, allocations, planograms, users, access, channels, operators,
lotteries, draws. One CSV named by its table (`customers.csv`), or several in one `.zip`.

**All or nothing**: one error anywhere and nothing is loaded; every error is listed with its file, row and column.
A record is added or changed by its natural key; what no row names stays. Every change is in the history.

**To run it by hand**, put the file into `inbox/portal_data/` of the storage and give its name as `file`. You need
the grant `provider`. A page or `./tillflow import` gives an `import_id` instead.

**Running it twice is safe**: the second run finds every record unchanged.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.imports import report_taken_file, take_named_file
from tillflow.airflow_edge.params import FILE_PARAMS
from tillflow.codes import Kind


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["tillflow", "portal data"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params=FILE_PARAMS,
)
def import_portal_data() -> None:
    """Loading is part of taking the file in; then it is reported."""

    @task(task_display_name="load the file")
    def take() -> int:
        return take_named_file(Kind.PORTAL_DATA)

    @task(task_display_name="report", outlets=[OUTBOX])
    def report(import_id: int) -> None:
        report_taken_file(import_id)

    report(take())


import_portal_data()

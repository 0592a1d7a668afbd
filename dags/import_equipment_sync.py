"""
### Import a dump of vending machines

Takes one file of vends (CSV, JSON Lines, XLSX; gzip too), judges every vend against the portal data in force
at its own time, and books it: a **sale**, an **exception** with all its reasons, a **duplicate** of a vend that
was synced before, or **not billable** (test, free, failed).

**To run it by hand**, put the file into `inbox/equipment_sync/` of the storage and give its name as `file`.
A page or `./tillflow import` gives an `import_id` instead.

| the run is | because | next |
|---|---|---|
| green | the file is booked; the mail says what became of it | look at its exceptions |
| red, with a list of errors | the file is refused, nothing of it is booked | correct it, send it again |
| red with another message | the database or the storage was away | clear the task: it goes on where it stood |

**Running it twice is safe**: a file is taken once, a vend is booked once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.imports import book_taken_file, take_named_file
from tillflow.airflow_edge.params import FILE_PARAMS
from tillflow.codes import Kind


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["tillflow", "equipment sync"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params=FILE_PARAMS,
)
def import_equipment_sync() -> None:
    """Take the file in, then book it."""

    @task(task_display_name="take the file in")
    def take() -> int:
        return take_named_file(Kind.EQUIPMENT_SYNC)

    @task(task_display_name="judge and book", outlets=[OUTBOX])
    def book(import_id: int) -> dict[str, Any]:
        return book_taken_file(Kind.EQUIPMENT_SYNC, import_id)

    book(take())


import_equipment_sync()

"""
### Import offline sales

Takes one file of sales made by phone, mail or at a stall (CSV or XLSX). An error of the file **refuses** it: nothing
is booked and all errors are listed. A row that breaks a rule waits as an **exception** for a person; the
rest becomes **sales**: cash is paid, a card is charged at once, a cheque, money order or bank draft waits for
approval. What is paid gives its buyer the product.

**To run it by hand**, put the file into `inbox/offline_sales/<channel>/` of the storage and give its name as `file`
and the channel. You need the grant `offline_sales_upload` for the channel. A page or `./tillflow import` gives an
`import_id` instead.

| the run is | because | next |
|---|---|---|
| green | the file is booked; the mail says what became of it | resolve what requires action |
| red, with a list of errors | the file is refused, nothing of it is booked | correct it, upload it again |
| red in `charge the cards` | the file is booked; the payment gateway was away | nothing: `retry_payments` goes on |
| red with another message | the database or the storage was away | clear the task: it goes on where it stood |

**Running it twice is safe**: a file is taken once, an ORDER_ID is booked once, a card is charged once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.imports import book_taken_file, take_named_file
from tillflow.airflow_edge.params import CHANNEL_PARAM, FILE_PARAMS
from tillflow.airflow_edge.payments import charge_import
from tillflow.codes import Kind


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["tillflow", "offline sales"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params=FILE_PARAMS | {"channel": CHANNEL_PARAM},
)
def import_offline_sales() -> None:
    """Take the file in, book it, charge its cards."""

    @task(task_display_name="take the file in")
    def take() -> int:
        return take_named_file(Kind.OFFLINE_SALES)

    @task(task_display_name="judge and book", outlets=[OUTBOX])
    def book(import_id: int) -> dict[str, Any]:
        return book_taken_file(Kind.OFFLINE_SALES, import_id)

    @task(task_display_name="charge the cards", outlets=[OUTBOX])
    def charge(booked: dict[str, Any]) -> dict[str, Any]:
        return charge_import(booked["import_id"])

    charge(book(take()))


import_offline_sales()

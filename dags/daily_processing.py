"""
### The daily run

Every day at 02:00 in the configured zone (`TILLFLOW_ZONE`): takes everything that waits in the inbox, in the order in
which one thing needs the other (portal data, then machine dumps, then offline sales), finishes what an
interrupted run left, charges what is due, prepares the invoice drafts of the billing calendars that fall due (it never
posts one), and mails the **daily status report**: files, counts, money,
exceptions by reason and age, refused files.

**One bad file stops nobody**: it is refused, reported, and the others go on. A file that is still being
written stays for the next run. The run ends red only when the database or storage was away (clear it: it
goes on where it stood) or when a file met a defect of Tillflow's own, which the log then shows.

**By hand**: trigger it any time; `day` says which day the report is about (default: today). Running it twice is
safe: the inbox is empty the second time, and the second report says so.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.daily import report_day, sweep_inbox
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.invoices import prepare_due_invoices
from tillflow.airflow_edge.payments import sweep_payments_of_the_day
from tillflow.codes import Kind
from tillflow.settings import Settings


# Without a start date: with one in the past, Airflow would run it the moment it is installed.
@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone=Settings.from_environment().zone),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["tillflow", "daily"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params={"day": Param(None, type=["null", "string"], format="date", title="Day of the report")},
)
def daily_processing() -> None:
    """Three sweeps of the inbox in order, one of the payments, the drafts that fall due, then the report."""

    @task(task_display_name="portal data")
    def portal_data() -> dict[str, list[str]]:
        return sweep_inbox(Kind.PORTAL_DATA)

    @task(task_display_name="machine dumps")
    def equipment_sync() -> dict[str, list[str]]:
        return sweep_inbox(Kind.EQUIPMENT_SYNC)

    @task(task_display_name="offline sales")
    def offline_sales() -> dict[str, list[str]]:
        return sweep_inbox(Kind.OFFLINE_SALES)

    @task(task_display_name="payments", outlets=[OUTBOX])
    def payments() -> dict[str, Any]:
        return sweep_payments_of_the_day()

    @task(task_display_name="invoices", outlets=[OUTBOX])
    def invoices() -> dict[str, list[str]]:
        return prepare_due_invoices()

    @task(task_display_name="status report", outlets=[OUTBOX])
    def report(swept: list[dict[str, list[str]]], params: dict[str, Any] | None = None) -> None:
        report_day((params or {}).get("day"), swept)

    portal, sync, offline, drafts = portal_data(), equipment_sync(), offline_sales(), invoices()
    portal >> sync >> offline >> payments() >> drafts >> report([portal, sync, offline, drafts])


daily_processing()

"""
### Charge what is due

Every 15 minutes: charges the cards that are due (a first charge that could not be made, or a retry 24 hours
after a soft decline), finds out what became of charges that got no answer, sends refunds, gives the products
of what is paid to their buyers, and mails what needs a person.

| a payment is | because | next |
|---|---|---|
| due, retry wait | it is charged at its time | nothing |
| in flight, unknown | a charge was sent and its answer is not known yet | nothing: the gateway is asked again |
| needs review | the gateway can no longer say what became of it | look at the gateway's pages and decide |
| failed hard, exhausted | the bank refused for good, or three times more | ask for another card, or abandon |
| succeeded | the money was taken | nothing |

**When this DAG is red**, the gateway could not be reached or did not accept our key: check the connection
`tillflow_payments` (Admin > Connections). No payment loses an attempt by it, and the next run goes on.

**By hand**: trigger it any time; you need the grant `offline_sales_admin` or `provider`. `as_of` charges what is due by
that moment; default: now; a later moment needs the grant `provider`. A payment is charged at most once in a run.

**Running it twice, or side by side, is safe**: a payment is claimed by one run, and a charge that is sent again is the
same charge to the gateway.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.payments import sweep_due_payments


@dag(
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    is_paused_upon_creation=False,
    tags=["tillflow", "payments"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS
    | {
        "retries": 0,  # the next quarter of an hour is the retry
        "execution_timeout": timedelta(hours=6),  # many payments at a slow gateway
    },
    params={"as_of": Param(None, type=["null", "string"], format="date-time", title="Due by")},
)
def retry_payments() -> None:
    """One task: nothing due costs a few queries."""

    @task(task_display_name="charge, refund, attribute", outlets=[OUTBOX])
    def sweep() -> dict[str, Any]:
        return sweep_due_payments()

    sweep()


retry_payments()

"""
### Reconcile the users of a customer

Run it after users, cards, roles or access of a customer were corrected. Every open exception of the customer that
waits for its user (unknown user, role mismatch, access issue) is judged again, by the rules and at the time of its
vend. What breaks no rule any more becomes a sale, recorded now; what still does keeps the reasons that are left.

A mail says that it has started, another what came of it: **Attempted, Reconciled, Failed**, the reasons, and every
record as CSV and XLSX. `preview` only says what would clear.

| the run is | because | next |
|---|---|---|
| green | it is done; the mail has the records | repair what failed, run it again |
| red | the customer is unknown, you lack the grant `provider`, or the same is running already | the log says which |

**Running it twice is safe**: an exception is resolved once. What arrives while it runs waits for the next run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.reconciliations import REPORT_PARAMS, reconcile_scope, users_of


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["tillflow", "reconciliation"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params={"customer": Param(type="string", minLength=1, maxLength=40, title="Customer", description="its key")}
    | REPORT_PARAMS,
)
def reconcile_users() -> None:
    """One task: one transaction."""

    @task(task_display_name="judge again, report", outlets=[OUTBOX])
    def reconcile() -> dict[str, Any]:
        return reconcile_scope(users_of)

    reconcile()


reconcile_users()

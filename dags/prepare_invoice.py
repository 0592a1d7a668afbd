"""
### Prepare an invoice

Picks the sales of a customer for a range of days in the customer's zone and freezes them in a **draft**:

- **current**: vended in the range and recorded before its end;
- **backdated**: recorded in the range, vended before it (a late sync, a reconciled exception), or recorded so late that
  the invoice of its own range missed it.

`date_to` is the **first day that is not in it any more**: June is 2026-06-01 to 2026-07-01, and July begins where June
ended. Ranges that follow each other in this way bill every sale exactly once. Products that are excluded from invoicing
are left out and listed. Sales in another currency than the customer's get a draft of their own.

The run's result names the drafts. Look at them, then post with `post_invoice`, or discard.

| the run is | because | next |
|---|---|---|
| green | the draft is there, or still says the same as the one that was there | look at it, post it |
| red | the customer is unknown, the range is empty, or you lack the grant `provider` | the log says which |

**Running it twice is safe**: a draft whose sales have not changed stays, one that has changed is replaced by a new
draft, and what is posted is in no draft again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, task

from tillflow.airflow_edge import invoices
from tillflow.airflow_edge.defaults import DEFAULT_ARGS


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["tillflow", "invoicing"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params={
        "customer": Param(type="string", minLength=1, maxLength=40, title="Customer", description="its key"),
        "date_from": Param(type="string", format="date", title="From", description="the first day"),
        "date_to": Param(
            type="string", format="date", title="Until before", description="the first day that is not in it any more"
        ),
    },
)
def prepare_invoice() -> None:
    """One task: one transaction."""

    @task(task_display_name="pick, freeze, sum")
    def prepare() -> list[dict[str, Any]]:
        return invoices.prepare_invoice()

    prepare()


prepare_invoice()

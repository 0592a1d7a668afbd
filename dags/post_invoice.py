"""
### Post an invoice

Gives a draft its number and makes it final: exactly the sales that were frozen, all or nothing. Leave `invoice_no`
blank for the next number of the provider's series, which has no gaps; or give one that was never used.

**Approval**: where the total with tax is more than the customer's `approval_limit`, the run waits at
*Required Actions* (three days; then it asks again, twice) until somebody with the grant `provider` approves or rejects
it. After a rejection nothing was posted; the draft stays. An answer within seconds, before Airflow's scheduler has
noticed that the task waits, may be asked for once more.

Afterwards the invoice (PDF) and the list of its sales (CSV) go to the customer's billing address, and the result to
the operators.

| the run is | because | next |
|---|---|---|
| green, `post` has run | it is posted; the result has its number | nothing |
| green, `post` was skipped | it was rejected | discard the draft, or repair and prepare again |
| red | the draft is empty, was replaced, or holds sales that were invoiced meanwhile; the number is used; \
nobody approved in time; you or the approver lack the grant `provider` | the log says which |

**Running it twice is safe**: what is posted stays posted under its number, and each mail is sent once. A posted
invoice is never changed; a mistake is reversed by a credit note, which frees its sales.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, task

from tillflow.airflow_edge import invoices
from tillflow.airflow_edge.assets import OUTBOX
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
        "invoice_id": Param(type="integer", minimum=1, title="Draft", description="its number, from prepare_invoice"),
        "invoice_no": Param(
            None,
            type=["null", "string"],
            maxLength=21,
            title="Invoice number",
            description="blank: the next of the series",
        ),
    },
)
def post_invoice() -> None:
    """Look, let somebody approve where it is much, post."""

    @task.branch(task_id=invoices.LOOK, task_display_name="check the grant and the limit")
    def look() -> str:
        return invoices.look_at_draft()

    approve = ApprovalOperator(
        task_id=invoices.APPROVE,
        task_display_name="approve",
        subject="Post invoice draft {{ params.invoice_id }}?",
        body=f"{{{{ ti.xcom_pull(task_ids='{invoices.LOOK}', key='{invoices.SEEN}')['text'] }}}}",
        response_timeout=timedelta(days=3),  # it is asked again as often as a task is tried
        retry_delay=timedelta(seconds=5),  # nothing has to recover before somebody is asked again
    )

    @task(
        task_id=invoices.POST,
        task_display_name="post, mail",
        trigger_rule="none_failed_min_one_success",  # without an approval that was not needed
        outlets=[OUTBOX],
    )
    def post() -> dict[str, Any]:
        return invoices.post_draft()

    looked, posted = look(), post()
    looked >> [approve, posted]
    approve >> posted


post_invoice()

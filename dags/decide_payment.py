"""
### Decide about a payment

What waits for a person is in the mails "payments to look at", each payment with its number, its reason and what can be
done. Decide here; what you decide is carried out at the next sweep (`retry_payments`, every 15 minutes).

| decision | for a payment that | then |
|---|---|---|
| approve funds, return funds | is paid by cheque, money order or bank draft | paid; requires action |
| expect funds again | came back unpaid, and other funds are coming | waits for approval again |
| charge again | failed, is exhausted, waits for a retry, or under review took no money | charged, all retries anew |
| review | is unknown, from a gateway that answers no more | under review: yours to decide |
| confirm charged | is under review, and the gateway's pages show the charge: give it as `reference` | paid |
| abandon | is not paid and not being charged | abandoned |
| refund | is paid | a card by the gateway, other money by hand; the product is void at once |
| refund again / refund by hand | the gateway refused to refund | sent again / yours to pay out |
| confirm paid out | you have paid out by hand: give the transfer as `reference` | refunded |

You need the grant `offline_sales_admin` for the payment's channel; without it there is no such payment. Your name and
reason go into the history. **Write no card number, no token and no personal data into the form**: everybody who may
look at this DAG reads it. Another card's token is not taken here.

**When the run is red**, nothing was changed, and the log says why. **Running it twice is safe**: the second one finds
that the payment has moved on.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import Param, dag, task

from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.payments import carry_out_decision
from tillflow.payment_desk import Decision


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    tags=["tillflow", "payments"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS,
    params={
        "payment_id": Param(type="integer", minimum=1, title="Payment", description="its number, from the mail"),
        "decision": Param(type="string", enum=[decision.value for decision in Decision], title="Decision"),
        "reason": Param(type="string", minLength=1, maxLength=500, title="Reason", description="for the history"),
        "reference": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Reference",
            description="confirm charged: the gateway's charge; confirm paid out: the transfer",
        ),
    },
)
def decide_payment() -> None:
    """One task: a decision is one statement."""

    @task(task_display_name="check the grant, decide")
    def decide() -> None:
        carry_out_decision()

    decide()


decide_payment()

"""The trigger form of decide_payment: whose grant covers it, what it changes, what it says where it does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# before the first import of Airflow, which would make ~/airflow otherwise
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parents[3] / ".tillflow" / "test-airflow"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.integration.payments.situations import SITUATIONS
from tests.paying import Shop
from tillflow.airflow_edge import payments as task
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.payment_desk import Decision

Decide = Callable[..., None]
#: a situation in which it can be decided, and where the payment is then: state, product, refund
CARRIED_OUT = {
    Decision.APPROVE_FUNDS: ("funds received", "cleared", "pending", None),
    Decision.RETURN_FUNDS: ("funds received", "returned", "unpaid", None),
    Decision.EXPECT_FUNDS_AGAIN: ("funds returned", "received", "unpaid", None),
    Decision.CHARGE_AGAIN: ("card exhausted", "due", "unpaid", None),
    Decision.REVIEW: ("card unknown", "needs_review", "unpaid", None),
    Decision.CONFIRM_CHARGED: ("card needs_review", "succeeded", "pending", None),
    Decision.ABANDON: ("card failed_hard", "canceled", "unpaid", None),
    Decision.REFUND: ("product stuck", "succeeded", "void", "to_pay_out"),
    Decision.REFUND_AGAIN: ("refund refused", "succeeded", "void", "due"),
    Decision.REFUND_BY_HAND: ("refund refused", "succeeded", "void", "to_pay_out"),
    Decision.CONFIRM_PAID_OUT: ("refund to_pay_out", "succeeded", "void", "refunded"),
}


@pytest.fixture
def decide(shop: Shop, database: str, monkeypatch: pytest.MonkeyPatch) -> Decide:
    """Sends the form as a person; `olga` resolves the stall's sales, `carl` those of another channel."""
    shop.conn.execute("insert into portal.channel (key, name, zone) values ('phone', 'Phone', 'UTC')")
    shop.conn.execute(
        "insert into portal.operator (user_name, capability, channel_id) values"
        " ('olga', 'offline_sales_admin', 1), ('carl', 'offline_sales_admin', 2), ('ulla', 'offline_sales_upload', 1)"
    )

    @contextmanager
    def connection() -> Iterator[Connection]:
        with connect(database, role=APP_ROLE) as opened:
            yield opened

    monkeypatch.setattr(task, "tillflow_connection", connection)

    def send(payment_id: int, decision: str, person: str | None = "olga", **form: Any) -> None:
        params = {"payment_id": payment_id, "decision": decision, "reason": "she said so", "reference": None} | form
        context = {"params": params, "dag_run": SimpleNamespace(triggering_user_name=person)}
        monkeypatch.setattr(task, "get_current_context", lambda: context)
        task.carry_out_decision()

    return send


def situation(shop: Shop, payment_id: int) -> tuple[Any, ...]:
    found = shop.conn.execute(
        "select p.state, p.product_state, r.state from books.payment as p"
        " left join books.refund as r on r.payment_id = p.id where p.id = %s",
        [payment_id],
    ).fetchone()
    assert found is not None
    return found


@pytest.mark.parametrize("decision", Decision)
def test_a_decision_is_carried_out_in_the_persons_name(shop: Shop, decide: Decide, decision: Decision) -> None:
    before, *after = CARRIED_OUT[decision]
    payment = SITUATIONS[before](shop)
    decide(payment, decision.value, reference="ref 1")
    assert situation(shop, payment) == tuple(after)
    told = shop.conn.execute("select reason from history.event where actor = 'olga'").fetchall()
    assert told
    assert set(told) == {("she said so",)}


@pytest.mark.parametrize("decision", Decision)
def test_decided_twice_it_says_that_the_payment_has_moved_on(shop: Shop, decide: Decide, decision: Decision) -> None:
    payment = SITUATIONS[CARRIED_OUT[decision][0]](shop)
    decide(payment, decision.value, reference="ref 1")
    with pytest.raises(AirflowFailException, match=f"^payment {payment} cannot be decided like this now"):
        decide(payment, decision.value, reference="ref 1")


@pytest.mark.parametrize("person", ["carl", "ulla", "nobody"])
def test_who_may_not_learns_nothing_and_is_written_down(shop: Shop, decide: Decide, person: str) -> None:
    payment = SITUATIONS["funds received"](shop)
    with pytest.raises(AirflowFailException) as refused:
        decide(payment, "approve funds", person)
    assert str(refused.value) == f"there is no such payment: {payment}"
    with pytest.raises(AirflowFailException) as unknown:
        decide(77, "approve funds", person)
    assert str(unknown.value) == "there is no such payment: 77"
    assert situation(shop, payment) == ("received", "unpaid", None)
    written = shop.conn.execute(
        "select actor, subject, subject_key, reason from history.event where action = 'denied'"
    ).fetchall()
    assert written == [(person, "payment", str(payment), "approve funds")]


def test_a_reference_that_is_needed_and_missing(shop: Shop, decide: Decide) -> None:
    payment = SITUATIONS["card needs_review"](shop)
    with pytest.raises(AirflowFailException, match=r"^give a reference$"):
        decide(payment, "confirm charged")


def test_a_card_number_in_the_reason(shop: Shop, decide: Decide) -> None:
    payment = SITUATIONS["card exhausted"](shop)
    with pytest.raises(AirflowFailException, match="card number in it"):
        decide(payment, "charge again", reason="take 4111 1111 1111 1111")


def test_the_installations_own_run_needs_no_grant(shop: Shop, decide: Decide) -> None:
    payment = SITUATIONS["funds received"](shop)
    decide(payment, "approve funds", None)
    assert shop.column(payment, "moved_by") == "decide_payment"

"""Money back: the whole amount, once, by the gateway or by hand; judged from the gateway's ledger."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.gateways import SandboxServer
from tests.paying import Shop
from tests.racing import at_once
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments import decisions
from tillflow.payments.gateway import Approved, Declined, GatewayUnusableError, Outcome, Unknown
from tillflow.payments.refunds import refund_due


def paid(shop: Shop, token: str = "tok_ok") -> int:
    """A charged card whose product was given."""
    (payment,) = shop.sell(token=token)
    assert shop.charge() == Counter(succeeded=1)
    attribute_paid(shop.conn, now=shop.now, actor="test")
    return payment


def ask_for_refund(shop: Shop, payment: int) -> None:
    decisions.request_refund(shop.conn, payment, actor="ann", now=shop.now, reason="sold in error")


def refund_of(shop: Shop, payment: int) -> tuple[Any, ...]:
    """(state, reference, code) of the payment's refund."""
    found = shop.conn.execute(
        "select state, reference, stopped_by from books.refund where payment_id = %s", [payment]
    ).fetchone()
    assert found is not None
    return found


def given_back(sandbox: SandboxServer) -> list[int]:
    return [entry["amount"] for entry in sandbox.ledger(kind="refund")]


def test_a_card_is_refunded_once(shop: Shop, sandbox: SandboxServer) -> None:
    payment = paid(shop)
    ask_for_refund(shop, payment)
    assert shop.column(payment, "product_state") == "void"
    assert refund_due(shop.till()) == Counter(refunded=1)
    assert refund_due(shop.till()) == Counter()
    state, reference, code = refund_of(shop, payment)
    assert (state, code) == ("refunded", None)
    assert reference
    assert given_back(sandbox) == [500]
    with pytest.raises(decisions.NotNowError, match="its refund refunded"):
        ask_for_refund(shop, payment)


def test_its_history_says_who_asked_and_what_became_of_it(shop: Shop) -> None:
    payment = paid(shop)
    ask_for_refund(shop, payment)
    refund_due(shop.till(actor="sweep"))
    found = shop.conn.execute(
        "select subject, actor, action, reason from history.event"
        " where subject in ('refund', 'product of payment') order by id"
    ).fetchall()
    assert found == [
        ("refund", "ann", "requested", "sold in error"),
        ("product of payment", "ann", "void", "sold in error"),
        ("refund", "sweep", "in_flight", "sent to the gateway"),
        ("refund", "sweep", "refunded", "refunded"),
    ]


@pytest.mark.parametrize("fault", ["reset_after", "drop_after", "garbage", "reset_before", "500_before"])
def test_whatever_becomes_of_the_answer_the_money_goes_back_once(
    shop: Shop, sandbox: SandboxServer, fault: str
) -> None:
    payment = paid(shop, f"tok_script__refund.{fault}__ok")
    ask_for_refund(shop, payment)
    assert refund_due(shop.till()) == Counter(due=1)
    assert refund_due(shop.till()) == Counter()  # not before its time
    for _ in range(3):
        shop.later(minutes=10)
        refund_due(shop.till())
    assert refund_of(shop, payment)[0] == "refunded"
    assert given_back(sandbox) == [500]


@pytest.mark.parametrize("fault", ["reset_after", "500_after"])
def test_a_refund_whose_answer_was_lost_two_days_ago_is_found(shop: Shop, sandbox: SandboxServer, fault: str) -> None:
    """The gateway has forgotten the key, with the error it repeated for a day, and gives back no more than once."""
    payment = paid(shop, f"tok_script__refund.{fault}__ok")
    ask_for_refund(shop, payment)
    assert refund_due(shop.till()) == Counter(due=1)
    shop.later(days=2)
    sandbox.set_clock(2 * 24 * 3600)
    assert refund_due(shop.till()) == Counter(refunded=1)
    assert given_back(sandbox) == [500]


def test_a_refund_whose_worker_died_is_taken_up_after_its_lease(shop: Shop, sandbox: SandboxServer) -> None:
    payment = paid(shop)
    ask_for_refund(shop, payment)
    send = shop.gateway.refund

    def die_after_sending(reference: str, amount_minor: int, key: str) -> Any:
        send(reference, amount_minor, key)
        raise KeyboardInterrupt

    shop.gateway.refund = die_after_sending  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        refund_due(shop.till())
    shop.gateway.refund = send  # type: ignore[method-assign]
    assert refund_due(shop.till()) == Counter()
    shop.later(minutes=10)
    assert refund_due(shop.till()) == Counter(refunded=1)
    assert refund_of(shop, payment)[0] == "refunded"
    assert given_back(sandbox) == [500]


def test_a_refund_that_the_gateway_refuses_is_paid_out_by_hand(shop: Shop, sandbox: SandboxServer) -> None:
    payment = paid(shop)
    shop.gateway.refund("pi_none", 1, "k")  # a stranger's refund changes nothing
    sandbox.reset()  # the gateway knows the charge no more
    ask_for_refund(shop, payment)
    assert refund_due(shop.till()) == Counter(refused=1)
    state, _, code = refund_of(shop, payment)
    assert state == "refused"
    assert code
    decisions.refund_again(shop.conn, payment, actor="ann", now=shop.now, reason="try once more")
    assert refund_due(shop.till()) == Counter(refused=1)
    decisions.refund_by_hand(shop.conn, payment, actor="ann", now=shop.now, reason="it does not work")
    assert refund_due(shop.till()) == Counter()
    decisions.confirm_paid_out(
        shop.conn, payment, actor="ann", now=shop.now, reason="paid", reference="transfer 2026-118"
    )
    assert refund_of(shop, payment) == ("refunded", "transfer 2026-118", None)
    assert given_back(sandbox) == []


def test_the_same_refund_has_the_same_key_and_a_refusal_ends_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a charge: asked again it is the same, decided again it is another, or the gateway repeats its refusal."""
    payment = paid(shop)
    ask_for_refund(shop, payment)
    answers: list[Outcome] = [
        Unknown("no answer"),
        Declined("balance_insufficient", is_soft=False),
        Unknown("no answer"),
    ]
    keys: list[str] = []

    def answered(_reference: str, _amount_minor: int, key: str) -> Outcome:
        keys.append(key)
        return answers.pop(0) if answers else Approved("re_1")

    monkeypatch.setattr(shop.gateway, "refund", answered)
    for _ in range(4):
        refund_due(shop.till())
        if refund_of(shop, payment)[0] == "refused":
            decisions.refund_again(shop.conn, payment, actor="ann", now=shop.now, reason="there is money again")
        shop.later(minutes=10)
    assert refund_of(shop, payment)[0] == "refunded"
    first, second, third, fourth = keys
    assert first == second
    assert third == fourth != first


@pytest.mark.parametrize("payment_type", ["CASH", "CHQ"])
def test_what_no_card_paid_is_paid_out_by_hand(shop: Shop, sandbox: SandboxServer, payment_type: str) -> None:
    (payment,) = shop.sell(payment_type)
    if payment_type == "CHQ":
        decisions.approve_funds(shop.conn, payment, actor="ann", now=shop.now)
    ask_for_refund(shop, payment)
    assert refund_due(shop.till()) == Counter()
    assert refund_of(shop, payment)[0] == "to_pay_out"
    assert sandbox.ledger() == []


def test_two_sweeps_at_once_refund_each_payment_once(shop: Shop, database: str, sandbox: SandboxServer) -> None:
    payments = shop.sell(count=30)
    shop.charge()
    for payment in payments:
        ask_for_refund(shop, payment)
    results = at_once(database, lambda conn: refund_due(shop.till(conn=conn, concurrency=4)))
    assert sum(results, Counter()) == Counter(refunded=30)
    assert len(given_back(sandbox)) == 30


def test_a_key_that_the_gateway_refuses_leaves_the_refund_due(shop: Shop, sandbox: SandboxServer) -> None:
    payment = paid(shop)
    ask_for_refund(shop, payment)
    with pytest.raises(GatewayUnusableError):
        refund_due(shop.till(gateway=sandbox.gateway(api_key="sk_sandbox_bad")))
    assert refund_of(shop, payment)[0] == "due"
    shop.later(minutes=10)
    assert refund_due(shop.till()) == Counter(refunded=1)

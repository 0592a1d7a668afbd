"""Charged at once, retried after 24 hours, three times; stopped where a charge makes no sense any more."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.gateways import SandboxServer
from tests.paying import DRAW_CLOSES, Shop
from tests.racing import at_once
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments.schedule import RetryPolicy
from tillflow.payments.sweep import charge_due


def issuer(shop: Shop, sandbox: SandboxServer, payment_id: int) -> list[str]:
    """What the card's issuer was asked, by the gateway's ledger."""
    return sandbox.attempts(str(shop.column(payment_id, "key")))


def test_a_card_is_charged_at_once(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell()
    assert shop.charge() == Counter(succeeded=1)
    assert shop.state(payment) == "succeeded"
    assert shop.column(payment, "paid_at") == shop.now
    assert issuer(shop, sandbox, payment) == ["approved"]
    assert shop.moves(payment) == ["in_flight", "succeeded"]


def test_a_soft_decline_is_retried_after_24_hours_and_not_a_second_earlier(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_soft_twice_then_ok")
    assert shop.charge() == Counter(retry_wait=1)
    shop.later(hours=23, minutes=59, seconds=59)
    assert shop.charge() == Counter()
    shop.later(seconds=1)
    assert shop.charge() == Counter(retry_wait=1)
    shop.later(hours=24)
    assert shop.charge() == Counter(succeeded=1)
    assert [outcome for outcome, _ in shop.attempts(payment)] == ["soft_declined", "soft_declined", "approved"]
    assert len(issuer(shop, sandbox, payment)) == 3


def test_after_three_retries_a_person_decides(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    results = []
    for _ in range(6):
        results.append(dict(shop.charge()))
        shop.later(hours=24)
    assert results == [{"retry_wait": 1}] * 3 + [{"exhausted": 1}, {}, {}]
    assert shop.column(payment, "stopped_by") == "insufficient_funds"
    assert len(issuer(shop, sandbox, payment)) == 4


def test_a_hard_decline_is_not_retried(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_hard")
    assert shop.charge() == Counter(failed_hard=1)
    shop.later(days=30)
    assert shop.charge() == Counter()
    assert shop.attempts(payment) == [("hard_declined", "stolen_card")]


def test_three_days_of_downtime_cause_one_retry(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    shop.charge()
    shop.later(days=3)
    assert shop.charge() == Counter(retry_wait=1)
    assert shop.charge() == Counter()
    assert len(issuer(shop, sandbox, payment)) == 2


def test_the_wait_begins_when_the_attempt_ends(shop: Shop) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    began = shop.now
    slow = shop.gateway.charge

    def charge_slowly(*given: object) -> object:
        answer = slow(*given)  # type: ignore[arg-type]
        shop.later(seconds=90)
        return answer

    shop.gateway.charge = charge_slowly  # type: ignore[method-assign,assignment]
    shop.charge()
    assert shop.column(payment, "next_attempt_at") == began + timedelta(hours=24, seconds=90)


def test_a_clock_that_is_stepped_back_brings_no_charge_forward(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    shop.charge()
    due = shop.column(payment, "next_attempt_at")
    shop.later(hours=-5)
    assert shop.charge() == Counter()
    shop.now = due
    assert shop.charge() == Counter(retry_wait=1)
    assert len(issuer(shop, sandbox, payment)) == 2


def test_both_numbers_are_settings(shop: Shop) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    policy = RetryPolicy(retries=1, wait=timedelta(hours=6))
    assert shop.charge(policy=policy) == Counter(retry_wait=1)
    shop.later(hours=6)
    assert shop.charge(policy=policy) == Counter(exhausted=1)
    assert shop.state(payment) == "exhausted"


def test_a_draw_that_has_closed_stops_the_retry_before_charging(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    shop.now = DRAW_CLOSES - timedelta(hours=1)
    shop.charge()
    shop.later(hours=24)
    assert shop.charge() == Counter(stopped=1)
    assert (shop.state(payment), shop.column(payment, "stopped_by")) == ("failed_hard", "draw_closed")
    assert len(issuer(shop, sandbox, payment)) == 1


def test_a_draw_that_is_sold_out_stops_the_charge(shop: Shop, sandbox: SandboxServer) -> None:
    shop.conn.execute("update portal.draw set max_entries = 12")
    shop.conn.execute("insert into books.draw_counter values (1, 9)")  # eight are given
    (too_many,) = shop.sell(product="B5")
    (fits,) = shop.sell(quantity=4)
    assert shop.charge() == Counter(succeeded=1, stopped=1)
    assert shop.column(too_many, "stopped_by") == "draw_sold_out"
    assert shop.state(fits) == "succeeded"


def test_a_draw_with_a_limit_is_not_oversold(shop: Shop, sandbox: SandboxServer) -> None:
    shop.conn.execute("update portal.draw set max_entries = 3")
    shop.sell(token="tok_soft_forever-#")
    shop.sell(count=6)
    # one is declined and two are paid: nobody else is charged before that is known
    assert shop.charge(concurrency=4) == Counter(retry_wait=1, succeeded=2)
    shop.later(minutes=5)
    assert shop.charge(concurrency=4) == Counter(succeeded=1)
    shop.later(days=1)
    assert shop.charge() == Counter(stopped=4)
    assert sandbox.attempts().count("approved") == 3
    assert attribute_paid(shop.conn, now=shop.now, actor="test") == Counter(attributed=3)


def test_an_order_whose_product_is_gone_is_not_charged(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell()
    shop.conn.execute("delete from portal.draw_product")
    assert shop.charge() == Counter(stopped=1)
    assert (shop.column(payment, "stopped_by"), sandbox.attempts()) == ("unknown_product", [])


def test_a_card_that_was_declined_too_often_in_30_days_is_left_alone(shop: Shop, sandbox: SandboxServer) -> None:
    for _ in range(3):
        shop.sell(token="tok_hard-one-card")
        shop.charge(declines_allowed=3)
        shop.later(days=1)
    (payment,) = shop.sell(token="tok_hard-one-card")
    (other,) = shop.sell(token="tok_hard-another-card")
    assert shop.charge(declines_allowed=3) == Counter(stopped=1, failed_hard=1)
    assert shop.column(payment, "stopped_by") == "card_declined_too_often"
    assert shop.column(other, "stopped_by") == "stolen_card"
    shop.later(days=30)
    (later,) = shop.sell(token="tok_hard-one-card")
    shop.charge(declines_allowed=3)
    assert shop.column(later, "stopped_by") == "stolen_card"


def test_two_sweeps_at_once_charge_each_payment_once(shop: Shop, database: str, sandbox: SandboxServer) -> None:
    payments = shop.sell(count=60)
    results = at_once(database, lambda conn: charge_due(shop.till(conn=conn, concurrency=4)))
    assert sum(results, Counter()) == Counter(succeeded=60)
    assert len(sandbox.attempts()) == len(payments)


def test_due_by_charges_earlier_and_each_payment_once(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    shop.charge()
    shop.later(minutes=1)
    later = shop.now + timedelta(days=10)
    assert charge_due(shop.till(), due_by=later) == Counter(retry_wait=1)
    assert len(issuer(shop, sandbox, payment)) == 2


def test_only_the_named_import_is_charged(shop: Shop) -> None:
    (first,) = shop.sell()
    (second,) = shop.sell()
    charge_due(shop.till(), import_id=shop.column(second, "import_id"))
    assert (shop.state(first), shop.state(second)) == ("due", "succeeded")

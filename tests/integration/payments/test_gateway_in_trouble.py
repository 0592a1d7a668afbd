"""A gateway that is away, refuses our key or repeats errors: no payment loses an attempt or waits for another."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.gateways import SandboxServer
from tests.paying import DRAW_CLOSES, Shop
from tillflow.payments.gateway import GatewayUnusableError
from tillflow.payments.line import GatewayAwayError


def test_a_rate_limit_uses_no_attempt(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_429")
    assert shop.charge() == Counter(due=1)
    assert shop.column(payment, "tries") == 0
    shop.later(minutes=5)
    assert shop.charge() == Counter(succeeded=1)
    assert [outcome for outcome, _ in shop.attempts(payment)] == ["not_processed", "approved"]


def test_a_gateway_that_is_away_loses_nothing_and_is_not_asked_for_every_payment(
    shop: Shop, sandbox: SandboxServer
) -> None:
    payments = shop.sell(count=100)
    sandbox.kill()
    try:
        with pytest.raises(GatewayAwayError, match="does not answer"):
            shop.charge()
    finally:
        sandbox.start()
    assert {shop.state(payment) for payment in payments} == {"due"}
    tried = sum(len(shop.attempts(payment)) for payment in payments)
    assert 0 < tried < 20
    shop.later(minutes=5)
    assert shop.charge() == Counter(succeeded=100)


def test_errors_that_the_gateway_repeats_for_a_day_keep_no_other_payment_from_being_charged(
    shop: Shop, sandbox: SandboxServer
) -> None:
    broken = shop.sell(token="tok_script__500_after.ok-#", count=12)
    assert shop.charge(concurrency=1) == Counter(unknown=12)
    (payment,) = shop.sell()
    shop.later(minutes=15)
    assert shop.charge(concurrency=1) == Counter(unknown=12, succeeded=1)
    assert shop.state(payment) == "succeeded"
    shop.later(hours=23)
    assert shop.charge(concurrency=1) == Counter(succeeded=12)
    assert {shop.state(one) for one in broken} == {"succeeded"}
    assert sandbox.attempts() == ["approved"] * 13


def test_what_a_dead_worker_never_sent_is_stopped_by_a_draw_that_has_closed_meanwhile(
    shop: Shop, sandbox: SandboxServer
) -> None:
    shop.now = DRAW_CLOSES - timedelta(hours=1)
    (payment,) = shop.sell()
    register = shop.gateway.prepare

    def die(_order: object) -> Any:
        raise KeyboardInterrupt

    shop.gateway.prepare = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        shop.charge()
    shop.gateway.prepare = register  # type: ignore[method-assign]
    assert shop.state(payment) == "in_flight"
    shop.later(hours=2)
    assert shop.charge() == Counter(due=1)
    shop.later(minutes=5)
    assert shop.charge() == Counter(stopped=1)
    assert (shop.column(payment, "stopped_by"), sandbox.attempts()) == ("draw_closed", [])


def test_a_lookup_that_is_not_let_in_leaves_the_payment_as_it_was(shop: Shop, sandbox: SandboxServer) -> None:
    (payment,) = shop.sell(token="tok_script__500_after.ok")
    assert shop.charge() == Counter(unknown=1)
    shop.later(hours=23)
    with pytest.raises(GatewayUnusableError):
        shop.charge(gateway=sandbox.gateway(api_key="sk_sandbox_bad"))
    assert (shop.state(payment), shop.column(payment, "leased_until")) == ("unknown", None)
    shop.later(minutes=10)
    assert shop.charge() == Counter(succeeded=1)


def test_a_key_that_the_gateway_refuses_stops_the_run_and_uses_no_attempt(shop: Shop, sandbox: SandboxServer) -> None:
    payments = shop.sell(count=50)
    stranger = sandbox.gateway(api_key="sk_sandbox_bad")
    with pytest.raises(GatewayUnusableError, match="tillflow_payments"):
        shop.charge(gateway=stranger)
    assert {shop.state(payment) for payment in payments} == {"due"}
    assert {shop.column(payment, "tries") for payment in payments} == {0}
    assert sandbox.attempts() == []
    shop.later(minutes=5)
    assert shop.charge() == Counter(succeeded=50)

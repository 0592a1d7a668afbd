"""The adapter against localstripe: a Stripe nobody here wrote, and one that ignores idempotency keys."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateways import make_order
from tillflow.payments.gateway import Approved, Declined, GatewayUnusableError, Order, Prepared
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.settings import REPOSITORY

KEY = "sk_test_localstripe"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-P", str(REPOSITORY / "tests" / "peers" / "localstripe_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            printed = server.stdout.readline().strip()
            assert printed, "localstripe does not start"
            yield printed
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture
def gateway(address: str) -> StripeGateway:
    return StripeGateway(KEY, address)


def charges_of(address: str, intent: str) -> list[str]:
    """The states of the charges localstripe itself has."""
    request = urllib.request.Request(f"{address}/v1/charges?limit=100", headers={"Authorization": f"Bearer {KEY}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=10) as answer:
        listed = json.load(answer)["data"]
    return [charge["status"] for charge in listed if charge["payment_intent"] == intent]


def prepared(gateway: StripeGateway, token: str = "pm_card_visa") -> tuple[Order, Prepared]:
    order = make_order(token)
    made = gateway.prepare(order)
    assert isinstance(made, Prepared)
    return order, made


def test_preparing_charges_nothing(gateway: StripeGateway, address: str) -> None:
    _order, made = prepared(gateway)
    assert charges_of(address, made.intent) == []
    assert gateway.look_up(made, datetime.now(UTC) - timedelta(hours=1)) is None


def test_a_charge_sent_twice_is_one_charge(gateway: StripeGateway, address: str) -> None:
    order, made = prepared(gateway)
    first = gateway.charge(order, made, "the same key")
    assert isinstance(first, Approved)
    assert gateway.charge(order, made, "the same key") == first
    assert charges_of(address, made.intent) == ["succeeded"]


def test_a_charge_under_another_key_is_still_one_charge(gateway: StripeGateway, address: str) -> None:
    order, made = prepared(gateway)
    said = {gateway.charge(order, made, f"{order.key}/{n}") for n in range(4)}
    assert len(said) == 1
    assert isinstance(said.pop(), Approved)
    assert charges_of(address, made.intent) == ["succeeded"]


def test_a_lookup_finds_the_charge(gateway: StripeGateway) -> None:
    order, made = prepared(gateway)
    before = datetime.now(UTC)
    assert gateway.charge(order, made, order.key) == gateway.look_up(made, before)


def test_a_card_that_is_declined_when_charged(gateway: StripeGateway, address: str) -> None:
    order, made = prepared(gateway, "pm_card_chargeCustomerFail")
    before = datetime.now(UTC)
    assert gateway.charge(order, made, order.key) == Declined("card_declined", is_soft=False)
    assert charges_of(address, made.intent) == ["failed"]
    assert gateway.look_up(made, before) is None  # "declined" alone decides nothing


def test_a_card_that_is_declined_when_attached(gateway: StripeGateway) -> None:
    declined = gateway.prepare(make_order("pm_card_visa_chargeDeclined"))
    assert declined == Declined("card_declined", is_soft=False)


def test_a_token_nobody_made_is_refused(gateway: StripeGateway) -> None:
    assert gateway.prepare(make_order("pm_nobody")) == Declined("invalid_request", is_soft=False)
    assert gateway.prepare(make_order("tok_nobody")) == Declined("invalid_request", is_soft=False)


def test_a_refund(gateway: StripeGateway) -> None:
    order, made = prepared(gateway)
    charge = gateway.charge(order, made, order.key)
    assert isinstance(charge, Approved)
    assert isinstance(gateway.refund(charge.reference, order.amount_minor, f"{order.key}/refund"), Approved)


def test_a_key_of_another_kind_is_not_let_in(address: str) -> None:
    with pytest.raises(GatewayUnusableError):
        StripeGateway("pk_x", address).prepare(make_order("pm_card_visa"))

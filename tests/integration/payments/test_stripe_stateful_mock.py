"""The SDK and our reading of its answers against stripe-stateful-mock: keys and declines as somebody else sees them.

It has the Charges API only, so the calls are made here; connection, classification and refunds are the adapter's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.node_peers import fetched_peers
from tillflow.payments.gateway import Approved, Declined, GatewayUnusableError, NotProcessed, Outcome, Unknown
from tillflow.payments.stripe_answers import is_replay, outcome_of_error
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.payments.stripe_http import PooledClient
from tillflow.settings import REPOSITORY

API_KEY = "sk_test_mock"
SOFT = Declined("insufficient_funds", is_soft=True)


@pytest.fixture(scope="session")
def peers() -> tuple[Path, Path]:
    """Fetched once; where a registry is out of reach, that is found out once."""
    return fetched_peers()


@pytest.fixture
def address(peers: tuple[Path, Path]) -> Iterator[str]:
    """A server of this test's own: all secret keys share one account there."""
    node, folder = peers
    command = [str(node), str(REPOSITORY / "tests" / "peers" / "stateful_mock_server.js"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            printed = server.stdout.readline().strip()
            assert printed, "stripe-stateful-mock does not start"
            yield printed
        finally:
            server.terminate()
            server.wait(10)


class Shop:
    """Charges tokens by the Charges API."""

    def __init__(self, address: str, api_key: str = API_KEY) -> None:
        http = PooledClient(address, connect_timeout=3, read_timeout=10)
        client = stripe.StripeClient(api_key, base_addresses={"api": address}, http_client=http, max_network_retries=0)
        self.charges = client.v1.charges
        self.replayed = False

    def charge(self, token: str, key: str, amount: int = 2500) -> Outcome:
        self.replayed = False
        given: Any = {"amount": amount, "currency": "aud", "source": token}
        try:
            return Approved(self.charges.create(given, {"idempotency_key": key}).id)
        except stripe.StripeError as error:
            self.replayed = is_replay(error)
            return outcome_of_error(error)

    def number_of_charges(self) -> int:
        return len(self.charges.list({"limit": 100}).data)


@pytest.fixture
def shop(address: str) -> Shop:
    return Shop(address)


def test_one_key_is_one_charge(shop: Shop) -> None:
    first = shop.charge("tok_visa", "key")
    assert isinstance(first, Approved)
    assert shop.charge("tok_visa", "key") == first
    assert shop.charge("tok_visa", "another key") != first
    assert shop.number_of_charges() == 2


def test_a_key_repeats_its_decline_and_a_new_one_tries_again(shop: Shop) -> None:
    chain = "tok_chargeDeclinedInsufficientFunds|tok_visa"
    assert shop.charge(chain, "attempt 1") == SOFT
    assert not shop.replayed
    assert shop.charge(chain, "attempt 1") == SOFT
    assert shop.replayed
    assert isinstance(shop.charge(chain, "attempt 2"), Approved)


def test_other_parameters_under_a_key_decide_nothing(shop: Shop) -> None:
    shop.charge("tok_visa", "key")
    assert shop.charge("tok_visa", "key", amount=2600) == Unknown("IdempotencyError 400")
    assert shop.number_of_charges() == 1


def test_a_500_is_remembered_and_a_429_is_not(shop: Shop) -> None:
    chain = "tok_500|tok_429|tok_chargeDeclinedInsufficientFunds|tok_visa"
    assert shop.charge(chain, "attempt 1") == Unknown("APIError 500")
    assert shop.charge(chain, "attempt 1") == Unknown("APIError 500 (replayed)")
    assert isinstance(shop.charge(chain, "attempt 2"), NotProcessed)
    assert shop.charge(chain, "attempt 2") == SOFT
    assert isinstance(shop.charge(chain, "attempt 3"), Approved)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("tok_chargeDeclined", Declined("generic_decline", is_soft=True)),
        ("tok_chargeDeclinedInsufficientFunds", SOFT),
        ("tok_chargeDeclinedFraudulent", Declined("fraudulent", is_soft=False)),
        ("tok_chargeDeclinedIncorrectCvc", Declined("incorrect_cvc", is_soft=False)),
        ("tok_chargeDeclinedExpiredCard", Declined("expired_card", is_soft=False)),
        ("tok_chargeDeclinedProcessingError", Declined("processing_error", is_soft=True)),
    ],
)
def test_a_decline(shop: Shop, token: str, expected: Outcome) -> None:
    assert shop.charge(token, "key") == expected


def test_a_refund_sent_twice_gives_back_once(address: str) -> None:
    charge = Shop(address).charge("tok_visa", "key")
    assert isinstance(charge, Approved)
    gateway = StripeGateway(API_KEY, address)
    first = gateway.refund(charge.reference, 2500, "refund")
    assert isinstance(first, Approved)
    assert gateway.refund(charge.reference, 2500, "refund") == first
    assert gateway.refund(charge.reference, 2500, "another key") == first
    assert gateway.refund(charge.reference, 100, "a third") == Declined("charge_already_refunded", is_soft=False)


def test_nobody_comes_in_without_a_secret_key(address: str) -> None:
    with pytest.raises(GatewayUnusableError):
        Shop(address, "pk_test_public").charge("tok_visa", "key")

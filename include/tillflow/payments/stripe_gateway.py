"""Stripe, and everything that speaks like it: the sandbox is reached by this very code.

One PaymentIntent per payment, made unconfirmed and confirmed by each attempt: it can succeed only once,
whatever is sent twice and under whichever key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import stripe

from tillflow.payments.gateway import (
    Approved,
    Capabilities,
    Declined,
    Gateway,
    NotProcessed,
    Order,
    Outcome,
    Prepared,
    Unknown,
)
from tillflow.payments.stripe_answers import (
    UNEXPECTED_STATE,
    code_of,
    id_of,
    is_replay,
    outcome_of_charges,
    outcome_of_error,
    outcome_of_intent,
)
from tillflow.payments.stripe_http import PooledClient

#: Stripe forgets a key after 24 hours; an hour is left for clocks and queues
KEY_LIFE: Final = timedelta(hours=23)

#: Stripe counts ISK and UGX in hundredths, of which ISO 4217 has none, and MGA, of which it has some, whole
#: (https://docs.stripe.com/currencies): charged as they stand, they would be a hundredth or a hundred times the price
_OTHER_MINOR_UNITS: Final = frozenset({"ISK", "MGA", "UGX"})
_MOST_CHARGES: Final = 100
_MOST_TURNS: Final = 6

stripe.enable_telemetry = False


class StripeGateway(Gateway):
    """A Gateway over the official SDK. Thread-safe. Timeouts in seconds."""

    def __init__(
        self,
        api_key: str,
        api_base: str = "https://api.stripe.com",
        *,
        connect_timeout: float = 3.0,
        read_timeout: float = 20.0,
        clock_skew: timedelta = timedelta(minutes=1),
    ) -> None:
        self._http = PooledClient(api_base, connect_timeout=connect_timeout, read_timeout=read_timeout)
        self._api = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base.rstrip("/")},
            http_client=self._http,
            max_network_retries=0,  # a second try is the payment's decision, under the payment's key
        ).v1
        self._clock_skew = clock_skew

    @property
    def capabilities(self) -> Capabilities:
        """Keys for 23 hours, and lookup by list."""
        return Capabilities(key_life=KEY_LIFE, can_look_up=True)

    def close(self) -> None:
        """Close the connections; the gateway may still be used and opens new ones."""
        self._http.close()

    def prepare(self, order: Order) -> Prepared | Declined | NotProcessed:
        """Make the customer, the attached payment method and the unconfirmed intent; charges nothing."""
        if order.currency.upper() in _OTHER_MINOR_UNITS:
            return Declined("currency_not_supported", is_soft=False)
        try:
            customer, method = self._attached_method(order)
            return Prepared(self._intent(order, customer, method), method)
        except Exception as error:
            outcome = outcome_of_error(error)
        if isinstance(outcome, NotProcessed | Unknown):
            # nothing was charged, so what is unknown of a charge is here just not done
            return NotProcessed(outcome.problem, outcome.is_answered)
        return outcome if isinstance(outcome, Declined) else NotProcessed("")

    def charge(self, order: Order, prepared: Prepared, key: str) -> Outcome:
        """Confirm the payment's intent off-session; `order` is not sent again."""
        try:
            intent = self._api.payment_intents.confirm(
                prepared.intent,
                {"payment_method": prepared.method, "off_session": True},
                {"idempotency_key": key},
            )
            return outcome_of_intent(intent, prepared.intent)
        except stripe.InvalidRequestError as error:
            return self._refused_charge(prepared, error)
        except Exception as error:
            return outcome_of_error(error)

    def look_up(self, prepared: Prepared, since: datetime) -> Approved | Declined | Unknown | None:
        """List the intent's charges (the search lags behind by minutes) and judge them."""
        try:
            found = self._api.charges.list({"payment_intent": prepared.intent, "limit": _MOST_CHARGES})
            return outcome_of_charges(found.data, (since - self._clock_skew).timestamp())
        except Exception as error:
            outcome = outcome_of_error(error)
            return None if isinstance(outcome, Approved | Declined) else Unknown(outcome.problem, outcome.is_answered)

    def refund(self, reference: str, amount_minor: int, key: str) -> Outcome:
        """Give money back. A refund that Stripe has accepted and not yet paid out counts as given."""
        try:
            refund = self._api.refunds.create(
                {**_charge_or_intent(reference), "amount": amount_minor, "metadata": {"refund": key}},
                {"idempotency_key": key},
            )
            return _outcome_of_refund(refund)
        except stripe.InvalidRequestError as error:
            if code_of(error) == "charge_already_refunded":
                return self._earlier_refund(reference, amount_minor)
            return outcome_of_error(error)
        except Exception as error:
            return outcome_of_error(error)

    def _attached_method(self, order: Order) -> tuple[str, str]:
        """(customer, payment method attached to it): a detached one cannot be charged again tomorrow."""
        buyer: Any = {"metadata": {"payment": order.key}}
        customer = _named(self._once(f"{order.key}-customer", lambda key: self._api.customers.create(buyer, key)))
        token = order.card_token
        if not token.startswith("pm_"):
            card: Any = {"type": "card", "card": {"token": token}}
            token = _named(self._once(f"{order.key}-method", lambda key: self._api.payment_methods.create(card, key)))
        try:
            method = self._once(
                f"{order.key}-attach",
                lambda key: self._api.payment_methods.attach(token, {"customer": customer}, key),
            )
        except stripe.InvalidRequestError:
            # a saved card that pays a second order has its customer already: the payment is that customer's
            method = self._api.payment_methods.retrieve(token)
            if not id_of(method.customer):
                raise
        return _named(method.customer), _named(method)

    def _intent(self, order: Order, customer: str, method: str) -> str:
        parameters: Any = {
            "amount": order.amount_minor,
            "currency": order.currency.lower(),
            "customer": customer,
            "payment_method": method,
            "payment_method_types": ["card"],  # cards only: nothing that sends the buyer to another page
            "metadata": {"payment": order.key, "order": order.label},
        }
        create = self._api.payment_intents.create
        return _named(self._once(f"{order.key}-intent", lambda key: create(parameters, key)))

    @staticmethod
    def _once(key: str, call: Callable[[Any], Any]) -> Any:
        """Call under `key`, or under a later one of its series where Stripe only repeats an old failure.

        Stripe replays a 500 or a decline for a day. Nothing is charged here, so going on is safe, and the
        series is the same in every process.
        """
        for turn in range(1, _MOST_TURNS):
            try:
                return call({"idempotency_key": key if turn == 1 else f"{key}-{turn}"})
            except stripe.StripeError as error:
                if not (is_replay(error) and _may_pass(error)):
                    raise
        return call({"idempotency_key": f"{key}-{_MOST_TURNS}"})

    def _refused_charge(self, prepared: Prepared, error: stripe.InvalidRequestError) -> Outcome:
        """A refused confirmation may mean "has succeeded already": the intent knows."""
        refused = outcome_of_error(error)
        try:
            intent = self._api.payment_intents.retrieve(prepared.intent)
        except stripe.InvalidRequestError:
            return refused  # there is no such intent, hence no charge
        except Exception as other:
            found = outcome_of_error(other)
            return found if isinstance(found, Unknown) else Unknown("refused, and the intent cannot be read")
        found = outcome_of_intent(intent, prepared.intent)
        if isinstance(found, Approved | Declined) or code_of(error) == UNEXPECTED_STATE:
            return found
        return found if getattr(intent, "status", "") == "processing" else refused

    def _earlier_refund(self, reference: str, amount_minor: int) -> Outcome:
        try:
            found: Any = self._api.refunds.list({**_charge_or_intent(reference), "limit": _MOST_CHARGES})
            for refund in found.data:
                outcome = _outcome_of_refund(refund)
                if isinstance(outcome, Approved) and refund.amount == amount_minor:
                    return outcome
        except Exception as error:
            outcome = outcome_of_error(error)
            return outcome if isinstance(outcome, Unknown) else Unknown("refunded, and the refunds cannot be read")
        return Declined("charge_already_refunded", is_soft=False)


def _charge_or_intent(reference: str) -> Mapping[str, str]:
    return {"payment_intent" if reference.startswith("pi_") else "charge": reference}


def _outcome_of_refund(refund: Any) -> Outcome:
    status = getattr(refund, "status", None)
    if status in {"succeeded", "pending"} and id_of(refund):
        return Approved(id_of(refund))
    if status in {"failed", "canceled", "requires_action"}:
        return Declined(f"refund_{status}", is_soft=False)
    return Unknown("the answer is not a refund")


def _may_pass(error: stripe.StripeError) -> bool:
    """Whether a failure may be gone by now: a server's error, or a soft decline of the card's check."""
    if (error.http_status or 0) >= 500:
        return True
    outcome = outcome_of_error(error) if isinstance(error, stripe.CardError) else None
    return isinstance(outcome, Declined) and outcome.is_soft


def _named(thing: Any) -> str:
    name = id_of(thing)
    if not name:
        raise ValueError("the gateway's answer names nothing")
    return name

"""What Tillflow needs of a payment gateway, and what a gateway can answer.

A payment is registered once (`prepare`) and charged by attempts (`charge`). An attempt has a key of its own;
sending it again under the same key is the same attempt, and never a second charge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from tillflow.errors import TillflowError


class GatewayUnusableError(TillflowError):
    """The gateway lets nobody in (wrong key, no rights): the run stops, no payment loses an attempt."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do, which decides how an unknown outcome is settled."""

    #: how long it remembers an idempotency key; afterwards the same key would charge again
    key_life: timedelta
    #: whether it can tell later what became of a charge
    can_look_up: bool


@dataclass(frozen=True, slots=True)
class Order:
    """One payment as the gateway sees it. `amount_minor` in minor units of `currency` (ISO 4217)."""

    payment_id: int
    #: the payment's own key, the same for ever: what is registered twice under it is registered once
    key: str
    #: the buyer's order, for the people who look at the gateway's pages; no personal data
    label: str
    card_token: str = field(repr=False)
    amount_minor: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The gateway's names for a payment that is registered and not charged."""

    intent: str
    method: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The money was taken; `reference` is the gateway's name for the charge."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The money was not taken; `code` is the gateway's decline code. Only a soft decline may be tried again."""

    code: str
    is_soft: bool


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """The request certainly did nothing (not connected, rate limited): no attempt was used.

    `is_answered`: as in Unknown.
    """

    problem: str
    is_answered: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody here knows whether the request did anything: ask again under the same key.

    `is_answered`: the gateway works, and it is this payment alone of which it cannot say more yet.
    """

    problem: str
    is_answered: bool = field(default=False, compare=False)


Outcome = Approved | Declined | NotProcessed | Unknown


class Gateway(Protocol):
    """Thread-safe. No method raises but GatewayUnusableError; no answer holds personal data or a token."""

    @property
    def capabilities(self) -> Capabilities:
        """What this gateway can do."""

    def prepare(self, order: Order) -> Prepared | Declined | NotProcessed:
        """Register a payment and its card without charging; safe to repeat, whatever went wrong before."""

    def charge(self, order: Order, prepared: Prepared, key: str) -> Outcome:
        """Charge a prepared payment in the attempt `key`; under the same key it is the same attempt."""

    def look_up(self, prepared: Prepared, since: datetime) -> Approved | Declined | Unknown | None:
        """What became of the payment's charge attempted at `since` or later.

        None where the gateway cannot tell, Unknown where it did not answer.
        """

    def refund(self, reference: str, amount_minor: int, key: str) -> Outcome:
        """Give money of the charge `reference` back; under the same key it is the same refund."""

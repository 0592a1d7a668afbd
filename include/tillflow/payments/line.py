"""The line to the gateway during one sweep: only so many calls at once, and none once it is known to be dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from threading import BoundedSemaphore
from typing import Final, TypeVar

from tillflow.errors import UnavailableError
from tillflow.payments.charge import Till
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
from tillflow.payments.workers import work_off

T = TypeVar("T")
A = TypeVar("A")
#: while one worker waits for the gateway's answer, another writes the last one down
_WORKERS_PER_CALL: Final = 2
#: so many calls in a row without an answer mean that the gateway is away, not that a payment is odd
_AWAY: Final = 10


class GatewayAwayError(UnavailableError):
    """The gateway does not answer: no payment lost an attempt, the next sweep goes on."""


class Line(Gateway):
    """`gateway`, with at most `calls` under way. Threads that wait for the database hold none of them."""

    def __init__(self, gateway: Gateway, calls: int) -> None:
        self._gateway = gateway
        self._turn = BoundedSemaphore(calls)
        # Without a lock: threads may lose a count, and then the line is found dead a call later.
        self._unanswered = 0

    @property
    def capabilities(self) -> Capabilities:
        """The gateway's."""
        return self._gateway.capabilities

    def prepare(self, order: Order) -> Prepared | Declined | NotProcessed:
        """As the gateway, when it is our turn."""
        return self._noted(lambda: self._gateway.prepare(order))

    def charge(self, order: Order, prepared: Prepared, key: str) -> Outcome:
        """As the gateway, when it is our turn."""
        return self._noted(lambda: self._gateway.charge(order, prepared, key))

    def look_up(self, prepared: Prepared, since: datetime) -> Approved | Declined | Unknown | None:
        """As the gateway, when it is our turn."""
        return self._noted(lambda: self._gateway.look_up(prepared, since))

    def refund(self, reference: str, amount_minor: int, key: str) -> Outcome:
        """As the gateway, when it is our turn."""
        return self._noted(lambda: self._gateway.refund(reference, amount_minor, key))

    def check(self) -> None:
        """Raise GatewayAwayError where the last calls all had no answer."""
        if self._unanswered >= _AWAY:
            raise GatewayAwayError(
                "the payment gateway does not answer; nothing was lost, the next sweep goes on."
                " Check the connection tillflow_payments."
            )

    def _noted(self, call: Callable[[], A]) -> A:
        with self._turn:
            answer = call()
        is_unanswered = isinstance(answer, NotProcessed | Unknown) and not answer.is_answered
        self._unanswered = self._unanswered + 1 if is_unanswered else 0
        return answer


def sweep_off(till: Till, claim: Callable[[int], Sequence[T]], handle: Callable[[Till, T], str]) -> Counter[str]:
    """Handle whatever `claim(most)` hands out, `till.concurrency` calls to the gateway at once; counts by state.

    Raises GatewayAwayError once the gateway is known to be away; what is claimed by then is put back first.
    """
    line = Line(till.gateway, till.concurrency)
    on_the_line = replace(till, gateway=line)

    def claim_while_it_answers(most: int) -> Sequence[T]:
        line.check()
        return claim(most)

    result = work_off(
        claim_while_it_answers, lambda item: handle(on_the_line, item), _WORKERS_PER_CALL * till.concurrency
    )
    line.check()
    return result

"""Five ways to get payments wrong that look right. The matrix must catch each of them.

A mutant changes the code of the process that calls it, for good: a sweep's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tillflow.db.queries import load
from tillflow.payments import charge, claims, settlement
from tillflow.payments.gateway import Declined, Unknown
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.settings import REPOSITORY


def random_key_per_send() -> None:
    """Every request has a key, and a request that is sent again has another one."""
    _charge_under(lambda order, key: str(uuid4()))


def no_key() -> None:
    """The gateway makes up a key of its own for each request, as Stripe does where none is given."""
    original = StripeGateway.charge

    def charged(self: StripeGateway, order: Any, prepared: Any, key: str) -> Any:
        post = self._http.request

        def without(method: str, url: str, headers: Any, post_data: Any = None, **usage: Any) -> Any:
            kept = {name: value for name, value in (headers or {}).items() if name.lower() != "idempotency-key"}
            return post(method, url, kept, post_data, **usage)

        self._http.request = without  # type: ignore[method-assign]
        try:
            return original(self, order, prepared, key)
        finally:
            self._http.request = post  # type: ignore[method-assign]

    StripeGateway.charge = charged  # type: ignore[method-assign]


def one_key_per_payment() -> None:
    """The retry of tomorrow has the key of today, so that the gateway repeats today's decline."""
    _charge_under(lambda order, key: f"{order.key}-charge")


def unknown_is_soft() -> None:
    """No answer counts as a decline that may be tried again."""
    original = settlement.settle_answer

    def settled(answer: Any, **given: Any) -> Any:
        return original(Declined("processing_error", is_soft=True) if isinstance(answer, Unknown) else answer, **given)

    charge.settle_answer = settled  # type: ignore[assignment]


def attempt_written_after_the_call() -> None:
    """Nothing is written before the gateway has answered; who finds a dead worker's payment knows of no attempt."""
    queries = load(REPOSITORY / "tests" / "faults" / "attempt_written_after.sql")
    for name in ("claim_due", "claim_unknown", "settle"):
        setattr(claims._SQL, name, getattr(queries, name))


def _charge_under(key_of: Callable[[Any, str], str]) -> None:
    original = StripeGateway.charge

    def charged(self: StripeGateway, order: Any, prepared: Any, key: str) -> Any:
        return original(self, order, prepared, key_of(order, key))

    StripeGateway.charge = charged  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        random_key_per_send, no_key, one_key_per_payment, unknown_is_soft, attempt_written_after_the_call,
    )
}  # fmt: skip

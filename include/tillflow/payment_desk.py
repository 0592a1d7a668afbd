"""Where a person decides about a payment: their grant first, then the decision. Grants and payments meet here.

The DAG `decide_payment` calls this; so may a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillflow.codes import Capability
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.payments import decisions
from tillflow.portal.grants import may

_SQL: Final = beside(__file__, "payment_desk.sql")


class NoSuchPaymentError(TillflowError):
    """There is no payment with this number, or none of the person's own channels has it: nobody learns which."""

    def __init__(self, payment_id: int) -> None:
        super().__init__(f"there is no such payment: {payment_id}")


class Decision(StrEnum):
    """What can be decided without a card; another card's token has no place in a form that others can read."""

    APPROVE_FUNDS = "approve funds"
    RETURN_FUNDS = "return funds"
    EXPECT_FUNDS_AGAIN = "expect funds again"
    CHARGE_AGAIN = "charge again"
    REVIEW = "review"
    CONFIRM_CHARGED = "confirm charged"
    ABANDON = "abandon"
    REFUND = "refund"
    REFUND_AGAIN = "refund again"
    REFUND_BY_HAND = "refund by hand"
    CONFIRM_PAID_OUT = "confirm paid out"


_WITHOUT_REFERENCE: Final[Mapping[Decision, Callable[..., None]]] = {
    Decision.APPROVE_FUNDS: decisions.approve_funds,
    Decision.RETURN_FUNDS: decisions.return_funds,
    Decision.EXPECT_FUNDS_AGAIN: decisions.expect_funds_again,
    Decision.CHARGE_AGAIN: decisions.charge_again,
    Decision.REVIEW: decisions.review,
    Decision.ABANDON: decisions.cancel,
    Decision.REFUND: decisions.request_refund,
    Decision.REFUND_AGAIN: decisions.refund_again,
    Decision.REFUND_BY_HAND: decisions.refund_by_hand,
}
_WITH_REFERENCE: Final[Mapping[Decision, Callable[..., None]]] = {
    Decision.CONFIRM_CHARGED: decisions.confirm_charged,
    Decision.CONFIRM_PAID_OUT: decisions.confirm_paid_out,
}


#: decision -> the states of a payment in which a person may make it, as decisions.sql has them
_FROM_STATES: Final[Mapping[Decision, frozenset[str]]] = {
    Decision.APPROVE_FUNDS: frozenset({"received"}),
    Decision.RETURN_FUNDS: frozenset({"received"}),
    Decision.EXPECT_FUNDS_AGAIN: frozenset({"returned"}),
    Decision.CHARGE_AGAIN: frozenset({"needs_review", "failed_hard", "exhausted", "retry_wait"}),
    Decision.REVIEW: frozenset({"unknown"}),
    Decision.CONFIRM_CHARGED: frozenset({"needs_review"}),
    Decision.ABANDON: frozenset(
        {"due", "retry_wait", "needs_review", "failed_hard", "exhausted", "received", "returned"}
    ),
}
#: the same, of its refund
_FROM_REFUNDS: Final[Mapping[Decision, str]] = {
    Decision.REFUND_AGAIN: "refused",
    Decision.REFUND_BY_HAND: "refused",
    Decision.CONFIRM_PAID_OUT: "to_pay_out",
}
_PAID: Final = frozenset({"succeeded", "cleared"})


def ways_out(state: str, product_state: str, refund_state: str | None) -> tuple[Decision, ...]:
    """What a person can decide about a payment that stands like this; `decide` looks again when they have."""
    found = {decision for decision, states in _FROM_STATES.items() if state in states}
    found |= {decision for decision, wanted in _FROM_REFUNDS.items() if refund_state == wanted}
    if state in _PAID and product_state != "void":
        found.add(Decision.REFUND)
    return tuple(decision for decision in Decision if decision in found)


def needs_reference(decision: Decision) -> bool:
    """True where the decision confirms a charge or a transfer, which it must name."""
    return decision in _WITH_REFERENCE


def decide(
    conn: Connection,
    payment_id: int,
    decision: Decision,
    *,
    person: str,
    now: datetime,
    reason: str,
    reference: str = "",
    is_vouched_for: bool = False,
) -> None:
    """Carry out what `person` has decided; `reference` names the charge or the transfer where one is confirmed.

    `is_vouched_for`: the installation itself asks, no grant is looked up. Raises NoSuchPaymentError, also where the
    person may not (the history then says that they tried), NotNowError, BadDecisionError.
    """
    channel = _SQL.channel_of(conn, payment_id=payment_id)
    if channel is None:
        raise NoSuchPaymentError(payment_id)
    if not is_vouched_for and not may(conn, person, Capability.OFFLINE_SALES_ADMIN, channel=channel):
        _SQL.record_denied(conn, payment_id=payment_id, actor=person, decision=decision.value, now=now)
        raise NoSuchPaymentError(payment_id)
    if decision in _WITH_REFERENCE:
        _WITH_REFERENCE[decision](conn, payment_id, actor=person, now=now, reason=reason, reference=reference)
    else:
        _WITHOUT_REFERENCE[decision](conn, payment_id, actor=person, now=now, reason=reason)

"""Give money back that a card paid: the whole amount, once, however often this runs or dies.

The gateway refunds no more of a charge than was charged, so the same refund may be sent again at any time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tillflow.codes import RefundState
from tillflow.db.queries import beside
from tillflow.payments.charge import Till
from tillflow.payments.gateway import Approved, Declined, GatewayUnusableError, NotProcessed, Outcome
from tillflow.payments.line import sweep_off

_SQL: Final = beside(__file__, "refunds.sql")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    refund_id: int
    fence: int
    key: str
    amount_minor: int
    reference: str


def refund_due(till: Till) -> Counter[str]:
    """Send every refund that is due, or whose worker is gone; counts by state. Raises GatewayUnusableError."""

    def claim(most: int) -> Sequence[_Claim]:
        now = till.clock()
        rows = _SQL.claim(till.conn, now=now, leased_until=now + till.lease, most=most, actor=till.actor)
        return [_Claim(*row) for row in rows]

    def handle(till: Till, claimed: _Claim) -> str:
        try:
            answer = till.gateway.refund(claimed.reference, claimed.amount_minor, claimed.key)
        except GatewayUnusableError as error:
            _settle(till, claimed, NotProcessed(type(error).__name__))
            raise
        return _settle(till, claimed, answer)

    return sweep_off(till, claim, handle)


def _settle(till: Till, claimed: _Claim, answer: Outcome) -> str:
    now = till.clock()
    state, reference, code, next_at = RefundState.DUE, None, None, None
    match answer:
        case Approved(found):
            state, reference = RefundState.REFUNDED, found
        case Declined(reason):
            state, code = RefundState.REFUSED, reason
        case _:
            next_at = now + till.policy.ask_again_wait
    settled = _SQL.settle(
        till.conn,
        id=claimed.refund_id,
        fence=claimed.fence,
        state=state,
        reference=reference,
        stopped_by=code,
        next_attempt_at=next_at,
        now=now,
        actor=till.actor,
        reason=code or getattr(answer, "problem", "refunded"),
    )
    if settled != 1:
        log.warning("refund %s: another worker has settled it", claimed.refund_id)
        return "lost_to_another_worker"
    return state.value

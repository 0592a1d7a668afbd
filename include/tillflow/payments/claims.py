"""Claims on payments: who may charge one now, and what they write down about it.

Each call is one statement, so one autocommit connection serves all threads of a sweep. Whoever claims
a payment raises its fence; what an older claim writes afterwards finds another fence and does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillflow.codes import PaymentState
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.payments.gateway import Order, Prepared
from tillflow.payments.settlement import Settlement

_SQL: Final = beside(__file__, "claims.sql")


@dataclass(frozen=True, slots=True)
class Claim:
    """A payment that is ours until `leased_until`, and its open attempt."""

    order: Order
    fence: int
    leased_until: datetime
    tries: int
    prepared: Prepared | None
    attempt_key: str
    started_at: datetime
    #: the attempt may have been sent before we claimed it
    was_sent: bool


def claim_due(
    conn: Connection,
    *,
    now: datetime,
    began: datetime,
    due_by: datetime,
    leased_until: datetime,
    most: int,
    import_id: int | None,
    declines_allowed: int,
    actor: str,
) -> tuple[list[Claim], int, bool]:
    """Claim up to `most` payments that are due, oldest first, each with a new attempt.

    What `actor` itself has moved since it `began` is left alone: a sweep charges a payment once at most.
    Also returns how many were stopped instead, for a person: their draw has closed or is sold out, or their
    card was declined too often. And whether any row was looked at: one may just wait for another's outcome.
    """
    rows = list(
        _SQL.claim_due(
            conn,
            now=now,
            began=began,
            due_by=due_by,
            leased_until=leased_until,
            most=most,
            import_id=import_id,
            declines_allowed=declines_allowed,
            actor=actor,
        )
    )
    claims = [_claim(row, was_sent=False) for row in rows if row[0] == PaymentState.IN_FLIGHT]
    return claims, sum(row[0] == PaymentState.FAILED_HARD for row in rows), bool(rows)


def claim_unknown(conn: Connection, *, now: datetime, leased_until: datetime, most: int, actor: str) -> list[Claim]:
    """Claim up to `most` payments whose attempt nobody knows the outcome of, or whose worker is gone."""
    rows = _SQL.claim_unknown(conn, now=now, leased_until=leased_until, most=most, actor=actor)
    return [_claim(row, was_sent=True) for row in rows]


def save_prepared(conn: Connection, claim: Claim, prepared: Prepared) -> bool:
    """Keep the gateway's names before anything is charged under them; False if the payment is not ours any more."""
    saved: int = _SQL.save_prepared(
        conn, id=claim.order.payment_id, fence=claim.fence, intent=prepared.intent, method=prepared.method
    )
    return saved == 1


def settle(conn: Connection, claim: Claim, settlement: Settlement, *, now: datetime, actor: str) -> bool:
    """Write down what became of the attempt; False if the payment is not ours any more."""
    settled: int = _SQL.settle(
        conn,
        id=claim.order.payment_id,
        fence=claim.fence,
        state=settlement.state,
        outcome=settlement.outcome,
        code=settlement.code,
        reference=settlement.reference,
        next_attempt_at=settlement.next_attempt_at,
        stopped_by=settlement.stopped_by,
        tries=int(settlement.counts),
        paid_at=claim.started_at if settlement.state is PaymentState.SUCCEEDED else None,
        now=now,
        actor=actor,
    )
    return settled == 1


def _claim(row: tuple[object, ...], *, was_sent: bool) -> Claim:
    _state, payment_id, key, label, token, amount, currency, fence, lease, tries, intent, method, attempt, began = row
    order = Order(payment_id, str(key), label, token, amount, currency)  # type: ignore[arg-type]
    prepared = Prepared(intent, method) if intent is not None else None  # type: ignore[arg-type]
    return Claim(order, fence, lease, tries, prepared, str(attempt), began, was_sent)  # type: ignore[arg-type]

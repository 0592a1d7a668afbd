"""Carry one claimed payment through the gateway: register it, keep the names, charge, write down the answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tillflow.clock import Clock
from tillflow.db.connection import Connection
from tillflow.payments.claims import Claim, save_prepared, settle
from tillflow.payments.gateway import Gateway, GatewayUnusableError, NotProcessed, Outcome, Prepared
from tillflow.payments.schedule import RetryPolicy
from tillflow.payments.settlement import Settlement, settle_answer, settle_undecided

#: longer than waiting for a turn and the call itself take: with less of the lease left, nothing is sent any more
SEND_MARGIN: Final = timedelta(minutes=2)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Till:
    """What charging needs: the books, the gateway, the time, the rules."""

    conn: Connection
    gateway: Gateway
    clock: Clock
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 8
    #: declines of one card in 30 days that stop it
    declines_allowed: int = 15
    lease: timedelta = timedelta(minutes=10)
    actor: str = "retry_payments"


def charge(till: Till, claim: Claim) -> Settlement | None:
    """Send the claim's attempt and write down what came of it; None if the payment was not ours any more.

    Sending an attempt that was sent before is safe while the gateway remembers its key. Raises
    GatewayUnusableError after the payment was put back as it was.
    """
    with _put_back_where_nobody_is_let_in(till, claim):
        answer = _send(till, claim)
    if answer is None:
        return None
    return _write_down(till, claim, _settled(till, claim, answer))


def look_up(till: Till, claim: Claim) -> Settlement | None:
    """Ask what became of an attempt that was never sent, or whose key the gateway has forgotten; sends nothing.

    What was never sent is due again; what cannot be decided goes to a person. Raises GatewayUnusableError as `charge`.
    """
    if claim.prepared is None:  # its names are kept before the first charge: there was none
        return _write_down(till, claim, _settled(till, claim, NotProcessed("never sent")))
    can_look_up = till.gateway.capabilities.can_look_up
    with _put_back_where_nobody_is_let_in(till, claim):
        found = till.gateway.look_up(claim.prepared, claim.started_at) if can_look_up else None
    return _write_down(till, claim, settle_undecided() if found is None else _settled(till, claim, found))


def _send(till: Till, claim: Claim) -> Outcome | None:
    prepared = claim.prepared
    if prepared is None:
        if not _is_ours(till, claim):
            return None
        found = till.gateway.prepare(claim.order)
        if not isinstance(found, Prepared):
            return found
        if not save_prepared(till.conn, claim, found):
            return None
        prepared = found
    # A worker that slept past its lease must not wake up and charge: another one has been at it.
    return till.gateway.charge(claim.order, prepared, claim.attempt_key) if _is_ours(till, claim) else None


def _is_ours(till: Till, claim: Claim) -> bool:
    return till.clock() < claim.leased_until - SEND_MARGIN


@contextmanager
def _put_back_where_nobody_is_let_in(till: Till, claim: Claim) -> Iterator[None]:
    try:
        yield
    except GatewayUnusableError as error:
        _write_down(till, claim, _settled(till, claim, NotProcessed(type(error).__name__)))
        raise


def _settled(till: Till, claim: Claim, answer: Outcome) -> Settlement:
    # What had no names at the gateway when it was claimed had not been charged by anybody before.
    was_sent = claim.was_sent and claim.prepared is not None
    return settle_answer(answer, tries=claim.tries, policy=till.policy, now=till.clock(), was_sent=was_sent)


def _write_down(till: Till, claim: Claim, settlement: Settlement) -> Settlement | None:
    if settle(till.conn, claim, settlement, now=till.clock(), actor=till.actor):
        return settlement
    log.warning("payment %s: another worker has settled it", claim.order.payment_id)
    return None

"""One sweep over the payments: charge what is due, settle what nobody knows the outcome of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from tillflow.payments.charge import Till, charge, look_up
from tillflow.payments.claims import Claim, claim_due, claim_unknown
from tillflow.payments.line import sweep_off
from tillflow.payments.settlement import Settlement


def charge_due(till: Till, *, due_by: datetime | None = None, import_id: int | None = None) -> Counter[str]:
    """Charge every payment that is due, by `due_by` (default: now), of one import or of all.

    Counts by state what became of them; `stopped` counts those whose draw or card did not allow a charge.
    Raises GatewayUnusableError, GatewayAwayError; payments that were claimed are put back before.
    """
    stopped, began = 0, till.clock()

    def claim(most: int) -> Sequence[Claim]:
        nonlocal stopped
        while True:
            now = till.clock()
            claims, stopped_now, looked_at_any = claim_due(
                till.conn,
                now=now,
                began=began,
                due_by=due_by or now,
                leased_until=now + till.lease,
                most=most,
                import_id=import_id,
                declines_allowed=till.declines_allowed,
                actor=till.actor,
            )
            stopped += stopped_now
            if claims or not looked_at_any:
                return claims

    result = sweep_off(till, claim, lambda till, claimed: _state(charge(till, claimed)))
    if stopped:
        result["stopped"] = stopped
    return result


def settle_unknown(till: Till) -> Counter[str]:
    """Find out what became of every attempt without an outcome; counts by state.

    While the gateway remembers the attempt's key, the same attempt is sent again; later it is looked up,
    and what cannot be decided goes to a person. What was never sent is due again, so that a draw that has closed
    meanwhile stops it. Nothing here is a new charge.
    """

    def claim(most: int) -> Sequence[Claim]:
        now = till.clock()
        return claim_unknown(till.conn, now=now, leased_until=now + till.lease, most=most, actor=till.actor)

    return sweep_off(till, claim, lambda till, claimed: _state(_settle(till, claimed)))


def _settle(till: Till, claim: Claim) -> Settlement | None:
    age = till.clock() - claim.started_at
    if claim.prepared is None or age >= till.gateway.capabilities.key_life:
        return look_up(till, claim)
    return charge(till, claim)


def _state(settlement: Settlement | None) -> str:
    return settlement.state.value if settlement else "lost_to_another_worker"

"""What an answer of the gateway means for the payment: its next state, its next time, its attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillflow.codes import PaymentState
from tillflow.payments.gateway import Approved, Declined, NotProcessed, Outcome, Unknown
from tillflow.payments.schedule import RetryPolicy


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to write down. `outcome` is None while the attempt stays open; `counts`: it used one of the tries."""

    state: PaymentState
    outcome: str | None = None
    code: str | None = None
    reference: str | None = None
    next_attempt_at: datetime | None = None
    stopped_by: str | None = None

    @property
    def counts(self) -> bool:
        """Whether the bank was asked, so that one of the tries is used."""
        return self.outcome in {"soft_declined", "hard_declined", "approved"}


def settle_answer(answer: Outcome, *, tries: int, policy: RetryPolicy, now: datetime, was_sent: bool) -> Settlement:
    """Decide after an answer to an attempt; `tries` counted before it.

    `was_sent`: the same attempt may have reached the gateway earlier, so that a request which was not
    processed now proves nothing about it.
    """
    match answer:
        case Approved(reference):
            return Settlement(PaymentState.SUCCEEDED, "approved", reference=reference)
        case Declined(code, is_soft=True):
            return _after_soft_decline(code, policy.next_attempt_at(now, tries + 1))
        case Declined(code):
            return Settlement(PaymentState.FAILED_HARD, "hard_declined", code, stopped_by=code)
        case NotProcessed(problem) if not was_sent:
            return Settlement(PaymentState.DUE, "not_processed", problem, next_attempt_at=now + policy.send_again_wait)
        case NotProcessed(problem) | Unknown(problem):
            return Settlement(PaymentState.UNKNOWN, code=problem, next_attempt_at=now + policy.ask_again_wait)


def _after_soft_decline(code: str, next_at: datetime | None) -> Settlement:
    if next_at is None:
        return Settlement(PaymentState.EXHAUSTED, "soft_declined", code, stopped_by=code)
    return Settlement(PaymentState.RETRY_WAIT, "soft_declined", code, next_attempt_at=next_at)


def settle_undecided() -> Settlement:
    """The gateway cannot tell any more: a person looks, and nothing is charged by itself."""
    return Settlement(PaymentState.NEEDS_REVIEW, stopped_by="outcome_unknown")

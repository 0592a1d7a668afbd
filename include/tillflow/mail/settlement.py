"""What an attempt means for the mail: sent, waiting for another attempt, or failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillflow.mail.delivery import (
    DeliveryError,
    RecipientsRefusedError,
    RefusedError,
    UnconfirmedError,
)
from tillflow.mail.schedule import next_attempt_at


class State(StrEnum):
    """What a mail is after an attempt; sent and failed are final."""

    SENT = "sent"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to write down after an attempt. `action` is the event in the history, if it is one."""

    state: State
    recipients: tuple[str, ...]
    problem: str | None = None
    next_attempt_at: datetime | None = None
    action: str | None = None


def after(error: DeliveryError | None, recipients: tuple[str, ...], attempts: int, now: datetime) -> Settlement:
    """Decide after attempt number `attempts` to reach `recipients`; no error: all were reached."""
    match error:
        case None:
            return Settlement(State.SENT, recipients, action="sent")
        case RefusedError():
            return Settlement(State.FAILED, recipients, str(error), action="failed")
        case RecipientsRefusedError():
            return _after_refused(error, recipients, attempts, now)
        case UnconfirmedError():
            return _again(str(error), recipients, attempts, now, action="delivery_unconfirmed")
        case _:
            return _again(str(error), recipients, attempts, now)


def _after_refused(
    error: RecipientsRefusedError, recipients: tuple[str, ...], attempts: int, now: datetime
) -> Settlement:
    """Only recipients refused for the moment are tried again: nobody gets the mail twice."""
    later = tuple(who for who in recipients if 400 <= error.refused.get(who, 0) < 500)
    if later:
        action = "sent_in_part" if error.taken else None
        return _again(str(error), later, attempts, now, action=action)
    if error.taken:
        return Settlement(State.SENT, recipients, str(error), action="sent")
    return Settlement(State.FAILED, recipients, str(error), action="failed")


def _again(
    problem: str,
    recipients: tuple[str, ...],
    attempts: int,
    now: datetime,
    *,
    action: str | None = None,
) -> Settlement:
    next_at = next_attempt_at(attempts, now)
    if next_at is None:
        given_up = f"{problem}; given up after {attempts} attempts"
        return Settlement(State.FAILED, recipients, given_up, action="failed")
    return Settlement(State.WAITING, recipients, problem, next_at, action)

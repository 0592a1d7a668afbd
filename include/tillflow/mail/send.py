"""Send what is due: claim, deliver, settle; several workers at once never send the same mail twice.

Each step has a transaction of its own and the delivery has none, so a slow mail server holds no
lock. A worker that dies between delivering and settling leaves a lease that runs out: nobody can
know whether that mail was taken, so it is sent again, with the same Message-ID, and the history
says so (`delivery_unconfirmed`). That is as close to once as SMTP allows.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.pq import TransactionStatus

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.mail import settlement
from tillflow.mail.delivery import (
    Deliver,
    DeliveryError,
    Outgoing,
    RefusedError,
    ServerUnusableError,
    UnconfirmedError,
)
from tillflow.mail.message import Attachment, Mail, UnusableMailError
from tillflow.mail.settlement import Settlement, State

#: Longer than the task of `send_mail` may run: a lease that ran out belongs to nobody.
LEASE: Final = timedelta(minutes=15)

_sql = beside(__file__, "outbox.sql")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of the mails of one run; `stopped` says why it ended early: no usable server."""

    sent: int = 0
    waiting: int = 0
    failed: int = 0
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class _Claim:
    """A mail that is ours until `leased_until`, by which it is known to be still ours."""

    id: int
    topic: str
    attempt: int
    leased_until: datetime
    recipients: list[str]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the outbox keeps of a mail; put together where an unusable one stops only itself."""

    attachments: tuple[tuple[str, str, bytes], ...]
    message_id: str
    queued_at: datetime
    subject: str
    text: str
    html: str

    def outgoing(self, recipients: list[str]) -> Outgoing:
        attachments = tuple(Attachment(*parts) for parts in self.attachments)
        mail = Mail(tuple(recipients), self.subject, self.text, self.html, attachments)
        return Outgoing(mail, self.message_id, self.queued_at)


def send_due(
    conn: Connection,
    deliver: Deliver,
    *,
    now: datetime,
    lease: timedelta = LEASE,
    limit: int = 200,
) -> SendResult:
    """Send the mails that are due, oldest first, at most `limit` of them.

    `conn` must be outside a transaction. `now` is when the run begins; time goes on from there.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("send_due commits after each mail: call it outside a transaction")
    clock = _clock_from(now)
    _settle_interrupted(conn, clock())
    states: Counter[State] = Counter()
    stopped = None
    for _ in range(limit):
        taken = _claim(conn, clock(), lease)
        if taken is None:
            break
        claim, parts = taken
        error = _attempt(deliver, claim, parts)
        states.update(_settle(conn, claim, error, clock()))
        if isinstance(error, ServerUnusableError):
            stopped = str(error)
            break
    return SendResult(states[State.SENT], states[State.WAITING], states[State.FAILED], stopped)


def _clock_from(now: datetime) -> Callable[[], datetime]:
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)


def _settle_interrupted(conn: Connection, now: datetime) -> None:
    """An attempt whose lease ran out counts like one whose connection broke: repeated later."""
    error = UnconfirmedError("the attempt was interrupted: the mail may have been delivered")
    with conn.transaction():
        rows = list(_sql.interrupted(conn, now=now))
    for row in rows:
        _settle(conn, _Claim(*row), error, now)


def _claim(conn: Connection, now: datetime, lease: timedelta) -> tuple[_Claim, _Parts] | None:
    with conn.transaction():
        row = _sql.claim(conn, now=now, leased_until=now + lease)
        if row is None:
            return None
        claim = _Claim(*row[:5])
        attachments = tuple(_sql.attachments(conn, message_id=claim.id))
    return claim, _Parts(attachments, *row[5:])


def _attempt(deliver: Deliver, claim: _Claim, parts: _Parts) -> DeliveryError | None:
    try:
        deliver(parts.outgoing(claim.recipients))
    except DeliveryError as error:
        return error
    except UnusableMailError as error:
        return RefusedError(str(error))
    except Exception as error:
        # one mail nobody can carry must not stop the others; by name only: the text of a foreign
        # error may hold addresses
        return UnconfirmedError(f"the delivery broke off: {type(error).__name__}")
    return None


def _settle(conn: Connection, claim: _Claim, error: DeliveryError | None, now: datetime) -> list[State]:
    """What the mail has become; nothing if it was not ours any more."""
    decided = settlement.after(error, tuple(claim.recipients), claim.attempt, now)
    if not _write_down(conn, claim, decided, now):
        log.warning("mail %s: attempt %d was settled by another worker", claim.topic, claim.attempt)
        return []
    if decided.problem is None:
        log.info("mail %s: sent at attempt %d", claim.topic, claim.attempt)
    else:
        log.warning("mail %s: %s: %s", claim.topic, decided.state, decided.problem)
    return [decided.state]


def _write_down(conn: Connection, claim: _Claim, decided: Settlement, now: datetime) -> bool:
    """Compare and set; False when the mail is not ours any more."""
    with conn.transaction():
        settled: int = _sql.settle(
            conn,
            id=claim.id,
            leased_until=claim.leased_until,
            now=now,
            sent_at=now if decided.state is State.SENT else None,
            failed_at=now if decided.state is State.FAILED else None,
            next_attempt_at=decided.next_attempt_at,
            recipients=list(decided.recipients),
            problem=decided.problem,
            action=decided.action,
        )
    return settled == 1

"""What a person decides about a payment: the ways out of every state that waits for one.

Each is one statement, a compare-and-set with its history row. Raises NotNowError where the payment has moved on,
which the person then sees, and BadDecisionError. The caller has made sure that `actor` may do it. Whose payment
it is is the caller's question, too: an unknown number raises NotNowError.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from psycopg import errors

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake.card_numbers import holds_card_number

_SQL: Final = beside(__file__, "decisions.sql")
_WITHOUT_REASON: Final = {"clear_funds"}
_NO_CARD_NUMBER: Final = "token_is_no_card_number"


class NotNowError(TillflowError):
    """The payment is in a state in which this cannot be decided; nothing was changed."""


class BadDecisionError(TillflowError):
    """What the decision needs is missing, or a text holds a card number; nothing was changed."""


def approve_funds(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str = "") -> None:
    """A cheque, money order or bank draft has cleared: the sale is paid."""
    _decide(conn, "clear_funds", payment_id, actor, now, reason)


def return_funds(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """A cheque, money order or bank draft came back unpaid: the row requires action."""
    _decide(conn, "return_funds", payment_id, actor, now, reason)


def expect_funds_again(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Another cheque is on its way: the row waits for approval again."""
    _decide(conn, "expect_funds", payment_id, actor, now, reason)


def charge_again(
    conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str, card_token: str | None = None
) -> None:
    """Charge at the next sweep, with all retries anew; with another card where a token is given.

    A payment under review may be charged again by a person only: its last attempt counts as not processed.
    Under the same card the gateway still charges it once at most; another card is taken only where every
    charge of the old one was declined.
    """
    if card_token is None:
        _decide(conn, "charge_again", payment_id, actor, now, reason)
        return
    _decide(conn, "charge_other_card", payment_id, actor, now, reason, card_token=card_token)


def review(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Ask the gateway no more what became of a charge: a person looks, and then confirms, charges again or cancels.

    For a gateway that never answers; else the sweeps find out by themselves. Not while one of them asks.
    """
    _decide(conn, "review", payment_id, actor, now, reason)


def confirm_charged(
    conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str, reference: str
) -> None:
    """The gateway's own pages show the charge `reference` of a payment under review: it is paid."""
    _decide(conn, "confirm_charged", payment_id, actor, now, reason, reference=reference)


def cancel(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Abandon a sale that is not paid."""
    _decide(conn, "cancel", payment_id, actor, now, reason)


def request_refund(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Give the money of a paid sale back; its product is void at once.

    A card is refunded by the gateway at the next sweep; other money is paid out by hand.
    """
    _decide(conn, "request_refund", payment_id, actor, now, reason)


def refund_again(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """Try a refund again that the gateway refused."""
    _decide(conn, "refund_again", payment_id, actor, now, reason)


def refund_by_hand(conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str) -> None:
    """The gateway refuses: the money is paid out another way."""
    _decide(conn, "refund_by_hand", payment_id, actor, now, reason)


def confirm_paid_out(
    conn: Connection, payment_id: int, *, actor: str, now: datetime, reason: str, reference: str
) -> None:
    """The money was paid out by hand; `reference` names the transfer or the receipt."""
    _decide(conn, "confirm_paid_out", payment_id, actor, now, reason, reference=reference)


def _decide(
    conn: Connection, decision: str, payment_id: int, actor: str, now: datetime, reason: str, **given: str
) -> None:
    texts = {name: text.strip() for name, text in given.items()}
    if decision not in _WITHOUT_REASON:
        _check("reason", reason)
    for name, text in texts.items():
        _check(name, text)
    if any(holds_card_number(text) for text in (reason, *texts.values())):
        raise BadDecisionError("there is a card number in it: take the gateway's token of the card, never the number")
    try:
        decided = getattr(_SQL, decision)(
            conn, payment_id=payment_id, actor=actor, now=now, reason=reason.strip() or None, **texts
        )
    except errors.UniqueViolation as error:
        if error.diag.constraint_name != "payment_attempt_reference":
            raise
        raise BadDecisionError("this charge has paid another sale already: look for the payment's own") from None
    except errors.CheckViolation as error:
        if error.diag.constraint_name != _NO_CARD_NUMBER:
            raise
        raise BadDecisionError("the token looks like a card number") from None  # the database's words quote it
    if decided != 1:
        raise NotNowError(f"payment {payment_id} cannot be decided like this now: {_situation(conn, payment_id)}")


def _check(name: str, text: str) -> None:
    if not text.strip():
        raise BadDecisionError(f"give a {name.replace('_', ' ')}")


def _situation(conn: Connection, payment_id: int) -> str:
    found = _SQL.state_of(conn, payment_id=payment_id)
    return f"it is {found[0]}, its product {found[1]}, its refund {found[2] or 'none'}" if found else "there is none"

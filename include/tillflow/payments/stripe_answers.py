"""What an answer of Stripe, or the lack of one, says about a payment. Pure: values in, outcomes out.

Texts made here hold class names, codes and statuses only. Stripe's own messages quote tokens and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import stripe

from tillflow.payments.decline_codes import is_soft
from tillflow.payments.gateway import (
    Approved,
    Declined,
    GatewayUnusableError,
    NotProcessed,
    Outcome,
    Unknown,
)
from tillflow.payments.stripe_http import was_not_sent

UNEXPECTED_STATE: Final = "payment_intent_unexpected_state"
_CODE: Final = re.compile(r"[a-z0-9_]{1,64}")
_NO_ENTRY: Final = (401, 403)


def outcome_of_error(error: Exception) -> Outcome:
    """Judge what a call to Stripe raised. Raises GatewayUnusableError where Stripe lets nobody in."""
    status = getattr(error, "http_status", None)
    if status in _NO_ENTRY or isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        raise GatewayUnusableError(
            f"the payment gateway does not accept our key ({described(error)}): "
            "check the password and the host of the connection tillflow_payments"
        ) from None
    if status == 429 or isinstance(error, stripe.RateLimitError):
        return NotProcessed(described(error))
    if isinstance(error, stripe.CardError):
        code = code_of(error)
        return Declined(code, is_soft(code)) if code else Unknown(described(error))
    if isinstance(error, stripe.InvalidRequestError):  # refused before it began: nothing was charged
        return Declined(code_of(error) or "invalid_request", is_soft=False)
    if isinstance(error, stripe.APIConnectionError) and was_not_sent(error):
        return NotProcessed(described(error))
    # Also where it repeats the error of an hour ago, or refuses this request, the gateway is there for the others.
    return Unknown(described(error), is_answered=is_replay(error) or 400 <= (status or 0) < 500)


def outcome_of_intent(intent: Any, intent_id: str) -> Outcome:
    """Judge a PaymentIntent that was just confirmed, or found in its state afterwards."""
    if getattr(intent, "object", None) != "payment_intent" or getattr(intent, "id", None) != intent_id:
        return Unknown("the answer is not the payment's intent")
    status = intent.status
    charge = id_of(getattr(intent, "latest_charge", None))
    if status == "succeeded" and charge:
        return Approved(charge)
    if status == "requires_action":  # the buyer would have to be present
        return Declined("authentication_required", is_soft=False)
    if status == "canceled":
        return Declined("payment_intent_canceled", is_soft=False)
    return Unknown(f"the payment's intent is {_clean(status) or 'in a state without a name'}", is_answered=True)


def outcome_of_charges(charges: Iterable[Any], since: float) -> Approved | Declined | None:
    """What a payment's charges say about the attempt made at `since` (seconds since 1970) or later.

    A payment succeeds once, so a success counts whenever it happened. A failure counts only when it is not an
    earlier attempt's, and only with a code that says more than "declined": the call itself would have told
    a soft decline from a hard one, the bare word does not.
    """
    newest_first = sorted(charges, key=lambda charge: int(charge.created), reverse=True)
    for charge in newest_first:
        if charge.status == "succeeded":
            return Approved(str(charge.id))
    if not newest_first or newest_first[0].created < since or newest_first[0].status != "failed":
        return None
    code = _code_of_charge(newest_first[0])
    return Declined(code, is_soft(code)) if code and code != "card_declined" else None


def code_of(error: Exception) -> str:
    """The decline code, else the error code; empty where there is none."""
    details = getattr(error, "error", None)
    return _clean(getattr(details, "decline_code", None)) or _clean(getattr(error, "code", None))


def described(error: Exception) -> str:
    """An error in a few words that hold no personal data and no secret."""
    parts = [type(error).__name__, str(getattr(error, "http_status", None) or ""), code_of(error)]
    if error.__cause__ is not None:
        parts.append(f"({type(error.__cause__).__name__})")
    if is_replay(error):
        parts.append("(replayed)")
    return " ".join(part for part in parts if part)


def is_replay(error: Exception) -> bool:
    """Whether Stripe gave a remembered answer: asking again under the same key gives it for ever."""
    headers = getattr(error, "headers", None) or {}
    return str(headers.get("Idempotent-Replayed", "")).lower() == "true"


def id_of(thing: Any) -> str:
    """The id of what Stripe names or sends in full; empty where it does neither."""
    name = thing if isinstance(thing, str) else getattr(thing, "id", "")
    return name if isinstance(name, str) else ""


def _code_of_charge(charge: Any) -> str:
    outcome = getattr(charge, "outcome", None)
    return _clean(getattr(outcome, "reason", None)) or _clean(getattr(charge, "failure_code", None))


def _clean(code: object) -> str:
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

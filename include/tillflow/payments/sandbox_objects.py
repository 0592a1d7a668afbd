"""The PaymentIntent subset of Stripe's API as the sandbox has it: what each call does to the objects.

Objects are dicts as Stripe sends them; what begins with an underscore is the sandbox's own and never sent.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from tillflow.payments.sandbox_script import Script, UnknownTokenError, parse, script_text
from tillflow.payments.sandbox_store import Change, Json, Store

Parameters: TypeAlias = Mapping[str, str]

CONFIRMABLE: Final = frozenset({"requires_confirmation", "requires_payment_method", "requires_action"})
_OWN_ERROR_CODES: Final = frozenset(
    "expired_card incorrect_cvc incorrect_number incorrect_zip processing_error authentication_required".split()
)


class RefusedError(Exception):
    """An answer that is no success: Stripe's error object and the HTTP status."""

    def __init__(
        self, status: int, code: str, message: str, *, kind: str = "invalid_request_error", **more: Any
    ) -> None:
        super().__init__(code)
        self.status = status
        self.error: Json = {"type": kind, "code": code, "message": message, **more}


def _missing(what: str) -> RefusedError:
    return RefusedError(404, "resource_missing", f"No such {what}")


@dataclass
class Work:
    """One request's view of the objects: changed ones are copies until the change is written."""

    store: Store
    key: str
    parameters: Parameters
    change: Change = field(default_factory=Change)
    changed: dict[str, Json] = field(default_factory=dict)

    def find(self, kind: str, name: str) -> Json:
        """An object by id. Raises RefusedError 404."""
        thing = self.changed.get(name) or self.store.objects.get(name)
        if thing is None or thing["object"] != kind:
            raise _missing(kind)
        return thing

    def put(self, thing: Json, **fields: Any) -> Json:
        """The object with other fields."""
        thing = self.changed[thing["id"]] = {**thing, **fields}
        return thing

    def make(self, kind: str, prefix: str, **fields: Any) -> Json:
        """A new object with what Stripe's objects have in common."""
        name = f"{prefix}_{secrets.token_hex(12)}"
        common = {"id": name, "object": kind, "created": int(self.store.now()), "livemode": False}
        return self.put({**common, "metadata": self.metadata()}, **fields)

    def metadata(self) -> dict[str, str]:
        """The parameters `metadata[...]`."""
        return {name[9:-1]: value for name, value in self.parameters.items() if name.startswith("metadata[")}

    def note(self, kind: str, intent: Json, outcome: str, **fields: Any) -> None:
        """Write into the ledger."""
        at = datetime.fromtimestamp(self.store.now(), UTC).isoformat(timespec="milliseconds")
        about = {name: intent["metadata"].get(name, "") for name in ("payment", "order")}
        entry = {"at": at, "kind": kind, **about, "intent": intent["id"], "outcome": outcome}
        self.change.ledger.append({**entry, "idempotency_key": self.key, **fields})

    def finished(self) -> Change:
        """The change to be written."""
        self.change.objects = list(self.changed.values())
        return self.change


def script_of(method: Json) -> Script:
    """What a payment method's token was."""
    return parse(method["_script"])


def create_customer(work: Work) -> Json:
    """POST /v1/customers."""
    return work.make("customer", "cus")


def create_method(work: Work) -> Json:
    """POST /v1/payment_methods with card[token]."""
    if work.parameters.get("type") != "card":
        raise RefusedError(400, "parameter_missing", "Only type=card is known here", param="type")
    return _method(work, work.parameters.get("card[token]", ""))


def _method(work: Work, token: str) -> Json:
    try:
        script = script_text(token)
    except UnknownTokenError:
        raise RefusedError(400, "resource_missing", "No such token", param="card[token]") from None
    masked = f"{token.partition('_')[0]}_...{hashlib.sha256(token.encode()).hexdigest()[:8]}"
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2040, "funding": "credit"}
    return work.make("payment_method", "pm", type="card", card=card, customer=None, _script=script, _token=masked)


def attach(work: Work, name: str) -> Json:
    """POST /v1/payment_methods/{id}/attach; a scripted `pm_...` name becomes a method of its own."""
    customer = work.find("customer", work.parameters.get("customer", ""))["id"]
    try:
        method = work.find("payment_method", name)
    except RefusedError:
        method = _method(work, name)
    if method["customer"] not in {None, customer}:
        raise RefusedError(400, "payment_method_attached", "The payment method has been attached to a customer already")
    return work.put(method, customer=customer)


def create_intent(work: Work) -> Json:
    """POST /v1/payment_intents, unconfirmed."""
    given = work.parameters
    amount, currency = given.get("amount", ""), given.get("currency", "")
    if not (amount.isascii() and amount.isdigit() and 0 < int(amount) < 10**12):
        raise RefusedError(400, "parameter_invalid_integer", "Invalid amount", param="amount")
    if not (currency.isascii() and currency.isalpha() and len(currency) == 3):
        raise RefusedError(400, "invalid_currency", "Invalid currency", param="currency")
    if given.get("confirm") == "true":
        raise RefusedError(400, "parameter_unknown", "The sandbox confirms by /confirm only", param="confirm")
    customer = work.find("customer", given["customer"])["id"] if "customer" in given else None
    method = work.find("payment_method", given["payment_method"])["id"] if "payment_method" in given else None
    return work.make(
        "payment_intent",
        "pi",
        amount=int(amount),
        currency=currency.lower(),
        customer=customer,
        payment_method=method,
        payment_method_types=["card"],
        status="requires_confirmation" if method else "requires_payment_method",
        latest_charge=None,
        last_payment_error=None,
        next_action=None,
        _attempts=0,
        _deliveries={},
    )


def confirmed_method(work: Work, intent: Json) -> Json:
    """The payment method a confirmation uses. Raises RefusedError where it may not be used off-session."""
    name = work.parameters.get("payment_method") or intent["payment_method"]
    if not name:
        raise RefusedError(400, "parameter_missing", "The intent has no payment method", param="payment_method")
    method = work.find("payment_method", name)
    if work.parameters.get("off_session") == "true" and (
        method["customer"] is None or method["customer"] != intent["customer"]
    ):
        raise RefusedError(400, "payment_method_not_attached", "The payment method is not the customer's")
    return method


def confirm(work: Work, name: str) -> Json:
    """POST /v1/payment_intents/{id}/confirm: one attempt at the issuer. Raises RefusedError 402 for a decline."""
    intent = settled(work, work.find("payment_intent", name))
    if intent["status"] not in CONFIRMABLE:
        raise RefusedError(
            400, "payment_intent_unexpected_state", f"The intent is {intent['status']}", payment_intent=public(intent)
        )
    method = confirmed_method(work, intent)
    attempt = intent["_attempts"]
    outcome = script_of(method).step(attempt).outcome
    intent = work.put(intent, _attempts=attempt + 1, payment_method=method["id"], next_action=None)
    if outcome == "action":
        _note_attempt(work, intent, method, "requires_action", charge=None)
        return work.put(intent, status="requires_action", next_action={"type": "use_stripe_sdk"})
    charge = _charge(work, intent, method, outcome)
    intent = work.put(intent, latest_charge=charge["id"])
    if outcome in {"ok", "processing"}:
        _note_attempt(work, intent, method, {"ok": "approved"}.get(outcome, outcome), charge=charge["id"])
        return work.put(intent, status="succeeded" if outcome == "ok" else "processing", last_payment_error=None)
    raise _declined(work, intent, method, charge, outcome)


def _declined(work: Work, intent: Json, method: Json, charge: Json, outcome: str) -> RefusedError:
    decline = "insufficient_funds" if outcome == "opaque" else outcome
    code = outcome if outcome in _OWN_ERROR_CODES else "card_declined"
    _note_attempt(work, intent, method, decline, charge=charge["id"])
    error = {"type": "card_error", "code": code, "decline_code": decline, "message": "Your card was declined."}
    intent = work.put(intent, status="requires_payment_method", payment_method=None, last_payment_error=error)
    return RefusedError(
        402,
        code,
        "Your card was declined.",
        kind="card_error",
        decline_code=decline,
        charge=charge["id"],
        payment_intent=public(intent),
    )


def _note_attempt(work: Work, intent: Json, method: Json, outcome: str, *, charge: str | None) -> None:
    work.note(
        "attempt",
        intent,
        outcome,
        attempt=intent["_attempts"],
        amount=intent["amount"],
        currency=intent["currency"],
        charge=charge,
        token=method["_token"],
    )


def _charge(work: Work, intent: Json, method: Json, outcome: str) -> Json:
    status = {"ok": "succeeded", "processing": "pending"}.get(outcome, "failed")
    code = (outcome if outcome in _OWN_ERROR_CODES else "card_declined") if status == "failed" else None
    reason = outcome if status == "failed" and outcome != "opaque" else None
    charge = work.make(
        "charge",
        "ch",
        amount=intent["amount"],
        currency=intent["currency"],
        customer=intent["customer"],
        payment_intent=intent["id"],
        payment_method=method["id"],
        status=status,
        paid=status == "succeeded",
        failure_code=code,
        outcome={"type": "issuer_declined" if code else "authorized", "reason": reason},
        amount_refunded=0,
        refunded=False,
        _deliveries={},
    )
    return work.put(charge, metadata=intent["metadata"])


def settled(work: Work, intent: Json) -> Json:
    """A payment that was processing is through by the time anybody looks."""
    if intent["status"] != "processing":
        return intent
    charge = work.put(work.find("charge", intent["latest_charge"]), status="succeeded", paid=True)
    method = work.find("payment_method", intent["payment_method"])
    _note_attempt(work, intent, method, "approved", charge=charge["id"])
    return work.put(intent, status="succeeded")


def cancel(work: Work, name: str) -> Json:
    """POST /v1/payment_intents/{id}/cancel."""
    intent = settled(work, work.find("payment_intent", name))
    if intent["status"] not in CONFIRMABLE:
        raise RefusedError(400, "payment_intent_unexpected_state", f"The intent is {intent['status']}")
    return work.put(intent, status="canceled")


def public(thing: Json) -> Json:
    """The object as it is sent."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}

"""Refunds of the sandbox: at most what was paid, each in the ledger."""

from __future__ import annotations

from tillflow.payments.sandbox_objects import RefusedError, Work
from tillflow.payments.sandbox_store import Json


def refunded_charge(work: Work) -> Json:
    """The charge that POST /v1/refunds names, by its own id or by its intent's."""
    name = work.parameters.get("charge", "")
    if "payment_intent" in work.parameters:
        name = work.find("payment_intent", work.parameters["payment_intent"])["latest_charge"] or ""
    return work.find("charge", name)


def create_refund(work: Work) -> Json:
    """POST /v1/refunds: at most what is left of the charge."""
    charge = refunded_charge(work)
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise RefusedError(400, "charge_not_refundable", "The charge has not succeeded")
    if not left:
        raise RefusedError(400, "charge_already_refunded", "The charge has already been refunded")
    text = work.parameters.get("amount", str(left))
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= left):
        raise RefusedError(400, "amount_too_large", "More than is left of the charge", param="amount")
    amount, intent = int(text), work.find("payment_intent", charge["payment_intent"])
    done = charge["amount_refunded"] + amount
    work.put(charge, amount_refunded=done, refunded=done == charge["amount"])
    refund = work.make(
        "refund",
        "re",
        amount=amount,
        currency=charge["currency"],
        charge=charge["id"],
        payment_intent=intent["id"],
        status="succeeded",
    )
    work.note("refund", intent, "refunded", amount=amount, charge=charge["id"], refund=refund["id"])
    return refund

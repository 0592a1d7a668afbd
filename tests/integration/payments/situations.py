"""Brings a payment into any state there is, by the moves a sweep makes, without a gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tests.paying import Shop
from tillflow.codes import PaymentState
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments import decisions
from tillflow.payments.claims import Claim, claim_due, claim_unknown, settle
from tillflow.payments.gateway import Prepared
from tillflow.payments.settlement import Settlement, settle_undecided

WHO: Final = "ann"


def claim(shop: Shop) -> Claim:
    """The one payment that is due, as a sweep takes it."""
    (claimed,), *_ = claim_due(
        shop.conn, now=shop.now, began=shop.now, due_by=shop.now, leased_until=shop.now + timedelta(minutes=10),
        most=1, import_id=None, declines_allowed=15, actor="sweep",
    )  # fmt: skip
    shop.conn.execute(
        "update books.payment set intent = 'pi_1', method = 'pm_1' where id = %s", [claimed.order.payment_id]
    )
    return claimed


def settled(settlement: Settlement) -> Callable[[Shop], int]:
    def bring(shop: Shop) -> int:
        (payment,) = shop.sell()
        assert settle(shop.conn, claim(shop), settlement, now=shop.now, actor="sweep")
        return payment

    return bring


def needs_review(shop: Shop) -> int:
    payment = SITUATIONS["card unknown"](shop)
    (claimed,) = claim_unknown(
        shop.conn, now=shop.now, leased_until=shop.now + timedelta(minutes=10), most=1, actor="sweep"
    )
    assert claimed.prepared == Prepared("pi_1", "pm_1")
    assert settle(shop.conn, claimed, settle_undecided(), now=shop.now, actor="sweep")
    return payment


def in_flight(shop: Shop) -> int:
    (payment,) = shop.sell()
    claim(shop)
    return payment


def canceled(payment_type: str) -> Callable[[Shop], int]:
    def bring(shop: Shop) -> int:
        (payment,) = shop.sell(payment_type)
        decisions.cancel(shop.conn, payment, actor=WHO, now=shop.now, reason="not wanted")
        return payment

    return bring


def funds(*decided: Callable[..., None]) -> Callable[[Shop], int]:
    def bring(shop: Shop) -> int:
        (payment,) = shop.sell("CHQ")
        for decide in decided:
            decide(shop.conn, payment, actor=WHO, now=shop.now, reason="the bank says so")
        return payment

    return bring


def attributed(shop: Shop) -> int:
    payment = SITUATIONS["card succeeded"](shop)
    attribute_paid(shop.conn, now=shop.now, actor="sweep")
    return payment


def stuck(shop: Shop) -> int:
    (payment,) = shop.sell("CASH", customer="nobody knows")
    attribute_paid(shop.conn, now=shop.now, actor="sweep")
    return payment


def refund(state: str) -> Callable[[Shop], int]:
    """A refund of a card by the gateway, moved as a sweep moves it."""

    def bring(shop: Shop) -> int:
        payment = SITUATIONS["card succeeded"](shop)
        decisions.request_refund(shop.conn, payment, actor=WHO, now=shop.now, reason="not wanted")
        if state == "due":
            return payment
        shop.conn.execute(
            "update books.refund set state = 'in_flight', next_attempt_at = null, leased_until = %s, moved_at = %s",
            [shop.now + timedelta(minutes=10), shop.now],
        )
        if state == "in_flight":
            return payment
        shop.conn.execute(
            "update books.refund set state = %s, leased_until = null, stopped_by = %s, reference = %s",
            [state, *(("expired_card", None) if state == "refused" else (None, "re_1"))],
        )
        return payment

    return bring


def to_pay_out(shop: Shop) -> int:
    (payment,) = shop.sell("CASH")
    decisions.request_refund(shop.conn, payment, actor=WHO, now=shop.now, reason="not wanted")
    return payment


#: every state that a row of an import can be in, and how it gets there
SITUATIONS: dict[str, Callable[[Shop], int]] = {
    "card due": lambda shop: shop.sell()[0],
    "card in_flight": in_flight,
    "card retry_wait": settled(
        Settlement(PaymentState.RETRY_WAIT, "soft_declined", "insufficient_funds", next_attempt_at=Shop.now)
    ),
    "card unknown": settled(Settlement(PaymentState.UNKNOWN, code="timeout", next_attempt_at=Shop.now)),
    "card needs_review": needs_review,
    "card failed_hard": settled(
        Settlement(PaymentState.FAILED_HARD, "hard_declined", "stolen_card", stopped_by="stolen_card")
    ),
    "card exhausted": settled(
        Settlement(PaymentState.EXHAUSTED, "soft_declined", "insufficient_funds", stopped_by="insufficient_funds")
    ),
    "card canceled": canceled("CC"),
    "card succeeded": settled(Settlement(PaymentState.SUCCEEDED, "approved", reference="ch_1")),
    "funds received": funds(),
    "funds cleared": funds(decisions.approve_funds),
    "funds returned": funds(decisions.return_funds),
    "funds canceled": canceled("BD"),
    "product pending": lambda shop: shop.sell("CASH")[0],
    "product attributed": attributed,
    "product stuck": stuck,
    "refund due": refund("due"),
    "refund in_flight": refund("in_flight"),
    "refund refused": refund("refused"),
    "refund refunded": refund("refunded"),
    "refund to_pay_out": to_pay_out,
}

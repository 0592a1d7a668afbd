"""Why a payment waits for a person: stable codes, what they mean, what to do. For screens, mails and docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """`title` as a heading, `action` as the operator's next step."""

    title: str
    action: str


#: our own; every other code is the bank's decline code
REASONS: Final = {
    "draw_closed": Reason("Draw Closed", "the draw closed before the payment: abandon the row, or refund what is paid"),
    "draw_sold_out": Reason("Draw Sold Out", "allow the draw more entries, or abandon the row or refund it"),
    "card_declined_too_often": Reason(
        "Card Declined Too Often", "card schemes allow no more tries in 30 days: ask the buyer for another card"
    ),
    "outcome_unknown": Reason(
        "Outcome Unknown", "look the payment up on the gateway's pages, then confirm the charge or charge again"
    ),
    "funds_returned": Reason("Funds Returned", "ask the buyer for other funds, or abandon the row"),
    "unknown_customer": Reason("Unknown Customer", "add the buyer to the portal data, or refund the payment"),
    "unknown_product": Reason("Unknown Product", "the draw does not sell it any more: refund the payment"),
    "paid_out_by_hand": Reason("To Be Paid Out", "pay the money out and confirm it with the transfer's reference"),
    "currency_not_supported": Reason("Currency Not Supported", "the gateway cannot charge it: take other funds"),
}


def reason_of(code: str, *, of_refund: bool = False) -> Reason:
    """The reason behind a code: `stopped_by` of a payment or (`of_refund`) of a refund, or `product_problem`."""
    if code in REASONS:
        return REASONS[code]
    words = code.replace("_", " ")
    if of_refund:
        return Reason(f"Refund Refused: {words}", "send the refund again, or pay the money out by hand")
    return Reason(f"Declined: {words}", "ask the buyer for another card, or abandon the row")

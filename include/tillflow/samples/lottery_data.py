"""Channels, lotteries, draws and buyers that orders can stumble over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from tillflow.money import from_minor
from tillflow.samples import model as m

#: sold in every draw: code, price of one in minor units, entries of one
PRODUCTS: Final = (("T1", 500, 1), ("T5", 2000, 5), ("ÉTÉ-25", 12_345, 25))

_LOTTERIES: Final = (
    m.Lottery("coast", "Coast House", "AUD"),
    m.Lottery("sakura", "桜くじ", "JPY", "international"),
    m.Lottery("gulf", "Gulf Prize", "KWD", "standard", address_required=True),
    # the only draw has closed: `next` finds none
    m.Lottery("dry", "Dry Season", "EUR"),
    m.Lottery("gone", "Gone Raffle", "AUD", active=False),
)


def lottery_tables(buyers: int) -> dict[str, Any]:
    """The tables of the lottery side, by their names in `PortalSample`."""
    draws = [draw for lottery in _LOTTERIES for draw in _draws(lottery)]
    currency_of = {lottery.lottery: lottery.currency for lottery in _LOTTERIES}
    return {
        "channels": (
            m.Channel("call-centre", "Call centre", "Australia/Sydney"),
            m.Channel("club-stall", "Club stall", "Asia/Kuwait", 10),
        ),
        "lotteries": _LOTTERIES,
        "draws": tuple(draws),
        "draw_products": tuple(
            m.DrawProduct(
                draw.lottery, draw.draw_no, code, f"Product {code}",
                from_minor(price + 100 * draw.draw_no, currency_of[draw.lottery]), entries,
            )
            for draw in draws
            for code, price, entries in PRODUCTS
        ),
        "buyers": tuple(_buyer(number) for number in range(buyers)),
    }  # fmt: skip


def _draws(lottery: m.Lottery) -> list[m.Draw]:
    """One closed, two that close in the same moment, one that is not yet open."""
    opens, closes = datetime(2025, 1, 1, tzinfo=UTC), datetime(2036, 1, 31, 9, tzinfo=UTC)
    closed = m.Draw(lottery.lottery, 1, opens, datetime(2025, 6, 30, 10, tzinfo=UTC))
    if lottery.lottery == "dry":
        return [closed]
    later = (datetime(2090, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC))
    return [
        closed,
        m.Draw(lottery.lottery, 2, opens, closes),
        m.Draw(lottery.lottery, 3, opens, closes),
        m.Draw(lottery.lottery, 4, *later),
    ]


def _buyer(number: int) -> m.Buyer:
    """With a customer id and an e-mail address, or with only one of them."""
    customer_id = None if number % 3 == 2 else f"{number:06d}"
    email = None if number % 3 == 1 else f"buyer{number}@example.com"
    return m.Buyer(customer_id, email, "Zoë", "O’Brien")

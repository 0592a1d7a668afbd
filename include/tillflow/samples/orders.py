"""One order at a time: a good one, and what the recipes need to turn it into every other kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from tillflow.money import from_minor, to_minor
from tillflow.samples.case import Case, NothingToShowError
from tillflow.samples.model import Channel, Draw, DrawProduct, Lottery, PortalSample

T = TypeVar("T")

#: the columns of the format, in the usual order
HEADER: Final = (
    "ORDER_ID", "LOTTERY", "DRAW_NO", "CUSTOMER_ID", "TITLE", "FIRST_NAME", "LAST_NAME", "ADD_UNIT",
    "ADD_STREET_NUMBER", "ADD_STREET_NAME", "ADD_LINE_1", "ADD_LINE_2", "ADD_SUBURB", "ADD_STATE",
    "ADD_POSTCODE", "ADD_COUNTRY", "EMAIL", "PHONE", "PRODUCT", "QUANTITY", "AMOUNT", "CURRENCY",
    "PAYMENT_TYPE", "PAYMENT_REF", "CARD_TOKEN", "SALE_DATE",
)  # fmt: skip
#: a whole address for either shape
ADDRESS: Final = {
    "ADD_STREET_NUMBER": "12a", "ADD_STREET_NAME": "Harbour Street", "ADD_LINE_1": "12a Harbour Street",
    "ADD_SUBURB": "Hobart", "ADD_STATE": "TAS", "ADD_POSTCODE": "0700",
}  # fmt: skip
PAYMENTS: Final = (
    {"PAYMENT_TYPE": "CASH"},
    {"PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok_ok"},
    {"PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "000417"},
    {"PAYMENT_TYPE": "MO", "PAYMENT_REF": "MO-88"},
    {"PAYMENT_TYPE": "BD", "PAYMENT_REF": "BD 44", **ADDRESS},
)


class OrderMaker:
    """Makes orders of one channel over a portal; the same seed makes the same."""

    def __init__(self, portal: PortalSample, seed: int, now: datetime, *, channel: str, first_order: int = 1) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.portal = portal
        self.now = now.astimezone(UTC)
        self.made: list[Case] = []
        self.channel: Channel = next(c for c in portal.channels if c.channel == channel)
        self._next_order = first_order
        sold = [(self.draw(product), product) for product in portal.draw_products]
        self._on_sale = [product for draw, product in sold if self.is_open(draw)]

    def lottery(self, key: str) -> Lottery:
        """The lottery of that key."""
        return next(lottery for lottery in self.portal.lotteries if lottery.lottery == key)

    def draw(self, product: DrawProduct) -> Draw:
        """The draw a product is sold in."""
        return next(
            draw for draw in self.portal.draws if (draw.lottery, draw.draw_no) == (product.lottery, product.draw_no)
        )

    def is_open(self, draw: Draw) -> bool:
        """Whether an active lottery sells the draw now."""
        opened = draw.opens_at is None or draw.opens_at <= self.now
        closed = draw.closes_at is not None and draw.closes_at <= self.now
        return opened and not closed and self.lottery(draw.lottery).active

    def pick(self, among: Sequence[T]) -> T:
        """Any of them; raises NothingToShowError where there is none."""
        if not among:
            raise NothingToShowError
        return self.random.choice(among)

    def product(self, lottery: str | None = None) -> DrawProduct:
        """Something that is on sale, of that lottery or of any."""
        return self.pick([p for p in self._on_sale if lottery in {None, p.lottery}])

    def order(self, product: DrawProduct | None = None) -> Case:
        """A row that becomes a sale."""
        product = product or self.product()
        lottery = self.lottery(product.lottery)
        number, self._next_order = self._next_order, self._next_order + 1
        quantity = self.random.choice([1, 1, 1, 2, 5, 24])
        minor = quantity * (to_minor(product.price, lottery.currency) or 0)
        fields = {
            **dict.fromkeys(HEADER, ""),
            "ORDER_ID": str(number),
            "LOTTERY": product.lottery,
            "DRAW_NO": str(product.draw_no),
            "FIRST_NAME": self.random.choice(["Ada", "Mary-Jane", "Zoë", "小明", "D’Arcy"]),
            "LAST_NAME": self.random.choice(["Li", "O'Brien", "Müller", "St. John", "Παππάς"]),
            "EMAIL": f"buyer{self.random.randrange(500)}@example.com",
            "PRODUCT": product.product,
            "QUANTITY": str(quantity),
            "AMOUNT": from_minor(minor, lottery.currency),
            "SALE_DATE": self.day(-self.random.randrange(1, 60)),
            **self.random.choice(PAYMENTS),
            **(ADDRESS if lottery.address_required else {}),
        }
        return Case(fields, lottery.currency, minor)

    def day(self, days: int) -> str:
        """A day before or after today, in the channel's zone."""
        today = self.now.astimezone(ZoneInfo(self.channel.zone)).date()
        return (today + timedelta(days=days)).isoformat()

    def earlier(self) -> Case:
        """A row that was already made."""
        return self.pick(self.made[-500:])

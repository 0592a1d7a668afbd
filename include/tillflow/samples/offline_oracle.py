"""What must become of every row of an offline-sales file: the rules in plain Python, one by one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.codes import Verdict
from tillflow.money import NO_CURRENCY
from tillflow.samples import readings as read
from tillflow.samples.expected import Expected, KeysSeen
from tillflow.samples.model import Channel, Draw, Lottery, PortalSample

#: every column of the format; the first two of them and the channel are the key
COLUMNS: Final = (
    "order_id", "lottery", "draw_no", "customer_id", "title", "first_name", "last_name", "add_unit",
    "add_street_number", "add_street_name", "add_line_1", "add_line_2", "add_suburb", "add_state",
    "add_postcode", "add_country", "email", "phone", "product", "quantity", "amount", "currency",
    "payment_type", "payment_ref", "card_token", "sale_date",
)  # fmt: skip
_TITLE: Final = re.compile(r"(ms|mrs|miss|mr|dr)\.?", re.IGNORECASE | re.ASCII)
_EMAIL: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
_PHONE: Final = re.compile(r"[0-9 \t\u00a0+\-().]{6,20}")

#: a row's money in minor units is below this
ABOVE_MEASURE: Final = 10**12


@dataclass(frozen=True, slots=True)
class _Order:
    """A row with its values read and the portal data it names; None = absent or unreadable."""

    given: Mapping[str, str]
    lottery: Lottery | None
    draw: Draw | None
    currency: str | None
    quantity: int | None
    amount: int | None
    #: the instant a sale is booked at
    sold_at: int | None

    def __getitem__(self, column: str) -> str:
        return self.given.get(column, "")


class OfflineOracle:
    """Judges the files of one channel in the order in which they arrive; remembers every key.

    `now` is when the next file is received; set it anew between files.
    """

    def __init__(self, portal: PortalSample, channel: str, now: datetime, *, default_country: str = "AU") -> None:
        self.now = now
        self._channel = next(known for known in portal.channels if known.channel == channel)
        self._default_country = default_country
        self._keys = KeysSeen()
        self._lotteries = {known.lottery: known for known in portal.lotteries if known.active}
        self._draws = portal.draws
        self._prices = {(sold.lottery, sold.draw_no, sold.product): sold.price for sold in portal.draw_products}
        self._customer_ids = {buyer.customer_id for buyer in portal.buyers if buyer.customer_id}

    @property
    def channel(self) -> Channel:
        """The channel whose operator uploads."""
        return self._channel

    def judge_file(self, rows: Sequence[Mapping[str, str | None] | None], *, first_row: int = 2) -> list[Expected]:
        """The verdict of each row of a file without file errors, in file order; None is a blank
        line. With more row errors than the channel allows every row is `rejected` and nothing is
        remembered.
        """
        before = self._keys
        self._keys = before.copy()
        judged = [
            self._judge(row_no, self._read(row)) for row_no, row in enumerate(rows, start=first_row) if row is not None
        ]
        errors = sum(row.verdict == Verdict.EXCEPTION for row in judged)
        allowed = self._channel.max_row_errors
        if allowed is not None and errors > allowed:
            self._keys = before
            return [replace(row, verdict=Verdict.REJECTED) for row in judged]
        return judged

    def reasons_of(self, row: Mapping[str, str | None]) -> frozenset[str]:
        """What is wrong with a row by itself, whatever its key."""
        return frozenset(self._reasons(self._read(row)))

    def _judge(self, row_no: int, order: _Order) -> Expected:
        verdict, reasons = self._verdict(order)
        return Expected(row_no, verdict, frozenset(reasons), order.currency or NO_CURRENCY, order.amount or 0)

    def _verdict(self, order: _Order) -> tuple[Verdict, set[str]]:
        key = (order["lottery"], read.integer(order["order_id"]))
        place = self._keys.place(key, _content(order))
        if place == "duplicate":
            return Verdict.DUPLICATE, set()
        if place == "conflict":
            return Verdict.EXCEPTION, {"order_conflict"}
        reasons = self._reasons(order)
        return (Verdict.EXCEPTION if reasons else Verdict.SALE), reasons

    def _read(self, row: Mapping[str, str | None]) -> _Order:
        given = read.present(row)
        lottery = self._lotteries.get(given.get("lottery", ""))
        currency = read.currency(given.get("currency"))
        if "currency" not in given and lottery is not None:
            currency = lottery.currency
        return _Order(
            given=given,
            lottery=lottery,
            draw=self._draw(lottery, given.get("draw_no", "")),
            currency=currency,
            quantity=read.quantity(given.get("quantity")),
            amount=_measured(read.amount(given.get("amount"), currency)),
            sold_at=self._sold_at(given.get("sale_date")),
        )

    def _draw(self, lottery: Lottery | None, draw_no: str) -> Draw | None:
        if lottery is None:
            return None
        draws = [draw for draw in self._draws if draw.lottery == lottery.lottery]
        if draw_no.lower() == "next":
            draws = [draw for draw in draws if self._is_open(draw)]
            return min(draws, key=_closing, default=None)
        number = read.integer(draw_no)
        return next((draw for draw in draws if draw.draw_no == number), None)

    def _is_open(self, draw: Draw) -> bool:
        return (draw.opens_at is None or draw.opens_at <= self.now) and (
            draw.closes_at is None or self.now < draw.closes_at
        )

    def _sold_at(self, text: str | None) -> int | None:
        day = read.day(text)
        if day is not None:
            return read.first_instant(day, ZoneInfo(self._channel.zone))
        return read.instant(text)

    def _reasons(self, order: _Order) -> set[str]:
        return {code for code, is_broken in self._rules().items() if is_broken(order)}

    def _rules(self) -> dict[str, Callable[[_Order], bool]]:
        return {
            "unknown_lottery": lambda order: order.lottery is None,
            "draw_not_open": self._draw_not_open,
            "unknown_product": lambda order: order.draw is not None and self._price(order) is None,
            "amount_mismatch": self._amount_mismatch,
            "bad_currency": lambda order: bool(order["currency"]) and order.currency is None,
            "currency_mismatch": _currency_mismatch,
            "bad_amount": lambda order: order.currency is not None and not order.amount,
            "bad_quantity": lambda order: order.quantity is None,
            "bad_title": lambda order: _given_but_not(_TITLE, order["title"]),
            "bad_first_name": lambda order: not read.is_name(order["first_name"], 44),
            "bad_last_name": lambda order: not read.is_name(order["last_name"], 36),
            "missing_address": lambda order: _address_is_required(order) and _address_is_incomplete(order),
            "bad_address": _address_is_too_long,
            "bad_postcode": self._bad_postcode,
            "bad_country": lambda order: bool(order["add_country"]) and read.country(order["add_country"]) is None,
            "bad_email": lambda order: _given_but_not(_EMAIL, order["email"]) or len(order["email"]) > 254,
            "bad_phone": _bad_phone,
            "unknown_customer": lambda order: (
                0 < len(order["customer_id"]) <= 100 and order["customer_id"] not in self._customer_ids
            ),
            "bad_customer_id": lambda order: len(order["customer_id"]) > 100,
            "missing_payment_ref": lambda order: (
                order["payment_type"] in {"CHQ", "MO", "BD"} and not order["payment_ref"]
            ),
            "missing_card_token": lambda order: order["payment_type"] == "CC" and not order["card_token"],
            "card_token_not_allowed": lambda order: order["payment_type"] != "CC" and bool(order["card_token"]),
            "bad_sale_date": lambda order: order.sold_at is None,
            "sale_date_in_future": self._sale_date_in_future,
        }

    def _draw_not_open(self, order: _Order) -> bool:
        if order.lottery is None:
            return False
        return order.draw is None or not self._is_open(order.draw)

    def _price(self, order: _Order) -> int | None:
        """Minor units; None where the draw does not sell the product, or there is no draw."""
        if order.lottery is None or order.draw is None:
            return None
        price = self._prices.get((order.lottery.lottery, order.draw.draw_no, order["product"]))
        return read.amount(price, order.lottery.currency)

    def _amount_mismatch(self, order: _Order) -> bool:
        price = self._price(order)
        if price is None or order.quantity is None or not order.amount:
            return False
        return order.amount != order.quantity * price

    def _bad_postcode(self, order: _Order) -> bool:
        postcode = order["add_postcode"]
        country = read.country(order["add_country"] or self._default_country)
        if not postcode:
            return False
        if country == "AU":
            return re.fullmatch("[0-9]{4}", postcode) is None
        return len(postcode) > 10

    def _sale_date_in_future(self, order: _Order) -> bool:
        day = read.day(order["sale_date"])
        if day is not None:
            return day > self.now.astimezone(ZoneInfo(self._channel.zone)).date()
        return order.sold_at is not None and order.sold_at > read.micros(self.now)


def _content(order: _Order) -> Hashable:
    """Every column but the key's; by value where a value has more than one spelling."""
    draw_no = order["draw_no"].lower()
    names = {name: unicodedata.normalize("NFC", order[name]) for name in ("first_name", "last_name")}
    values: dict[str, Hashable] = {
        "draw_no": read.integer(draw_no) if draw_no != "next" else draw_no,
        "quantity": order.quantity,
        "amount": read.number(order["amount"]),
        "sale_date": order.sold_at,
        "email": order["email"].lower(),
        **names,
    }
    return tuple(
        ("text", order[column]) if values.get(column) is None else ("value", values[column]) for column in COLUMNS[2:]
    )


def _measured(minor: int | None) -> int | None:
    """None above what any order can be worth: it would not fit the books."""
    return minor if minor is not None and minor < ABOVE_MEASURE else None


def _closing(draw: Draw) -> tuple[datetime, int]:
    return draw.closes_at or datetime.max.replace(tzinfo=UTC), draw.draw_no


def _given_but_not(pattern: re.Pattern[str], text: str) -> bool:
    return bool(text) and pattern.fullmatch(text) is None


def _currency_mismatch(order: _Order) -> bool:
    return order.lottery is not None and order.currency is not None and order.currency != order.lottery.currency


def _bad_phone(order: _Order) -> bool:
    digits = sum(character in "0123456789" for character in order["phone"])
    return _given_but_not(_PHONE, order["phone"]) or (bool(order["phone"]) and digits < 6)


def _is_international(order: _Order) -> bool:
    return order.lottery is not None and order.lottery.address_format == "international"


def _address_is_required(order: _Order) -> bool:
    by_lottery = order.lottery is not None and order.lottery.address_required
    return not order["email"] or order["payment_type"] == "BD" or by_lottery


def _address_is_incomplete(order: _Order) -> bool:
    street = order["add_street_number"] and order["add_street_name"]
    if _is_international(order):
        asked = [order["add_line_1"], order["add_suburb"], order["add_postcode"]]
    else:
        asked = [order["add_line_1"] or street, order["add_suburb"], order["add_state"], order["add_postcode"]]
    return not all(asked)


def _address_line(order: _Order) -> str:
    if order["add_line_1"] or _is_international(order):
        return order["add_line_1"]
    parts = (order["add_unit"], order["add_street_number"], order["add_street_name"])
    return " ".join(part for part in parts if part)


def _address_is_too_long(order: _Order) -> bool:
    return len(_address_line(order)) > 97 or len(order["add_suburb"]) > 44 or len(order["add_state"]) > 44

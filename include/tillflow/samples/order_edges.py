"""Orders that are good at an edge; each by construction, so that it is known what must become of it
without asking the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.samples.case import Case
from tillflow.samples.orders import ADDRESS, OrderMaker

#: raises NothingToShowError where the portal has nothing to make it of
Recipe = Callable[[OrderMaker], Case]


def _next_draw(make: OrderMaker) -> Case:
    """Two draws close in the same moment: the lower number is next."""
    product = make.product()
    draws = [d for d in make.portal.draws if d.lottery == product.lottery and make.is_open(d)]
    first = min(draws, key=lambda draw: (draw.closes_at or make.now, draw.draw_no))
    sold = [p for p in make.portal.draw_products if (p.lottery, p.draw_no) == (first.lottery, first.draw_no)]
    return make.order(make.pick(sold)).set(DRAW_NO=make.random.choice(["next", "NEXT", "Next"]))


def _title(make: OrderMaker) -> Case:
    return make.order().set(TITLE=make.random.choice(["Ms", "mrs.", "MISS", "Mr.", "dr"]))


def _long_names(make: OrderMaker) -> Case:
    return make.order().set(FIRST_NAME="É" * 44, LAST_NAME="e\u0301" * 36)


def _short_names(make: OrderMaker) -> Case:
    return make.order().set(FIRST_NAME=" \u00a0Bo\t", LAST_NAME="O\u2010")


def _longest_address(make: OrderMaker) -> Case:
    line = {"ADD_UNIT": "9", "ADD_STREET_NUMBER": "1", "ADD_STREET_NAME": "s" * 93}
    case = make.order(make.product("coast"))
    return case.set(**{**ADDRESS, **line, "ADD_LINE_1": "", "ADD_SUBURB": "ü" * 44, "ADD_STATE": "s" * 44})


def _address_of_one_line(make: OrderMaker) -> Case:
    parts = {"ADD_STREET_NUMBER": "", "ADD_STREET_NAME": "s" * 98}
    return make.order(make.product("gulf")).set(**{**ADDRESS, **parts, "EMAIL": ""})


def _international_address_without_state(make: OrderMaker) -> Case:
    case = make.order(make.product("sakura")).set(**ADDRESS)
    return case.set(ADD_STATE="", EMAIL="", ADD_COUNTRY="JP", ADD_POSTCODE="100-0001\u00a0")


def _foreign_postcode(make: OrderMaker) -> Case:
    return make.order().set(ADD_COUNTRY="NZ", ADD_POSTCODE="ABC 123456")


def _longest_email(make: OrderMaker) -> Case:
    return make.order().set(EMAIL=f"{'o' * 64}@{'x' * 176}.example.com.au"[-254:])


def _phone(make: OrderMaker) -> Case:
    return make.order().set(PHONE=make.random.choice(["+61 (2) 5550-0101", "555.123", "123456"]))


def _customer_id(make: OrderMaker) -> Case:
    known = [buyer.customer_id for buyer in make.portal.buyers if buyer.customer_id]
    return make.order().set(CUSTOMER_ID=f" {make.pick(known)} ")


def _currency_given(make: OrderMaker) -> Case:
    case = make.order()
    return case.set(CURRENCY=case.currency)


def _amount_without_places(make: OrderMaker) -> Case:
    case = make.order()
    amount = case.fields["AMOUNT"]
    return case.set(AMOUNT="0" + (amount.rstrip("0").rstrip(".") if "." in amount else amount))


def _padded_integers(make: OrderMaker) -> Case:
    case = make.order()
    return case.set(
        QUANTITY=f"00{case.fields['QUANTITY']}", DRAW_NO=f"0{case.fields['DRAW_NO']}\t",
    )  # fmt: skip


def _sold_today(make: OrderMaker) -> Case:
    return make.order().set(SALE_DATE=make.day(0))


def _sold_just_now(make: OrderMaker) -> Case:
    at = make.now.astimezone(ZoneInfo(make.channel.zone))
    return make.order().set(SALE_DATE=at.isoformat())


#: good rows at an edge
EDGES: Final[tuple[Recipe, ...]] = (
    _next_draw, _title, _long_names, _short_names, _longest_address, _address_of_one_line,
    _international_address_without_state, _foreign_postcode, _longest_email, _phone, _customer_id,
    _currency_given, _amount_without_places, _padded_integers, _sold_today, _sold_just_now,
)  # fmt: skip

"""Orders that wait for a person, each in one known way, and repeated ones."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Final

from tillflow.codes import Verdict
from tillflow.samples.case import Case
from tillflow.samples.order_edges import Recipe
from tillflow.samples.orders import ADDRESS, OrderMaker

_NO_ADDRESS: Final = dict.fromkeys(ADDRESS, "")


def _no_lottery(make: OrderMaker) -> Case:
    """Hides all that only a lottery knows, the default currency too."""
    case = make.order().set(CURRENCY="", DRAW_NO="99", PRODUCT="")
    return case.fails("unknown_lottery", LOTTERY="nowhere").worth(0, "XXX")


def _inactive_lottery(make: OrderMaker) -> Case:
    case = make.order(make.product("coast"))
    return case.fails("unknown_lottery", LOTTERY="gone", CURRENCY="AUD")


def _draw_that_is_not_open(make: OrderMaker) -> Case:
    case = make.order().fails("draw_not_open", DRAW_NO=make.random.choice(["1", "4"]))
    return case.fails("amount_mismatch")  # every draw has prices of its own


def _no_such_draw(make: OrderMaker) -> Case:
    return make.order().fails("draw_not_open", DRAW_NO="77", PRODUCT="")


def _no_next_draw(make: OrderMaker) -> Case:
    case = make.order(make.product("coast"))
    return case.fails("draw_not_open", LOTTERY="dry", DRAW_NO="next", CURRENCY="EUR").worth(case.minor, "EUR")


def _unknown_product(make: OrderMaker) -> Case:
    return make.order().fails("unknown_product", PRODUCT=make.random.choice(["t1", "T9", ""]))


def _wrong_amount(make: OrderMaker) -> Case:
    case = make.order(make.product("sakura"))
    return case.fails("amount_mismatch", AMOUNT=str(case.minor + 1)).worth(case.minor + 1)


def _other_currency(make: OrderMaker) -> Case:
    case = make.order(make.product("coast"))  # two places, as New Zealand's dollar
    return case.fails("currency_mismatch", CURRENCY="NZD").worth(case.minor, "NZD")


def _bad_currency(make: OrderMaker) -> Case:
    currency = make.random.choice(["XXX", "$", "DOLLAR"])
    return make.order().fails("bad_currency", CURRENCY=currency).worth(0, "XXX")


def _bad_amount(make: OrderMaker) -> Case:
    amount = make.random.choice(["", "0", "0.000", "1.23456", "-5", "5,00", "1e3", "$5", "٥"])
    return make.order().fails("bad_amount", AMOUNT=amount).worth(0)


def _bad_quantity(make: OrderMaker) -> Case:
    return make.order().fails("bad_quantity", QUANTITY=make.random.choice(["", "0", "10000", "1.0", "-1", "two"]))


def _bad_title(make: OrderMaker) -> Case:
    return make.order().fails("bad_title", TITLE=make.random.choice(["Sir", "Mr..", "Mx"]))


def _bad_first_name(make: OrderMaker) -> Case:
    name = make.random.choice(["", "A", "R2-D2", "a_b", "x" * 45, "Bo\tBo", "Ada🎉"])
    return make.order().fails("bad_first_name", FIRST_NAME=name)


def _bad_last_name(make: OrderMaker) -> Case:
    name = make.random.choice(["", "王", "Smith2", "Li,Bo", "y" * 37, 'Bob "B"'])
    return make.order().fails("bad_last_name", LAST_NAME=name)


def _missing_address(make: OrderMaker) -> Case:
    case = make.order(make.product("coast")).set(PAYMENT_TYPE="CASH", PAYMENT_REF="", CARD_TOKEN="")
    missing = make.random.choice(["ADD_SUBURB", "ADD_STATE", "ADD_POSTCODE"])
    return case.set(**ADDRESS).fails("missing_address", EMAIL="", **{missing: "\u00a0"})


def _missing_street_number(make: OrderMaker) -> Case:
    case = make.order(make.product("gulf")).set(**ADDRESS)
    return case.fails("missing_address", ADD_LINE_1="", ADD_STREET_NUMBER="")


def _missing_line_of_an_international_address(make: OrderMaker) -> Case:
    case = make.order(make.product("sakura")).set(**ADDRESS)
    return case.fails("missing_address", EMAIL="", ADD_LINE_1="")


def _missing_address_of_a_bank_draft(make: OrderMaker) -> Case:
    case = make.order(make.product("coast")).set(**_NO_ADDRESS)
    return case.fails("missing_address", PAYMENT_TYPE="BD", PAYMENT_REF="BD 1", CARD_TOKEN="")


def _bad_address(make: OrderMaker) -> Case:
    column, length = make.random.choice([("ADD_LINE_1", 98), ("ADD_SUBURB", 45), ("ADD_STATE", 45)])
    return make.order().fails("bad_address", **{column: "x" * length})


def _bad_postcode(make: OrderMaker) -> Case:
    country, postcode = make.random.choice([("", "123"), ("AU", "12345"), ("DE", "12345678901")])
    return make.order().fails("bad_postcode", ADD_COUNTRY=country, ADD_POSTCODE=postcode)


def _bad_country(make: OrderMaker) -> Case:
    return make.order().fails("bad_country", ADD_COUNTRY=make.random.choice(["ZZ", "AUS", "Ö"]))


def _bad_email(make: OrderMaker) -> Case:
    address = make.random.choice(
        ["a@b", "a b@example.com", "@example.com", "zoë@example.com", "a@b.", "x" * 250 + "@b.co"]
    )
    return make.order().fails("bad_email", EMAIL=address)


def _bad_phone(make: OrderMaker) -> Case:
    phone = make.random.choice(["12345", "+61 / 123456", "call me", "+61 (2) 5550 0101 22 3", "+-().     5"])
    return make.order().fails("bad_phone", PHONE=phone)


def _unknown_customer(make: OrderMaker) -> Case:
    return make.order().fails("unknown_customer", CUSTOMER_ID=make.random.choice(["0", "x" * 100]))


def _bad_customer_id(make: OrderMaker) -> Case:
    return make.order().fails("bad_customer_id", CUSTOMER_ID="x" * 101)


def _missing_payment_ref(make: OrderMaker) -> Case:
    kind = make.random.choice(["CHQ", "MO"])
    return make.order().fails("missing_payment_ref", PAYMENT_TYPE=kind, PAYMENT_REF="", CARD_TOKEN="")


def _missing_card_token(make: OrderMaker) -> Case:
    return make.order().fails("missing_card_token", PAYMENT_TYPE="CC", CARD_TOKEN=" ")  # noqa: S106 - a blank


def _card_token_not_allowed(make: OrderMaker) -> Case:
    return make.order().fails("card_token_not_allowed", PAYMENT_TYPE="CASH", CARD_TOKEN="tok_ok")  # noqa: S106 - made up


def _bad_sale_date(make: OrderMaker) -> Case:
    written = make.random.choice(["", "1/6/2026", "2026-02-30", "2026-06-01T10:00:00", "20260601"])
    return make.order().fails("bad_sale_date", SALE_DATE=written)


def _sold_tomorrow(make: OrderMaker) -> Case:
    return make.order().fails("sale_date_in_future", SALE_DATE=make.day(1))


def _sold_in_a_moment(make: OrderMaker) -> Case:
    at = (make.now + timedelta(microseconds=1)).isoformat()
    return make.order().fails("sale_date_in_future", SALE_DATE=at)


def _everything_at_once(make: OrderMaker) -> Case:
    case = make.order(make.product("coast")).set(**_NO_ADDRESS, PAYMENT_REF="", EMAIL="", CUSTOMER_ID="")
    broken = {
        "TITLE": ("bad_title", "Sir"), "FIRST_NAME": ("bad_first_name", "1"), "PHONE": ("bad_phone", "-"),
        "QUANTITY": ("bad_quantity", "0"), "ADD_COUNTRY": ("bad_country", "--"),
        "SALE_DATE": ("bad_sale_date", "soon"), "CARD_TOKEN": ("missing_card_token", ""),
    }  # fmt: skip
    for column, (reason, value) in broken.items():
        case.fails(reason, **{column: value})
    return case.fails("missing_address", PAYMENT_TYPE="CC")


def _same_again(make: OrderMaker) -> Case:
    again = deepcopy(make.earlier())
    again.verdict, again.reasons = Verdict.DUPLICATE, set()
    return again.set(EMAIL=again.fields["EMAIL"].upper(), ORDER_ID=f"00{again.fields['ORDER_ID']}")


def _conflict(make: OrderMaker) -> Case:
    case = deepcopy(make.earlier())
    case.reasons = set()
    return case.fails("order_conflict", ADD_LINE_2=f"other content {len(make.made)}")


#: rows that wait for a person, and repeated ones
FAULTS: Final[tuple[Recipe, ...]] = (
    _no_lottery, _inactive_lottery, _draw_that_is_not_open, _no_such_draw, _no_next_draw,
    _unknown_product, _wrong_amount, _other_currency, _bad_currency, _bad_amount, _bad_quantity,
    _bad_title, _bad_first_name, _bad_last_name, _missing_address, _missing_street_number,
    _missing_line_of_an_international_address, _missing_address_of_a_bank_draft, _bad_address,
    _bad_postcode, _bad_country, _bad_email, _bad_phone, _unknown_customer, _bad_customer_id,
    _missing_payment_ref, _missing_card_token, _card_token_not_allowed, _bad_sale_date, _sold_tomorrow,
    _sold_in_a_moment, _everything_at_once, _same_again, _conflict,
)  # fmt: skip

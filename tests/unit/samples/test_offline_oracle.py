"""Each rule of the offline sales, by hand: three lotteries and a channel in Sydney."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tillflow.codes import Verdict
from tillflow.samples.model import Buyer, Channel, Draw, DrawProduct, Lottery, PortalSample
from tillflow.samples.oracle import Expected, OfflineOracle

NOW = datetime(2026, 7, 1, 13, 59, 59, tzinfo=UTC)  # one second before midnight in Sydney
OPENS, CLOSES = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
PORTAL = PortalSample(
    channels=(
        Channel("phone", "Phone", "Australia/Sydney"),
        Channel("stall", "Stall", "Australia/Sydney", 1),
    ),
    lotteries=(
        Lottery("house", "House", "AUD"),
        Lottery("world", "World", "JPY", "international", address_required=True),
        Lottery("past", "Past", "AUD"),
        Lottery("off", "Off", "AUD", active=False),
    ),
    draws=(
        Draw("house", 1, OPENS, NOW),
        Draw("house", 2, NOW, CLOSES),
        Draw("house", 10, OPENS, CLOSES),
        Draw("house", 3, CLOSES, None),
        Draw("world", 1, OPENS, CLOSES),
        Draw("past", 1, OPENS, NOW),
    ),
    draw_products=(
        DrawProduct("house", 1, "T1", "Ticket", "4.00"),
        DrawProduct("house", 2, "T1", "Ticket", "5.00"),
        DrawProduct("house", 10, "T1", "Ticket", "6.00"),
        DrawProduct("world", 1, "T1", "Ticket", "500"),
    ),
    buyers=(Buyer("007", None, "Ann", "Li"),),
)
GOOD = {
    "ORDER_ID": "1",
    "LOTTERY": "house",
    "DRAW_NO": "2",
    "FIRST_NAME": "Ann",
    "LAST_NAME": "Li",
    "EMAIL": "ann@example.com",
    "PRODUCT": "T1",
    "QUANTITY": "1",
    "AMOUNT": "5.00",
    "PAYMENT_TYPE": "CASH",
    "SALE_DATE": "2026-07-01",
}
ADDRESS = {
    "ADD_STREET_NUMBER": "1",
    "ADD_STREET_NAME": "Main Street",
    "ADD_SUBURB": "Hobart",
    "ADD_STATE": "TAS",
    "ADD_POSTCODE": "7000",
}
WORLD = {"LOTTERY": "world", "DRAW_NO": "1", "AMOUNT": "500", "ADD_LINE_1": "1-1", **ADDRESS}


def judge(*rows: dict[str, str] | None, channel: str = "phone") -> list[Expected]:
    return OfflineOracle(PORTAL, channel, NOW).judge_file(rows)


def reasons(**fields: str) -> set[str]:
    (row,) = judge(GOOD | fields)
    assert (row.verdict == Verdict.EXCEPTION) == bool(row.reasons)
    return set(row.reasons)


def test_a_good_order_is_a_sale_with_its_money() -> None:
    fields = {"QUANTITY": "3", "AMOUNT": "15"}
    assert judge(GOOD | fields) == [Expected(2, Verdict.SALE, frozenset(), "AUD", 1500)]


def test_headers_in_any_case_and_padded_values_change_nothing() -> None:
    row: dict[str, str] = {f" {name.lower()}": f"\u00a0{value}\t" for name, value in GOOD.items()}
    assert [r.verdict for r in judge(None, row, None)] == [Verdict.SALE]
    assert judge(None, row)[0].row_no == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"LOTTERY": "House"}, {"unknown_lottery"}),
        ({"LOTTERY": "off"}, {"unknown_lottery"}),
        ({"LOTTERY": "", "DRAW_NO": "99", "PRODUCT": "", "AMOUNT": "x"}, {"unknown_lottery"}),
        ({"LOTTERY": "", "AMOUNT": "x", "CURRENCY": "AUD"}, {"unknown_lottery", "bad_amount"}),
        ({"DRAW_NO": "99", "PRODUCT": "none"}, {"draw_not_open"}),
        ({"DRAW_NO": "1", "AMOUNT": "4"}, {"draw_not_open"}),  # closes at this moment
        ({"DRAW_NO": "1"}, {"draw_not_open", "amount_mismatch"}),
        ({"DRAW_NO": "1", "PRODUCT": "T2"}, {"draw_not_open", "unknown_product"}),
        ({"DRAW_NO": "3"}, {"draw_not_open", "unknown_product"}),
        ({"DRAW_NO": "next"}, set()),  # 2 and 10 close together
        ({"DRAW_NO": "NEXT", "AMOUNT": "6"}, {"amount_mismatch"}),
        ({"LOTTERY": "past", "DRAW_NO": "next"}, {"draw_not_open"}),
        ({"PRODUCT": "t1"}, {"unknown_product"}),
        ({"PRODUCT": ""}, {"unknown_product"}),
        ({"QUANTITY": "2"}, {"amount_mismatch"}),
        ({"QUANTITY": "002", "AMOUNT": "010.0"}, set()),
        ({"QUANTITY": "0"}, {"bad_quantity"}),
        ({"QUANTITY": "10000"}, {"bad_quantity"}),
        ({"QUANTITY": ""}, {"bad_quantity"}),
        ({"AMOUNT": "5.000"}, {"bad_amount"}),
        ({"AMOUNT": "0.00"}, {"bad_amount"}),
        ({"AMOUNT": ""}, {"bad_amount"}),
        ({"CURRENCY": "AUD"}, set()),
        ({"CURRENCY": "NZD"}, {"currency_mismatch"}),
        ({"CURRENCY": "XYZ", "AMOUNT": "x"}, {"bad_currency"}),
        ({"TITLE": "mrs."}, set()),
        ({"TITLE": "Sir"}, {"bad_title"}),
        ({"TITLE": "Mrſ"}, {"bad_title"}),  # a long s is no s
        ({"FIRST_NAME": "Zoë-Ann O’B. d'Arc"}, set()),
        ({"FIRST_NAME": "A"}, {"bad_first_name"}),
        ({"FIRST_NAME": "e\u0301"}, {"bad_first_name"}),  # one character when composed
        ({"FIRST_NAME": "e\u0301" * 44}, set()),
        ({"FIRST_NAME": "x" * 45}, {"bad_first_name"}),
        ({"FIRST_NAME": "J4ne"}, {"bad_first_name"}),
        ({"FIRST_NAME": ""}, {"bad_first_name"}),
        ({"LAST_NAME": "王伟"}, set()),
        ({"LAST_NAME": "y" * 36}, set()),
        ({"LAST_NAME": "y" * 37}, {"bad_last_name"}),
        ({"LAST_NAME": "Li_Bo"}, {"bad_last_name"}),
        ({"EMAIL": "ann@localhost"}, {"bad_email"}),
        ({"EMAIL": "a nn@example.com"}, {"bad_email"}),
        ({"EMAIL": "zoë@example.com"}, {"bad_email"}),
        ({"EMAIL": "x" * 249 + "@b.co"}, set()),
        ({"EMAIL": "x" * 250 + "@b.co"}, {"bad_email"}),
        ({"PHONE": "+61 (2) 5550-0101"}, set()),
        ({"PHONE": "12345 ()"}, {"bad_phone"}),
        ({"PHONE": "123456 ext"}, {"bad_phone"}),
        ({"PHONE": "1" * 12 + "." * 9}, {"bad_phone"}),
        ({"CUSTOMER_ID": "007"}, set()),
        ({"CUSTOMER_ID": "7"}, {"unknown_customer"}),
        ({"CUSTOMER_ID": "x" * 101}, {"bad_customer_id"}),
        ({"PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok"}, set()),
        ({"PAYMENT_TYPE": "CC"}, {"missing_card_token"}),
        ({"PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "1"}, set()),
        ({"PAYMENT_TYPE": "CHQ"}, {"missing_payment_ref"}),
        ({"PAYMENT_TYPE": "MO", "CARD_TOKEN": "t"}, {"missing_payment_ref", "card_token_not_allowed"}),
        ({"PAYMENT_TYPE": "BD", **ADDRESS}, {"missing_payment_ref"}),
        ({"PAYMENT_TYPE": "BD", "PAYMENT_REF": "1"}, {"missing_address"}),
        ({"EMAIL": ""}, {"missing_address"}),
        ({"EMAIL": "", **ADDRESS}, set()),
        ({"EMAIL": "", **ADDRESS, "ADD_STREET_NUMBER": ""}, {"missing_address"}),
        ({"EMAIL": "", **ADDRESS, "ADD_STREET_NUMBER": "", "ADD_LINE_1": "x"}, set()),
        ({"EMAIL": "", **ADDRESS, "ADD_STATE": ""}, {"missing_address"}),
        ({"EMAIL": "", **ADDRESS, "ADD_POSTCODE": ""}, {"missing_address"}),
        (WORLD, set()),
        ({**WORLD, "ADD_STATE": ""}, set()),
        ({**WORLD, "ADD_LINE_1": ""}, {"missing_address"}),
        ({**WORLD, "ADD_SUBURB": ""}, {"missing_address"}),
        ({"ADD_STREET_NAME": "s" * 97}, set()),
        ({"ADD_UNIT": "1", "ADD_STREET_NAME": "s" * 96}, {"bad_address"}),
        ({"ADD_LINE_1": "short", "ADD_STREET_NAME": "s" * 98}, set()),
        ({"ADD_STATE": "s" * 45}, {"bad_address"}),
        ({"ADD_POSTCODE": "0800"}, set()),
        ({"ADD_POSTCODE": "800"}, {"bad_postcode"}),
        ({"ADD_POSTCODE": "SW1A 1AA", "ADD_COUNTRY": "GB"}, set()),
        ({"ADD_POSTCODE": "x" * 11, "ADD_COUNTRY": "GB"}, {"bad_postcode"}),
        ({"ADD_COUNTRY": "UK"}, {"bad_country"}),
        ({"ADD_COUNTRY": "ß"}, {"bad_country"}),  # not SS, South Sudan
        ({"SALE_DATE": "2026-07-02"}, {"sale_date_in_future"}),
        ({"SALE_DATE": "2026-07-01T13:59:59Z"}, set()),
        ({"SALE_DATE": "2026-07-01T23:59:59.000001+10:00"}, {"sale_date_in_future"}),
        ({"SALE_DATE": "2026-07-01T23:59"}, {"bad_sale_date"}),
        ({"SALE_DATE": "01/07/2026"}, {"bad_sale_date"}),
        ({"SALE_DATE": ""}, {"bad_sale_date"}),
    ],
)
def test_rule(fields: dict[str, str], expected: set[str]) -> None:
    assert reasons(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "currency", "amount"),
    [
        ({"LOTTERY": "off"}, "XXX", 0),
        ({"LOTTERY": "off", "CURRENCY": "KWD", "AMOUNT": "1.5"}, "KWD", 1500),
        ({"CURRENCY": "NZD"}, "NZD", 500),
        ({"CURRENCY": "dollars"}, "XXX", 0),
        ({"AMOUNT": "five"}, "AUD", 0),
        ({"QUANTITY": "two"}, "AUD", 500),
    ],
)
def test_the_money_of_a_row_with_errors(fields: dict[str, str], currency: str, amount: int) -> None:
    (row,) = judge(GOOD | fields)
    assert (row.currency, row.amount_minor) == (currency, amount)


def test_the_same_order_again_is_a_duplicate_however_it_is_spelt() -> None:
    spelt = {
        "ORDER_ID": "0001",
        "DRAW_NO": "02",
        "QUANTITY": "01",
        "AMOUNT": "5",
        "EMAIL": "Ann@Example.COM",
        "SALE_DATE": "2026-07-01T00:00:00+10:00",
    }
    assert judge(GOOD, GOOD | spelt)[1] == Expected(3, Verdict.DUPLICATE, frozenset(), "AUD", 500)


@pytest.mark.parametrize("column", ["TITLE", "ADD_LINE_2", "CURRENCY", "PAYMENT_REF", "FIRST_NAME"])
def test_another_text_in_any_known_column_is_a_conflict(column: str) -> None:
    row = judge(GOOD, GOOD | {column: "other"})[1]
    assert (row.verdict, row.reasons) == (Verdict.EXCEPTION, {"order_conflict"})


def test_an_unknown_column_is_no_content() -> None:
    assert judge(GOOD, GOOD | {"NOTE": "called twice"})[1].verdict == Verdict.DUPLICATE


def test_next_is_content_as_written() -> None:
    rows = judge(GOOD, GOOD | {"DRAW_NO": "next"}, GOOD | {"DRAW_NO": "NEXT"})
    assert [row.verdict for row in rows] == [Verdict.SALE, Verdict.EXCEPTION, Verdict.DUPLICATE]


def test_orders_of_another_lottery_have_keys_of_their_own() -> None:
    rows = judge(GOOD, GOOD | WORLD, GOOD | {"LOTTERY": "HOUSE"})
    assert [set(row.reasons) for row in rows] == [set(), set(), {"unknown_lottery"}]


def test_keys_are_remembered_from_file_to_file() -> None:
    oracle = OfflineOracle(PORTAL, "phone", NOW)
    assert [oracle.judge_file([GOOD])[0].verdict for _ in range(2)] == [Verdict.SALE, Verdict.DUPLICATE]


def test_more_row_errors_than_the_channel_allows_refuse_the_file_and_leave_no_trace() -> None:
    oracle = OfflineOracle(PORTAL, "stall", NOW)
    bad = [GOOD | {"ORDER_ID": number, "TITLE": "Sir"} for number in ("2", "3")]
    assert {row.verdict for row in oracle.judge_file([GOOD, *bad])} == {Verdict.REJECTED}
    assert [row.verdict for row in oracle.judge_file([GOOD, bad[0]])] == [Verdict.SALE, Verdict.EXCEPTION]

"""Card numbers are found however they are written; numbers that only look like one are not."""

from __future__ import annotations

import pytest

from tillflow.intake.card_numbers import holds_card_number

# the test numbers the brands publish
ISSUED = {
    "Visa": "4111111111111111",
    "Visa, 19 digits": "4000000000000000006",
    "Mastercard": "5555555555554444",
    "Mastercard, second range": "2223003122003222",
    "American Express": "378282246310005",
    "Diners Club": "30569309025904",
    "Discover": "6011111111111117",
    "JCB": "3530111333300000",
    "UnionPay": "6200000000000005",
    "Maestro": "6759649826438453",
    "Mir": "2200000000000004",
}


@pytest.mark.parametrize("brand", ISSUED)
def test_a_number_that_is_issued(brand: str) -> None:
    assert holds_card_number(ISSUED[brand])


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111\u00a01111\u00a01111\u00a01111",  # no-break spaces of a word processor
        "4111\u20131111\u20131111\u20131111",  # en dashes
        "4111\u20101111\u20101111\u20101111",
        "4111\t1111\n1111 1111",
        "４１１１１１１１１１１１１１１１",  # fullwidth
        "٤١١١١١١١١١١١١١١١",
        "card 4111111111111111, exp 12/28",
        "x4111111111111111y",
        "'4111111111111111",
        "27 4111111111111111",  # another number before it
        "2026-06-27 4111 1111 1111 1111 12 28",
        "4111111111111111-123",
        '{"pan": "4111111111111111"}',
    ],
)
def test_a_number_in_any_spelling(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111111111111112",  # Luhn
        "411111111111",  # 12 digits
        "41111111111111111111",  # 20 digits: no card is that long
        "4006381333931",  # an EAN-13 that begins as a Visa
        "9780306406157",  # ISBN-13
        "490154203237518",  # IMEI: 15 digits with Luhn, and no American Express
        "0000000000000000",  # zeros pass Luhn
        "1234567812345670",  # passes Luhn, issued by nobody
        "2026-06-01T10:00:00+10:00",
        "tok_1NXWPnLkdIwHu7ix",
        "4111.1111.1111.1111.",
        "+61 2 5550 0101",
        "4111,1111,1111,1111",
        "4111  1111  1111  1111x",  # two blanks part two numbers
        "\u0000\ufeff\u202e-- 'DROP TABLE",
    ],
)
def test_no_card_number(text: str) -> None:
    assert not holds_card_number(text)


@pytest.mark.parametrize("brand", ISSUED)
def test_one_wrong_digit_is_no_card(brand: str) -> None:
    number = ISSUED[brand]
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not holds_card_number(wrong)

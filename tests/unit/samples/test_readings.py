from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from tillflow.samples import readings as read

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01 00:00:00+0000", 0),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T10:00:00+10:00", 0),
        ("1969-12-31T14:30:00-09:30", 0),
        ("1970-01-01T23:59+23:59", 0),
        ("2999-12-31T23:59:59.999999-00:01", 32_503_680_059_999_999),
        ("3000-01-01T00:00Z", None),
        ("0999-12-31T00:00Z", None),
        ("2024-02-29T00:00Z", 1709164800 * 1_000_000),
        ("2026-02-29T00:00Z", None),
        ("2026-01-01T24:00Z", None),
        ("2026-01-01T00:60Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-01-01T00:00:00.1234567Z", None),
        ("2026-01-01T00:00", None),
        ("2026-01-01T00:00+10", None),
        ("2026-01-01T00:00+10:60", None),
        ("2026-01-01T00:00+24:00", None),
        ("2026-01-01t00:00z", None),
        ("2026-01-01", None),
        ("٢026-01-01T00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_instant(text: str | None, expected: int | None) -> None:
    assert read.instant(text) == expected


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("2.5", "AUD", 250),
        ("2.50", "AUD", 250),
        ("2.500", "AUD", None),
        ("007", "JPY", 7),
        ("7.0", "JPY", None),
        ("1.234", "KWD", 1234),
        ("9" * 12 + ".99", "AUD", 99_999_999_999_999),
        ("1" * 13, "AUD", None),
        (".5", "AUD", None),
        ("5.", "AUD", None),
        ("+5", "AUD", None),
        ("٥", "AUD", None),
        ("5", None, None),
    ],
)
def test_amount(text: str, currency: str | None, expected: int | None) -> None:
    assert read.amount(text, currency) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, False), ("", False), ("N", False), ("T", True), ("yes", True), ("on", None), ("01", None)],
)
def test_flag(text: str | None, expected: bool | None) -> None:
    assert read.flag(text) is expected


def test_only_blanks_are_trimmed_and_a_blank_value_is_absent() -> None:
    assert read.present({" A\u00a0": "\t x\u2003", "b": " \u00a0", "C": None}) == {"a": "x\u2003"}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Australia/Sydney", date(2026, 4, 5), -11),  # clocks go back at three
        ("Australia/Sydney", date(2026, 4, 6), -10),
        ("Africa/Cairo", date(2026, 4, 24), -2),  # there is no midnight: the day begins at one
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, day: date, hours: int) -> None:
    midnight_utc = (day - date(1970, 1, 1)).days * 24 * HOUR
    assert read.first_instant(day, ZoneInfo(zone)) == midnight_utc + hours * HOUR

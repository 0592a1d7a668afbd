"""One cell at a time: what each kind takes, what it turns it into, what it refuses."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tillflow.pins import pin_hash
from tillflow.portal import cells
from tillflow.portal.cells import Kind, Reading

SECRET = b"0123456789abcdef"
SYDNEY = Reading(ZoneInfo("Australia/Sydney"), SECRET)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (cells.text(5), "Zoë B", "Zoë B"),
        (cells.text(9), "a\u00a0b", "a\u00a0b"),
        (cells.whole(0), "0", 0),
        (cells.whole(0), "0012", 12),
        (cells.FLAG, "Yes", True),
        (cells.FLAG, "0", False),
        (cells.choice("standard", "international"), "Standard", "standard"),
        (cells.CURRENCY, "aud", "AUD"),
        (cells.ZONE, "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        (cells.ZONE, "UTC", "UTC"),
        (cells.EMAIL, "Ann.B@Mail.example.com", "Ann.B@Mail.example.com"),
        (cells.EMAIL_KEY, "Ann@X.example", "ann@x.example"),
        (cells.PERCENT, "7.25", Decimal("7.25")),
        (cells.PERCENT, "100", Decimal(100)),
        (cells.AMOUNT, "0", "0"),
        (cells.AMOUNT, "2.505", "2.505"),
        (cells.POSITIVE_AMOUNT, "0.001", "0.001"),
        (cells.DAY_OR_INSTANT, "2026-02-28", "2026-02-28"),
        (cells.DAY_OR_INSTANT, "2026-03-01T06:00+11:00", "2026-02-28T19:00:00+00:00"),
        (cells.DAY_OR_INSTANT, "2026-03-01 06:00:00.25Z", "2026-03-01T06:00:00.250000+00:00"),
        (cells.DAY_OR_INSTANT, "2026-03-01T06:00:00-0330", "2026-03-01T09:30:00+00:00"),
        (cells.INSTANT, "2026-03-01", "2026-02-28T13:00:00+00:00"),
        (cells.INSTANT, "2026-03-01T00:00Z", "2026-03-01T00:00:00+00:00"),
        (cells.PIN, "1234", str(pin_hash(SECRET, "1234"))),
    ],
)
def test_a_cell_is_taken(kind: Kind, cell: str, value: object) -> None:
    assert kind.read(cell, SYDNEY) == value


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (cells.text(5), "sixsix"),
        (cells.text(9), "a\nb"),
        (cells.text(9), "a\x07b"),
        (cells.key("[a-z]+", "letters"), "ab\n"),
        (cells.whole(1), "0"),
        (cells.whole(1), "1_0"),
        (cells.whole(1), "٣"),
        (cells.whole(1), "2147483648"),
        (cells.whole(1), "1" * 5000),
        (cells.FLAG, "maybe"),
        (cells.CURRENCY, "XXX"),
        (cells.CURRENCY, "EURO"),
        (cells.ZONE, "Sydney"),
        (cells.ZONE, "CET"),  # PostgreSQL has no summer time in it, Python has
        (cells.ZONE, "Australia/sydney"),
        (cells.EMAIL, "ann"),
        (cells.EMAIL, "ann@localhost"),
        (cells.EMAIL, "ann b@x.example"),
        (cells.EMAIL, "a@b@x.example"),
        (cells.EMAIL, "ann@x..example"),
        (cells.EMAIL, "a" * 250 + "@x.example"),
        (cells.PERCENT, "100.01"),
        (cells.PERCENT, "7.255"),
        (cells.PERCENT, "10%"),
        (cells.PERCENT, "-1"),
        (cells.AMOUNT, "-1"),
        (cells.AMOUNT, "1,50"),
        (cells.AMOUNT, "NaN"),
        (cells.AMOUNT, "1e3"),
        (cells.POSITIVE_AMOUNT, "0.00"),
        (cells.DAY_OR_INSTANT, "2026-02-30"),
        (cells.DAY_OR_INSTANT, "28/02/2026"),
        (cells.DAY_OR_INSTANT, "20260228"),
        (cells.DAY_OR_INSTANT, "2026-03-01T06:00"),  # whose six o'clock?
        (cells.DAY_OR_INSTANT, "2026-03-01T24:00Z"),
        (cells.DAY_OR_INSTANT, "9999-12-31"),
        (cells.DAY_OR_INSTANT, "1899-12-31"),
        (cells.PIN, "1" * 41),
    ],
)
def test_a_cell_is_refused(kind: Kind, cell: str) -> None:
    assert kind.read(cell, SYDNEY) is None


@pytest.mark.parametrize(
    ("zone", "day", "first_instant"),
    [
        ("Australia/Sydney", "2025-10-05", "2025-10-04T14:00:00+00:00"),  # clocks change at 2:00
        ("Africa/Cairo", "2025-04-25", "2025-04-24T22:00:00+00:00"),  # there is no midnight
        ("America/Havana", "2025-11-02", "2025-11-02T04:00:00+00:00"),  # there are two
    ],
)
def test_a_day_begins_with_its_first_instant(zone: str, day: str, first_instant: str) -> None:
    assert cells.INSTANT.read(day, Reading(ZoneInfo(zone), SECRET)) == first_instant

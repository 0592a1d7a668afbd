"""What one cell of a portal data file says. Pure; a reader answers None where it cannot use the text.

Whatever takes a second cell, row or table to judge (money needs a currency, a plain date the zone of
a site) is kept as checked text here and settled in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tillflow.money import EXPONENTS
from tillflow.pins import pin_hash

#: what is trimmed from both ends of a value: space, tab, no-break space
BLANKS: Final = " \t\u00a0"

#: also halves of surrogate pairs, which JSON can carry and UTF-8 cannot
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EMAIL: Final = re.compile(r"[^@]+@[^@.]+(?:\.[^@.]+)+")
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?")
_PERCENT: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-5]):?[0-5][0-9])"
)
_FLAGS: Final = dict.fromkeys(("1", "true", "t", "yes", "y"), True) | dict.fromkeys(
    ("0", "false", "f", "no", "n"), False
)
#: outside these years somebody mistyped, or wrote an open end as 9999-12-31
_YEARS: Final = range(1900, 3000)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the readers need besides the cell: the zone of plain dates, the key that hashes PINs."""

    zone: ZoneInfo
    pin_secret: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to read cells: `read` gives a value that is not None, or None; `expects` says what it takes."""

    read: Callable[[str, Reading], object | None]
    expects: str
    #: what a form shows for it
    form: str
    choices: tuple[str, ...] = ()


def text(limit: int) -> Kind:
    """Printable text of at most `limit` characters."""

    def read(cell: str, _: Reading) -> str | None:
        printable = cell.isprintable() or not _CONTROL.search(cell)
        return cell if len(cell) <= limit and printable else None

    return Kind(read, f"text of at most {limit} printable characters", "text")


def key(pattern: str, expects: str) -> Kind:
    """A key that fits a pattern as a whole."""
    compiled = re.compile(pattern)
    return Kind(lambda cell, _: cell if compiled.fullmatch(cell) else None, expects, "text")


def whole(least: int, most: int = 2**31 - 1) -> Kind:
    """A whole number in ASCII digits: int() would take 1_000 and digits of other scripts."""

    def read(cell: str, _: Reading) -> int | None:
        return int(cell) if re.fullmatch("[0-9]{1,10}", cell) and least <= int(cell) <= most else None

    return Kind(read, f"a whole number from {least}" + (f" to {most}" if most < 2**31 - 1 else ""), "whole")


def choice(*options: str) -> Kind:
    """One of a few words, in any case."""
    expects = "one of " + ", ".join(options)
    return Kind(lambda cell, _: cell.lower() if cell.lower() in options else None, expects, "choice", options)


def _flag(cell: str, _: Reading) -> bool | None:
    return _FLAGS.get(cell.lower())


def _currency(cell: str, _: Reading) -> str | None:
    return cell.upper() if cell.upper() in EXPONENTS else None


def _zone(cell: str, _: Reading) -> str | None:
    # PostgreSQL reads CET or EST as a fixed offset, Python as a zone with summer time: neither is taken.
    return cell if cell == "UTC" or ("/" in cell and cell in _zone_names()) else None


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _email(cell: str, _: Reading) -> str | None:
    printable = cell.isascii() and cell.isprintable() and " " not in cell
    return cell if printable and len(cell) <= 254 and _EMAIL.fullmatch(cell) else None


def _email_key(cell: str, reading: Reading) -> str | None:
    return _email(cell.lower(), reading)


def _percent(cell: str, _: Reading) -> Decimal | None:
    return Decimal(cell) if _PERCENT.fullmatch(cell) and Decimal(cell) <= 100 else None


def _amount(cell: str, _: Reading) -> str | None:
    return cell if _AMOUNT.fullmatch(cell) else None


def _positive_amount(cell: str, _: Reading) -> str | None:
    return cell if _AMOUNT.fullmatch(cell) and cell.strip("0.") else None


def _day_or_instant(cell: str, _: Reading) -> str | None:
    """`2026-03-01` stays a day until SQL knows whose day; an instant becomes UTC, ISO 8601."""
    try:
        if _DAY.fullmatch(cell):
            return cell if date.fromisoformat(cell).year in _YEARS else None
        instant = datetime.fromisoformat(cell) if _INSTANT.fullmatch(cell) else None
    except ValueError:
        return None
    return instant.astimezone(UTC).isoformat() if instant and instant.year in _YEARS else None


def _day(cell: str, reading: Reading) -> str | None:
    return _day_or_instant(cell, reading) if _DAY.fullmatch(cell) else None


def _instant(cell: str, reading: Reading) -> str | None:
    """Like `_day_or_instant`, but a plain date is the first instant of that day in the reading's zone."""
    written = _day_or_instant(cell, reading)
    if written is None or not _DAY.fullmatch(written):
        return written
    # fold=0: of two midnights the first, of none the moment the clocks jump
    return datetime.combine(date.fromisoformat(written), time(), reading.zone).astimezone(UTC).isoformat()


_PIN_TEXT: Final = text(40)


def _pin(cell: str, reading: Reading) -> str | None:
    """The keyed hash; the PIN itself goes no further than this function."""
    return str(pin_hash(reading.pin_secret, cell)) if _PIN_TEXT.read(cell, reading) else None


FLAG: Final = Kind(_flag, "true or false", "flag")
CURRENCY: Final = Kind(_currency, "an ISO 4217 currency such as AUD", "currency", tuple(EXPONENTS))
ZONE: Final = Kind(_zone, "an IANA zone such as Australia/Sydney, or UTC", "zone")
EMAIL: Final = Kind(_email, "an e-mail address such as ann@example.com", "email")
EMAIL_KEY: Final = Kind(_email_key, EMAIL.expects, "email")
PERCENT: Final = Kind(_percent, "a percentage from 0 to 100 with at most two decimals, such as 10 or 7.5", "percent")
AMOUNT: Final = Kind(_amount, "an amount such as 2.50", "amount")
POSITIVE_AMOUNT: Final = Kind(_positive_amount, "an amount above 0 such as 2.50", "amount")
DAY_OR_INSTANT: Final = Kind(
    _day_or_instant,
    "a day (2026-03-01) or an instant with offset (2026-03-01T06:00:00+11:00) of the years 1900 to 2999",
    "moment",
)
DAY: Final = Kind(_day, "a day such as 2026-03-01", "day")
COUNTRY: Final = key("[A-Z]{2}", "an ISO 3166-1 country: two capital letters such as AU")
INSTANT: Final = Kind(_instant, DAY_OR_INSTANT.expects, "moment")
PIN: Final = Kind(_pin, "a PIN of at most 40 printable characters", "pin")

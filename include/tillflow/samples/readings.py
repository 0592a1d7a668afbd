"""How a value of a file is read: the oracle's own reading of the decision on judgement's edges.

Every function takes trimmed text and returns None where the value cannot be read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.countries import COUNTRIES
from tillflow.money import EXPONENTS

BLANKS: Final = " \t\u00a0"
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - clock time; offsets are subtracted by hand
_MICROSECOND: Final = timedelta(microseconds=1)
_INTEGER: Final = re.compile(r"[0-9]{1,15}")
_AMOUNT: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]+))?")
_DAY: Final = re.compile(r"([12][0-9]{3})-([0-9]{2})-([0-9]{2})")
_INSTANT: Final = re.compile(
    _DAY.pattern + r"[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))"
)
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n"})
_NAME_MARKS: Final = frozenset(" -\u2010'\u2019.")


def present(row: Mapping[str, str | None]) -> dict[str, str]:
    """The values that are given, trimmed, by lower-case header; a blank value is absent."""
    values = {}
    for header, value in row.items():
        text = (value or "").strip(BLANKS)
        if text:
            values[header.strip(BLANKS).lower()] = text
    return values


def integer(text: str | None) -> int | None:
    """`"0042"` -> 42; no sign, at most 15 ASCII digits."""
    return int(text) if text is not None and _INTEGER.fullmatch(text) else None


def quantity(text: str | None) -> int | None:
    """An integer from 1 to 9999."""
    number = integer(text)
    return number if number is not None and 1 <= number <= 9999 else None


def currency(text: str | None) -> str | None:
    """`"aud"` -> `"AUD"`; None for what is no ISO 4217 code."""
    code = (text or "").upper()
    # ASCII: a dotless i in capitals is an I
    return code if code in EXPONENTS and (text or "").isascii() else None


def country(text: str) -> str | None:
    """`"au"` -> `"AU"`; None for what is no ISO 3166-1 alpha-2 code."""
    code = text.upper()
    return code if code in COUNTRIES and text.isascii() else None


def amount(text: str | None, code: str | None) -> int | None:
    """Minor units of the currency; None also with more places than it has."""
    match = _AMOUNT.fullmatch(text or "")
    if match is None or code is None:
        return None
    whole, fraction = match[1], match[2] or ""
    places = EXPONENTS[code]
    if len(fraction) > places:
        return None
    return int(whole + fraction.ljust(places, "0"))


def number(text: str | None) -> tuple[str, str] | None:
    """An amount as a bare number, whatever its currency: `"2.50"` and `"2.5"` are the same."""
    match = _AMOUNT.fullmatch(text or "")
    return (match[1].lstrip("0"), (match[2] or "").rstrip("0")) if match else None


def flag(text: str | None) -> bool | None:
    """Blank is false."""
    word = (text or "0").lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def instant(text: str | None) -> int | None:
    """Microseconds since 1970 UTC of an ISO 8601 instant with its offset."""
    match = _INSTANT.fullmatch(text or "")
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, off_h, off_m = match.groups()
    if int(off_h or 0) > 23 or int(off_m or 0) > 59:
        return None
    try:
        clock = datetime(  # noqa: DTZ001 - clock time; the offset is subtracted below
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        return None
    offset = timedelta(hours=int(off_h or 0), minutes=int(off_m or 0))
    if sign == "-":
        offset = -offset
    return (clock - _EPOCH - offset) // _MICROSECOND


def day(text: str | None) -> date | None:
    """`YYYY-MM-DD` of a real day of the years 1000 to 2999."""
    match = _DAY.fullmatch(text or "")
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def micros(moment: datetime) -> int:
    """The same scale as `instant`, for a moment of the portal data."""
    return (moment - _EPOCH.replace(tzinfo=UTC)) // _MICROSECOND


def first_instant(of: date, zone: ZoneInfo) -> int:
    """When a day begins in a zone, also where daylight saving skips or repeats midnight."""
    offset = datetime(of.year, of.month, of.day, tzinfo=zone).utcoffset() or timedelta(0)
    return (datetime(of.year, of.month, of.day) - _EPOCH - offset) // _MICROSECOND  # noqa: DTZ001


def is_name(text: str | None, longest: int) -> bool:
    """Letters and marks of any script, blanks, hyphens, apostrophes, dots; 2 characters or more."""
    name = unicodedata.normalize("NFC", text or "")
    letters = all(character in _NAME_MARKS or unicodedata.category(character)[0] in "LM" for character in name)
    return letters and 2 <= len(name) <= longest

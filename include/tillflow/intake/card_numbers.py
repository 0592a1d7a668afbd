"""Does a text hold a payment card number? Pure; the rule is domain 2.1, the ranges are ISO/IEC 7812's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

#: what stands where a card number stood, in everything that is kept
REMOVED: Final = "[card number removed]"

_GROUPS: Final = re.compile(r"[0-9]+(?:[ -][0-9]+)*")
_SHORTEST: Final = 13
_LONGEST: Final = 19
#: a hash, a UUID: hexadecimal, longer than any card number; digits inside it are no number of their own
_IDENTIFIER: Final = re.compile(r"[0-9A-Fa-f-]{20,}")
#: first digits -> lengths that are issued; a 13-digit Visa is not, or every EAN-13 that begins with 4
#: would be one
_ISSUED: Final = (
    (re.compile(r"4"), {16, 18, 19}),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),  # Mastercard
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"3(?:0[0-5]|095|[689])"), {14, 16, 19}),  # Diners Club
    (re.compile(r"6011|64[4-9]|65|622"), {16, 19}),  # Discover, UnionPay co-brand
    (re.compile(r"62|81"), {16, 17, 18, 19}),  # UnionPay
    (re.compile(r"35(?:2[89]|[3-8])"), {16, 17, 18, 19}),  # JCB
    (re.compile(r"50|5[6-9]|6"), {16, 18, 19}),  # Maestro
    (re.compile(r"220[0-4]"), {16, 17, 18, 19}),  # Mir
)


def holds_card_number(text: str) -> bool:
    """True where some run of 13-19 digits (blanks and dashes between allowed) is a card number."""
    plain = unicodedata.normalize("NFKC", text)
    plain = re.sub(r"[‐-―−]", "-", re.sub(r"\s", " ", plain))
    plain = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in plain)
    plain = _IDENTIFIER.sub(_without_identifier, plain)
    return any(_is_card(digits) for run in _GROUPS.finditer(plain) for digits in _candidates(run[0]))


def _candidates(run: str) -> Iterator[str]:
    """Every 13-19 digits made of whole groups: another number may stand before or behind the card's."""
    groups = re.split("[ -]", run)
    for start in range(len(groups)):
        digits = ""
        for group in groups[start : start + _LONGEST]:
            digits += group
            if len(digits) > _LONGEST:
                break
            if len(digits) >= _SHORTEST:
                yield digits


def _without_identifier(token: re.Match[str]) -> str:
    bare = token[0].replace("-", "")
    return "x" if len(bare) > _LONGEST and not bare.isdigit() else token[0]


def _is_card(digits: str) -> bool:
    issued = any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUED)
    return issued and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0

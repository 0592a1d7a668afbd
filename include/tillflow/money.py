"""Money is an integer number of minor units of an ISO 4217 currency; this module knows how many."""

from __future__ import annotations

import re
from typing import Final

#: Minor-unit digits of the currencies that do not have two (ISO 4217, list one).
_EXPONENTS: Final = (
    dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0)
    | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
    | dict.fromkeys("CLF UYW".split(), 4)
)
#: The currencies of ISO 4217 that are legal tender and have two digits.
_TWO_DIGITS: Final = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD "
    "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON "
    "RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD "
    "TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG".split()
)
#: currency code -> minor-unit digits
EXPONENTS: Final = dict.fromkeys(sorted(_TWO_DIGITS), 2) | _EXPONENTS
#: ISO 4217's own code for "no currency": a row whose currency cannot be read
NO_CURRENCY: Final = "XXX"

# ASCII on purpose: Decimal would take 1_000, NaN and digits of other scripts.
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]+))?", re.ASCII)


def to_minor(amount: str, currency: str) -> int | None:
    """`"2.50", "AUD"` -> 250; None where it is no amount of that currency (too many places, text)."""
    match = _AMOUNT.fullmatch(amount)
    if match is None or currency not in EXPONENTS:
        return None
    sign, whole, fraction = match[1], match[2], match[3] or ""
    places = EXPONENTS[currency]
    if len(fraction) > places:
        return None
    minor: int = int(whole) * 10**places + int((fraction or "0").ljust(places, "0") if places else 0)
    return -minor if sign else minor


def from_minor(minor: int, currency: str) -> str:
    """`250, "AUD"` -> `"2.50"`, with exactly the places the currency has."""
    places = EXPONENTS.get(currency, 0)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"

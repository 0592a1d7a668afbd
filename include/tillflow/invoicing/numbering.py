"""Numbers of invoices and credit notes: each given once, for ever; the series without a gap.

The row of a series is locked from the moment a number is taken until it is committed, so a transaction that is rolled
back leaves no hole. Take the number last: until the commit all others who want one wait.
"""

from __future__ import annotations

import re
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError

_SQL: Final = beside(__file__, "numbering.sql")
#: the same as the constraint of books.invoice_number
_NUMBER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 /._#-]{0,19}[A-Za-z0-9])?")


class BadNumberError(TillflowError):
    """What was given is no number that accounting programs take."""


class UsedNumberError(TillflowError):
    """The number is another invoice's or credit note's; numbers are never used again."""


def checked_number(text: str) -> str:
    """The number without the blanks around it. Raises BadNumberError."""
    number = text.strip()
    if not _NUMBER.fullmatch(number):
        raise BadNumberError(
            f"{number[:40]!r} is no invoice number: give 1 to 21 letters, digits, blanks and / . _ # -, "
            "a letter or digit first and last (QuickBooks takes no more)"
        )
    return number


def give_number(conn: Connection, invoice_id: int, number: str | None, *, is_credit_note: bool = False) -> str:
    """Give the invoice this number, or the next of the provider's series. Raises BadNumberError, UsedNumberError."""
    if number is not None:
        given = _SQL.give(conn, number=checked_number(number), invoice_id=invoice_id, is_credit_note=is_credit_note)
        if given is None:
            raise UsedNumberError(f"the number {number.strip()} is used already; numbers are never used again")
        return str(given)
    prefix = _SQL.prefix(conn, is_credit_note=is_credit_note)
    _SQL.begin_series(conn, prefix=prefix)
    while True:  # past numbers that a person has given already: they are used, so they are no gap
        number = str(_SQL.count_up(conn, prefix=prefix))
        if _SQL.give(conn, number=number, invoice_id=invoice_id, is_credit_note=is_credit_note):
            return number

"""The nightly proof of what the load path leaves out for speed: balances recounted, references followed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import BrokenBalanceError
from tillflow.intake.balance import balance_enforced

_SQL: Final = beside(__file__, "verify.sql")


def verify_books(conn: Connection, since: datetime) -> int:
    """Recount every import booked since then; returns how many.

    Raises BrokenBalanceError for a balance that does not match its rows, or a sale that points nowhere.
    """
    with balance_enforced():
        verified: int = _SQL.balances_that_hold(conn, since=since)
    if dangling := _SQL.dangling_sales(conn, since=since):
        raise BrokenBalanceError(f"{dangling} sales point at a place, product or user that is not there")
    return verified

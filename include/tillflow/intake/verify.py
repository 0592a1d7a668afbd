"""The nightly proof of what the load path leaves out for speed: balances recounted, references followed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import BrokenBalanceError

_SQL: Final = beside(__file__, "verify.sql")
#: what intake.verify_balance raises
_DOES_NOT_MATCH: Final = "TF001"


def verify_books(conn: Connection, since: datetime) -> int:
    """Recount every import booked since then; returns how many.

    Raises BrokenBalanceError for a balance that does not match its rows, or a sale that points nowhere.
    """
    try:
        verified: int = _SQL.balances_that_hold(conn, since=since)
    except psycopg.Error as error:
        if error.sqlstate != _DOES_NOT_MATCH:
            raise
        raise BrokenBalanceError(str(error.diag.message_primary)) from error
    if dangling := _SQL.dangling_sales(conn, since=since):
        raise BrokenBalanceError(f"{dangling} sales point at a place, product or user that is not there")
    return verified

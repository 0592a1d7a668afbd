"""`rows read = sales + exceptions + duplicates + not billable + rejected`, of one import, as the database keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import BrokenBalanceError

#: the right side of the balance
BUCKETS: Final = ("sale", "exception", "duplicate", "not_billable", "rejected")
_SQL: Final = beside(__file__, "book.sql")
#: what intake.verify_balance raises
_DOES_NOT_MATCH: Final = "TF001"


@contextmanager
def balance_enforced() -> Iterator[None]:
    """Say loudly that the database found a balance that does not match its rows (BrokenBalanceError)."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != _DOES_NOT_MATCH:
            raise
        raise BrokenBalanceError(f"{error.diag.message_primary}; nothing was booked") from error


def balance_of(conn: Connection, import_id: int) -> tuple[Mapping[str, Any], ...]:
    """One row per currency: `read_rows`, `<bucket>_rows`, and the same with `_minor` for the money."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return tuple(cursor.execute(_SQL.balance.sql, {"import_id": import_id}))

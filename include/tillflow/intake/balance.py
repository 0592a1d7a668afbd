"""`rows read = sales + exceptions + duplicates + not billable + rejected`, of one import, as the database keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg.rows import dict_row

from tillflow.db.connection import Connection
from tillflow.db.queries import beside

#: the right side of the balance
BUCKETS: Final = ("sale", "exception", "duplicate", "not_billable", "rejected")
_SQL: Final = beside(__file__, "book.sql")


def balance_of(conn: Connection, import_id: int) -> tuple[Mapping[str, Any], ...]:
    """One row per currency: `read_rows`, `<bucket>_rows`, and the same with `_minor` for the money."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return tuple(cursor.execute(_SQL.balance.sql, {"import_id": import_id}))

"""Give the products of paid sales to their buyers: entry numbers of a draw, once, without gap or overlap.

Paid and attributed are two states (domain 2.4). What is paid and cannot be attributed waits for a person;
it is tried again at every call, so that a repaired draw or buyer lets it through.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside

_SQL: Final = beside(__file__, "attribute.sql")


def attribute_paid(
    conn: Connection, *, now: datetime, actor: str, import_id: int | None = None, batch: int = 20_000
) -> Counter[str]:
    """Attribute every paid sale that waits, of one import or of all; counts `attributed` and newly `stuck`.

    Each batch is a transaction of its own; two callers at once wait for each other's draws.
    """
    draws = [draw_id for (draw_id,) in _SQL.waiting_draws(conn, import_id=import_id)]
    result: Counter[str] = Counter()
    if draws:
        _SQL.add_counters(conn, draws=draws)
        # Every batch moves something as long as something can move: the first in line fits or is stuck.
        while moved := _attribute_batch(conn, draws, import_id, batch, now=now, actor=actor):
            result += moved
    return result


def _attribute_batch(
    conn: Connection, draws: list[int], import_id: int | None, most: int, **stamp: Any
) -> Counter[str]:
    """`stamp`: now and actor, as they stand in every row that is written."""
    with conn.transaction():
        list(_SQL.lock_counters(conn, draws=draws))  # a generator: it asks as it is read
        _SQL.make_line(conn)
        if not _SQL.place(conn, draws=draws, import_id=import_id, most=most):
            return Counter()
        _SQL.analyze_line(conn)
        _SQL.make_buyers_by_email(conn, **stamp)
        _SQL.number_buyers_by_post(conn)
        _SQL.make_buyers_by_post(conn, **stamp)
        _SQL.give(conn, now=stamp["now"])
        _SQL.count_entries(conn)
        return Counter(dict(_SQL.move(conn, **stamp)))

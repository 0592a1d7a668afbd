"""Judge the open exceptions of a scope again: what breaks no rule any more becomes a sale.

`open_reconciliation` says who asked for what, once; `reconcile` does it, in one transaction, and may run
twice. The same judge as at the import decides, over the exceptions that are open at its start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
from psycopg import IsolationLevel, errors

from tillflow.clock import Clock
from tillflow.db import bulk
from tillflow.db.connection import Connection, repeatable
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.reconciliation.scope import REASONS, Kind, Scope

_SQL: Final = beside(__file__, "reconcile.sql")
#: rows judged at once, which bounds the memory
BATCH: Final = 20_000
_GIVEN: Final = pa.schema([("exception_id", pa.int64()), ("raw", pa.string()), ("latest_vend_us", pa.int64())])

#: exceptions as they arrived (columns of _GIVEN) -> what the judge says of each now
JudgeAgain = Callable[[pa.Table], pa.RecordBatchReader]


class UnknownScopeError(TillflowError):
    """There is no such customer or machine."""


class AlreadyRunningError(TillflowError):
    """The same scope is being reconciled already; its report comes by mail."""


class GivenUpError(TillflowError):
    """The reconciliation met a defect or was forgotten: nothing of it was booked, and it does not go on."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a reconciliation: `attempted = reconciled + failed`."""

    attempted: int
    reconciled: int
    failed: int


def open_reconciliation(conn: Connection, scope: Scope, *, request_key: str, requested_by: str, now: datetime) -> int:
    """The number of the reconciliation that `request_key` asks for; the same at a second call.

    Raises UnknownScopeError, AlreadyRunningError.
    """
    if _SQL.scope_exists(conn, customer=scope.customer, equipment=scope.equipment) is not True:
        raise UnknownScopeError(f"there is no {'customer' if scope.kind is Kind.USER else 'machine'} for {scope}")
    _SQL.give_up_forgotten(conn, customer=scope.customer, asset_no=scope.equipment, now=now)
    try:
        found: int = _SQL.open_reconciliation(
            conn,
            kind=scope.kind,
            customer=scope.customer,
            asset_no=scope.equipment,
            date_from=scope.date_from,
            date_to=scope.date_to,
            requested_by=requested_by,
            now=now,
            request_key=request_key,
        )
    except errors.UniqueViolation as error:
        raise AlreadyRunningError(f"{scope} is being reconciled already; its report comes by mail") from error
    return found


def reconcile(conn: Connection, reconciliation_id: int, judge: JudgeAgain, *, clock: Clock) -> Counts:
    """Carry the reconciliation out, once; a second call returns what the first did.

    Another transaction that decides about the same exceptions makes this one start again on a new snapshot.
    """
    return repeatable(conn, lambda: _reconcile(conn, reconciliation_id, judge, clock))


def preview(conn: Connection, scope: Scope, judge: JudgeAgain, *, requested_by: str, clock: Clock) -> Counts:
    """What reconciling would come to, by the same code; nothing is kept."""
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction(force_rollback=True):
            key = f"preview by {requested_by} at {clock().isoformat()}"
            number = open_reconciliation(conn, scope, request_key=key, requested_by=requested_by, now=clock())
            return _reconcile(conn, number, judge, clock)
    finally:
        conn.isolation_level = None


def give_up(conn: Connection, reconciliation_id: int, *, now: datetime) -> None:
    """Free the scope of a reconciliation that cannot be carried out; nothing of it was booked."""
    _SQL.give_up(conn, id=reconciliation_id, now=now)


def _reconcile(conn: Connection, reconciliation_id: int, judge: JudgeAgain, clock: Clock) -> Counts:
    found = _SQL.lock_reconciliation(conn, id=reconciliation_id)
    if found is None:
        raise TillflowError(f"there is no reconciliation {reconciliation_id}")
    kind, state, *counts = found
    if state == "given_up":
        raise GivenUpError(f"reconciliation {reconciliation_id} was given up; ask for it again")
    if state == "completed":
        return Counts(*counts)
    _SQL.create_attempt_tables(conn)
    # In the order of their numbers, so that two reconciliations wait for each other and not in a circle.
    _SQL.snapshot(conn, id=reconciliation_id, reasons=list(REASONS[Kind(kind)]))
    last = 0
    while (rows := bulk.read(conn, _SQL.batch.sql, _GIVEN, {"after": last, "most": BATCH})).num_rows:
        bulk.write(conn, "judgement", judge(rows))
        last = rows["exception_id"][-1].as_py()
    now = clock()
    _SQL.analyze_judgements(conn)
    _SQL.decide(conn, reasons=list(REASONS[Kind(kind)]))
    _SQL.close_exceptions(conn, now=now)
    _SQL.add_sales(conn, now=now)
    _SQL.move_balance(conn)
    _SQL.record(conn, id=reconciliation_id)
    _SQL.record_history(conn, id=reconciliation_id, now=now)
    return Counts(*_SQL.complete(conn, id=reconciliation_id, now=now))

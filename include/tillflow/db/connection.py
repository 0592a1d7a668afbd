"""Connections to Tillflow's database, and the one way to run a transaction that may be repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, TypeVar

import psycopg
from psycopg import IsolationLevel, errors
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from tillflow.errors import UnavailableError

Connection: TypeAlias = psycopg.Connection[TupleRow]
T = TypeVar("T")

#: the group role of the application: it owns nothing and cannot change history
APP_ROLE: Final = "tillflow_app"
#: the role of the desk (pages, REST): may what the application may, sees what its person was granted
DESK_ROLE: Final = "tillflow_desk"

log = logging.getLogger(__name__)


def connect(database_url: str, *, role: str | None = None) -> Connection:
    """An autocommit connection in UTC, acting as `role` where one is given.

    Raises UnavailableError with one line when the server does not answer.
    """
    try:
        connection = psycopg.connect(database_url, autocommit=True, options="-c timezone=UTC", connect_timeout=10)
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnavailableError(f"the database does not answer: {reason}") from error
    if role is not None:
        connection.execute("select set_config('role', %s, false)", [role])
    return connection


@contextmanager
def answering() -> Iterator[None]:
    """Turn a database that goes away in the middle into one clear line: nothing was committed."""
    try:
        yield
    except psycopg.OperationalError as error:
        if isinstance(error, (errors.SerializationFailure, errors.DeadlockDetected)):
            raise
        raise UnavailableError(
            f"the database went away ({type(error).__name__}); nothing was booked, running again is safe"
        ) from error


def repeatable(conn: Connection, work: Callable[[], T], attempts: int = 10) -> T:
    """Run `work` in one repeatable-read transaction: it sees one snapshot and commits whole or not.

    When another transaction got there first, PostgreSQL refuses the later one; the work is run again
    on a new snapshot, so it must have no effect outside the transaction.
    """
    if conn.info.transaction_status is not TransactionStatus.IDLE:
        with conn.transaction():  # a preview's: its owner chose the snapshot and will roll back
            return work()
    for attempt in range(1, attempts + 1):
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            with conn.transaction():
                return work()
        except (errors.SerializationFailure, errors.DeadlockDetected):
            if attempt == attempts:
                raise
            log.info("another transaction was first; running again on a new snapshot")
        finally:
            conn.isolation_level = None
    raise AssertionError("unreachable")

"""Two callers at once, in an order that the test chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from tillflow.db.connection import APP_ROLE, Connection, connect

T = TypeVar("T")


class Running(Generic[T]):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._found: Future[T] = Future()
        self._thread = threading.Thread(target=self._run, args=[call])
        self._thread.start()

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._found.set_result(call())
        except BaseException as error:
            self._found.set_exception(error)

    def result(self) -> T:
        """What the call returned, or the error it raised."""
        self._thread.join(timeout=60)
        return self._found.result(timeout=0)


def at_once(database: str, call: Callable[[Connection], T], callers: int = 2) -> list[T]:
    """What each of several callers at once was given, each with a connection of its own."""

    def connected() -> T:
        with connect(database, role=APP_ROLE) as conn:
            return call(conn)

    running = [Running(connected) for _ in range(callers)]
    return [one.result() for one in running]


def wait_until_blocked(conn: Connection, other: Connection) -> None:
    """Until `other` waits for a lock: then it has read what it was to read too early."""
    for _ in range(100_000):
        waits = conn.execute("select cardinality(pg_blocking_pids(%s))", [other.info.backend_pid]).fetchone()
        if waits != (0,):
            return
    raise AssertionError("the other caller waits for nobody")

"""Several callers at once, one statement at a time, in an order drawn from a seed.

Every call to the server is a step (begin, each statement, each block of a COPY, commit). Before each, its caller
stands still until the dice name it; a caller that waits for a lock leaves the turn to the others. So two runs with one
seed meet in the same order, up to the moment at which a freed lock is noticed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tests.racing import Running
from tillflow.db.connection import APP_ROLE, Connection

#: a caller that has not come back after this long is asked about: it may wait for a lock
_PATIENCE = 0.002
_LONGEST = 60.0


class Stepped(psycopg.Connection[TupleRow]):
    """A connection that stands still before every call to the server."""

    step: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, *args: Any, **options: Any) -> Any:
        self.step()
        return super().wait(*args, **options)


class Interleaving:
    """One way in which callers may meet. `blocked` counts how often one was found waiting for a lock."""

    def __init__(self, database: str, seed: int) -> None:
        self._database = database
        self._dice = Random(seed)
        self._changed = threading.Condition()
        self._states: dict[str, str] = {}
        self._pids: dict[str, int] = {}
        self.steps = 0
        self.blocked = 0

    def run(self, callers: Mapping[str, Callable[[Connection], Any]]) -> dict[str, Any]:
        """What each caller returned; the first error that one raised is raised here."""
        connections = {name: self._connected(name) for name in callers}
        try:
            running = {name: Running(self._call(name, callers[name], connections[name])) for name in callers}
            with psycopg.connect(self._database, autocommit=True) as monitor:
                self._give_turns(monitor)
            return {name: one.result() for name, one in running.items()}
        finally:
            for connection in connections.values():
                connection.close()

    def _connected(self, name: str) -> Stepped:
        connection = Stepped.connect(self._database, autocommit=True, options="-c timezone=UTC")
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(APP_ROLE)))
        self._pids[name] = connection.info.backend_pid
        self._states[name] = "running"
        connection.step = lambda: self._stand_still(name)
        return connection

    def _call(self, name: str, call: Callable[[Connection], Any], connection: Stepped) -> Callable[[], Any]:
        def called() -> Any:
            try:
                return call(connection)
            finally:
                connection.step = lambda: None
                self._become(name, "done")

        return called

    def _become(self, name: str, state: str) -> None:
        with self._changed:
            self._states[name] = state
            self._changed.notify_all()

    def _stand_still(self, name: str) -> None:
        with self._changed:
            self._states[name] = "waiting"
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._states[name] == "running", _LONGEST), f"{name} got no turn"

    def _give_turns(self, monitor: psycopg.Connection) -> None:
        until = time.monotonic() + _LONGEST
        while not all(state == "done" for state in self._states.values()):
            assert time.monotonic() < until, f"the callers hang: {self._states}"
            with self._changed:
                self._changed.wait_for(lambda: "running" not in self._states.values(), _PATIENCE)
                on_their_way = [name for name, state in self._states.items() if state == "running"]
            if all(self._is_blocked(monitor, name) for name in on_their_way):
                self._give_one_turn()

    def _give_one_turn(self) -> None:
        with self._changed:
            if waiting := sorted(name for name, state in self._states.items() if state == "waiting"):
                self._states[self._dice.choice(waiting)] = "running"
                self.steps += 1
                self._changed.notify_all()

    def _is_blocked(self, monitor: psycopg.Connection, name: str) -> bool:
        row = monitor.execute("select cardinality(pg_blocking_pids(%s)) > 0", [self._pids[name]]).fetchone()
        is_blocked = row == (True,)
        self.blocked += is_blocked
        return is_blocked

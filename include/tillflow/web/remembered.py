"""Figures that may be some seconds old: fifty people who look at them ask the database once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Final, Generic, TypeVar

T = TypeVar("T")
#: views that are kept at once; there are as many as sets of grants
_MOST: Final = 200


class Remembered(Generic[T]):
    """What was worked out under a key, for `seconds`; who asks meanwhile waits for the one who works it out."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.seconds, self._clock = seconds, clock
        self._known: dict[Hashable, tuple[float, T]] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """What is known under the key, or is worked out now. An error is not remembered."""
        with self._guard:
            if len(self._locks) > _MOST:
                self._locks.clear()
                self._known.clear()
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            found = self._known.get(key)
            if found is None or self._clock() - found[0] >= self.seconds:
                found = (self._clock(), work_out())
                self._known[key] = found
            return found[1]

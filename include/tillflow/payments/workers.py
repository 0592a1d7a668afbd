"""Many payments at once, through one gateway, with bounded memory."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: seconds. Python's own 5 ms are what a thread waits for its turn after every answer of the database or the
#: gateway while another computes; with dozens of threads that wait becomes the limit
_SWITCH_INTERVAL: Final = 0.0005


def work_off(claim: Callable[[int], Sequence[T]], handle: Callable[[T], R], workers: int) -> Counter[R]:
    """Handle whatever `claim(most)` hands out, `workers` at a time, until it hands out nothing.

    At most twice `workers` are claimed and unhandled, so that nobody waits long and a dead process leaves
    little behind. Counts what `handle` returned. The first error stops the claiming; what is claimed is
    still handled, and then the error is raised.
    """
    pile = _Pile(claim, workers)
    with _quick_turns(), ThreadPoolExecutor(workers) as pool:
        counted = [pool.submit(_work, pile, handle) for _ in range(workers)]
    if pile.error is not None:
        raise pile.error
    return sum((one.result() for one in counted), Counter())


class _Pile(Generic[T]):
    """What is claimed and not taken yet."""

    def __init__(self, claim: Callable[[int], Sequence[T]], most: int) -> None:
        self._claim, self._most = claim, most
        self._items: deque[T] = deque()
        self._is_exhausted = False
        self._lock = Lock()
        self.error: Exception | None = None

    def take(self) -> Iterator[T]:
        while True:
            with self._lock:
                if not self._items and not self._is_exhausted:
                    self._refill()
                if not self._items:
                    return
                item = self._items.popleft()
            yield item

    def fail(self, error: Exception) -> None:
        """Keep the first error and claim no more."""
        self.error = self.error or error
        self._is_exhausted = True

    def _refill(self) -> None:
        try:
            self._items.extend(self._claim(self._most))
        except Exception as error:
            self.fail(error)
        self._is_exhausted = self._is_exhausted or not self._items


def _work(pile: _Pile[T], handle: Callable[[T], R]) -> Counter[R]:
    results: Counter[R] = Counter()
    for item in pile.take():
        try:
            results[handle(item)] += 1
        except Exception as error:
            pile.fail(error)
    return results


@contextmanager
def _quick_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)

"""Many things at once, with bounded memory, and no claim left behind by an error."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from tillflow.payments.workers import work_off


class Pile:
    """Hands out numbers, and knows how many are out and not handled."""

    def __init__(self, size: int) -> None:
        self.left = list(range(size))
        self.out = 0
        self.most_out = 0
        self.lock = threading.Lock()

    def claim(self, most: int) -> list[int]:
        with self.lock:
            taken, self.left = self.left[:most], self.left[most:]
            self.out += len(taken)
            self.most_out = max(self.most_out, self.out)
            return taken

    def done(self) -> None:
        with self.lock:
            self.out -= 1


def test_everything_is_handled_and_counted_and_no_more_is_claimed_than_needed() -> None:
    pile = Pile(1000)

    def handle(number: int) -> str:
        pile.done()
        return "even" if number % 2 == 0 else "odd"

    assert work_off(pile.claim, handle, 8) == Counter(even=500, odd=500)
    assert pile.most_out <= 16


def test_as_many_work_at_once_as_were_asked_for() -> None:
    pile, together = Pile(8), threading.Barrier(4, timeout=60)

    def handle(number: int) -> str:
        together.wait()  # breaks unless four are here
        return "met"

    assert work_off(pile.claim, handle, 4) == Counter(met=8)


def test_an_error_stops_the_claiming_and_what_is_claimed_is_still_handled() -> None:
    pile = Pile(1000)

    def handle(number: int) -> str:
        pile.done()
        if number == 3:
            raise RuntimeError("three")
        return "fine"

    with pytest.raises(RuntimeError, match="three"):
        work_off(pile.claim, handle, 2)
    assert pile.out == 0
    assert pile.left

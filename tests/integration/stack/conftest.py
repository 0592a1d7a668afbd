"""Waiting for something to become true, and telling which process is alive."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until a question is answered with true; fail after a minute, which is long enough for a busy machine."""

    def wait(question: Callable[[], bool], seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not question():
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.02)

    return wait

"""Previews judge in the server's process and hold its memory: two at once, of whatever kind; others wait their turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tillflow.errors import UnavailableError

_AT_ONCE: Final = 2
#: who waits holds one of the server's threads, which the pages need too
_PATIENCE_SECONDS: Final = 60.0
_TURNS: Final = threading.BoundedSemaphore(_AT_ONCE)


@contextmanager
def a_turn() -> Iterator[None]:
    """Wait until fewer than two previews are being made. Raises UnavailableError when none ends for a minute."""
    if not _TURNS.acquire(timeout=_PATIENCE_SECONDS):
        raise UnavailableError("other previews are being made, which take their time: try again in a minute")
    try:
        yield
    finally:
        _TURNS.release()

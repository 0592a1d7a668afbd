"""When a mail that could not be delivered is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_MINUTES: Final = (1, 4, 10, 15, 30, 60, 120, 240, *[480] * 8)
#: The wait after each failed attempt. Together three days: a mail server that is down over a
#: weekend loses nothing, and an older report has been overtaken by the next ones.
WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in _MINUTES)


def next_attempt_at(attempts: int, now: datetime) -> datetime | None:
    """The next attempt after `attempts` failed ones, the last of them now; None: give up."""
    return now + WAITS[attempts - 1] if attempts <= len(WAITS) else None

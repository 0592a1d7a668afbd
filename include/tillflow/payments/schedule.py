"""When a declined charge is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: at most, after a charge that was not processed at all: it used no attempt
_NOT_PROCESSED_WAIT: Final = timedelta(minutes=5)
#: at most, between two questions about an unknown outcome
_ASK_AGAIN_WAIT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long after the end of the previous attempt (domain 2.4: three times, 24 hours)."""

    retries: int = 3
    wait: timedelta = timedelta(hours=24)

    @property
    def send_again_wait(self) -> timedelta:
        """From a charge that was not processed to the next."""
        return min(_NOT_PROCESSED_WAIT, self.wait)

    @property
    def ask_again_wait(self) -> timedelta:
        """From a question about an unknown outcome to the next."""
        return min(_ASK_AGAIN_WAIT, self.wait)

    def next_attempt_at(self, declined_at: datetime, tries: int) -> datetime | None:
        """When attempt `tries` + 1 is due after attempt `tries` was declined softly; None: no more.

        `declined_at` is in UTC, so the wait is elapsed time, whatever clocks on walls do.
        """
        return declined_at + self.wait if tries <= self.retries else None

"""A period as a sentence says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open; None is without a beginning, or without an end."""

    starts: datetime | None
    ends: datetime | None

    @property
    def is_empty(self) -> bool:
        """True where it ends before it has begun."""
        return self.starts is not None and self.ends is not None and self.ends <= self.starts

    def __str__(self) -> str:
        begins = "for all time" if self.starts is None and self.ends is None else f"from {moment(self.starts)}"
        return begins if self.ends is None else f"{begins} to {moment(self.ends)}"


def moment(at: datetime | None) -> str:
    """`2026-06-10 00:00 UTC`; seconds where there are any."""
    if at is None:
        return "the beginning"
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M}{f':{utc:%S}' if utc.second else ''} UTC"

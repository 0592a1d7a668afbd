"""The range of an invoice: days of the customer's zone, half-open, and the instants at which they begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from tillflow.errors import TillflowError


class EmptyRangeError(TillflowError):
    """A range ends before it has begun, or when it begins."""


@dataclass(frozen=True, slots=True)
class BillingRange:
    """`customer` (its key), from the beginning of `date_from` until just before the beginning of `date_to`."""

    customer: str
    date_from: date
    date_to: date

    def __post_init__(self) -> None:
        if self.date_to <= self.date_from:
            raise EmptyRangeError(
                f"the range {self.date_from} to {self.date_to} is empty: its end is the first day that is not in it"
            )

    def __str__(self) -> str:
        return f"{self.customer}, {self.date_from} until before {self.date_to}"


def first_instant(day: date, zone: str) -> datetime:
    """The instant at which `day` begins in `zone`, in UTC.

    Where clocks go back over midnight it is the first of two midnights, where they skip midnight the moment of the
    jump: one function for the end of a range and the beginning of the next, so nothing lies between them.
    """
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)

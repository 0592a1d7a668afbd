"""What the reports say, as values: counts of rows, money in minor units, moments in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.codes import ImportStatus
from tillflow.equipment_sync.completeness import MeterDifference, MissingTransactions, SilentMachine

#: The columns of a balance as people read them: the first is the sum of the others.
BUCKETS: Final = ("read", "sales", "exceptions", "duplicates", "not billable", "rejected")


@dataclass(frozen=True, slots=True)
class Balance:
    """`rows` and `minor` in the order of BUCKETS: what was read, and what became of it."""

    currency: str
    rows: tuple[int, ...]
    minor: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file was refused: a code, where (the header is row 1), the sentence for the operator."""

    code: str
    row: int | None
    column: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One import: its balance by currency, and the first of its `problem_count` file errors."""

    balances: tuple[Balance, ...]
    problems: tuple[Problem, ...]
    problem_count: int
    import_id: int
    kind: str
    channel: str | None
    name: str
    uploader: str
    received_at: datetime
    status: str

    @property
    def refused(self) -> bool:
        """Nothing of it was booked."""
        return self.status == ImportStatus.REJECTED


@dataclass(frozen=True, slots=True)
class OpenReason:
    """Open exceptions with one reason (None: with any) in one currency, by the time they waited."""

    reason: str | None
    currency: str
    count: int
    minor: int
    under_1_day: int
    under_7_days: int
    under_30_days: int
    older: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """Running numbers that the day's files passed over: how many in how many gaps, and the first gaps."""

    gaps: int = 0
    transactions: int = 0
    listed: tuple[MissingTransactions, ...] = ()


@dataclass(frozen=True, slots=True)
class Meters:
    """Counters that the day's files read: differences from the recorded vends, the first of them, what is no number."""

    differences: int = 0
    listed: tuple[MeterDifference, ...] = ()
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class FailedMail:
    """A mail that was given up; `problem` names no address."""

    topic: str
    failed_at: datetime
    attempts: int
    problem: str


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """A mail that should have been sent long ago and is still tried; `problem` is blank before the first attempt."""

    topic: str
    queued_at: datetime
    attempts: int
    problem: str


@dataclass(frozen=True, slots=True)
class DailyReport:
    """One day in one zone. What is open or silent is as of `as_of`; the rest happened on the day."""

    day: date
    zone: str
    as_of: datetime
    files: tuple[ReceivedFile, ...]
    #: by reason and currency; an exception with two reasons stands under both
    open_by_reason: tuple[OpenReason, ...]
    #: by currency; every exception once
    open_in_all: tuple[OpenReason, ...]
    silent: tuple[SilentMachine, ...]
    missing: Missing
    meters: Meters
    failed_mails: tuple[FailedMail, ...]
    waiting_mails: tuple[WaitingMail, ...]

    @property
    def refused(self) -> tuple[ReceivedFile, ...]:
        """The files of which nothing was booked."""
        return tuple(file for file in self.files if file.refused)

    @property
    def open_count(self) -> int:
        """How many exceptions wait for a person."""
        return sum(line.count for line in self.open_in_all)

    @property
    def balances(self) -> tuple[Balance, ...]:
        """The balance of all files together, by currency."""
        return added(balance for file in self.files for balance in file.balances)


def added(balances: Iterable[Balance]) -> tuple[Balance, ...]:
    """One balance per currency, in the order of the codes."""
    sums: dict[str, Balance] = {}
    for balance in balances:
        before = sums.get(balance.currency)
        sums[balance.currency] = balance if before is None else _sum(before, balance)
    return tuple(sums[currency] for currency in sorted(sums))


def _sum(one: Balance, other: Balance) -> Balance:
    return Balance(
        one.currency,
        tuple(map(int.__add__, one.rows, other.rows)),
        tuple(map(int.__add__, one.minor, other.minor)),
    )


def limits_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first instant of `day` in `zone` and of the day after: 23, 24 or 25 hours apart."""
    where = ZoneInfo(zone)
    return (
        datetime.combine(day, time.min, where).astimezone(UTC),
        datetime.combine(day + timedelta(days=1), time.min, where).astimezone(UTC),
    )

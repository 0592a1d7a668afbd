"""The overview: how the work stands, as far as one person may see it. Figures, never rows; each leads to its rows.

What happened is read from the balances of the last days' imports, what waits from indexes of what is open: neither
grows with the books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.equipment_sync.completeness import MachineFilter, SilentMachine, silent_machines
from tillflow.equipment_sync.exception_report import titled
from tillflow.import_desk import Sight
from tillflow.offline_sales.judge import CATALOGUE as ORDER_RULES
from tillflow.reporting.figures import limits_of

_SQL: Final = beside(__file__, "overview_desk.sql")
#: days of the charts, today's included
DAYS: Final = 14
#: columns of a balance in money, as people read them
MONEY_STATES: Final = ("sales", "exceptions", "duplicates", "not billable", "rejected")
AGES: Final = ("under 1 day", "under 7 days", "under 30 days", "older")
TURNS: Final = ("due now", "in 6 hours", "in 24 hours", "in 48 hours", "later")


@dataclass(frozen=True, slots=True)
class View:
    """What somebody sees: imports, and the exceptions of these customers' machines (None: of all machines)."""

    sight: Sight
    customers: tuple[str, ...] | None

    @property
    def is_customers(self) -> bool:
        """True where they see the machines of their own customers only."""
        return bool(self.customers)


@dataclass(frozen=True, slots=True)
class Day:
    """The files that were received on one day, and what became of their rows by now."""

    day: date
    files: int = 0
    read: int = 0
    sales: int = 0
    exceptions: int = 0


@dataclass(frozen=True, slots=True)
class Money:
    """Minor units that came in: what was read, and what became of it in the order of MONEY_STATES."""

    currency: str
    read: int
    states: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open exceptions with one reason (None: each once), by the time they have waited (AGES)."""

    kind: Kind
    reason: str | None
    title: str
    exceptions: int
    minor: Mapping[str, int]
    ages: tuple[int, ...]
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments that wait, in one of TURNS or under one tab; `next_at`: when the first is charged."""

    word: str
    payments: int
    minor: Mapping[str, int]
    next_at: datetime | None = None
    first_import: int | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """How the work stood at `as_of`; days are those of `zone`."""

    as_of: datetime
    zone: str
    days: tuple[Day, ...]
    money: tuple[Money, ...]
    in_all: tuple[Waiting, ...]
    #: the most frequent first
    by_reason: tuple[Waiting, ...]
    by_turn: tuple[Payments, ...]
    undecided: tuple[Payments, ...]
    silent: tuple[SilentMachine, ...]

    @property
    def today(self) -> Day:
        """The last of the days."""
        return self.days[-1]

    @property
    def open_exceptions(self) -> int:
        """How many wait for a person."""
        return sum(line.exceptions for line in self.in_all)

    @property
    def oldest_at(self) -> datetime | None:
        """Since when the oldest of them waits."""
        return min((line.oldest_at for line in self.in_all), default=None)


def overview(conn: Connection, view: View, *, zone: str, now: datetime) -> Overview:
    """How the work stands for who sees `view`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    first = today - timedelta(days=DAYS - 1)
    lines = _waiting(conn, view, now)
    return Overview(
        as_of=now,
        zone=zone,
        days=_days(conn, view.sight, (first, today), zone),
        money=_money(conn, view.sight, (first, today), zone),
        in_all=tuple(line for line in lines if line.reason is None),
        by_reason=tuple(sorted((line for line in lines if line.reason is not None), key=lambda line: -line.exceptions)),
        by_turn=_by_turn(conn, view.sight, now),
        undecided=_undecided(conn, view.sight),
        silent=_silent(conn, view, now),
    )


def _days(conn: Connection, sight: Sight, days: tuple[date, date], zone: str) -> tuple[Day, ...]:
    """Every day, also those without a file."""
    since, before = limits_of(days[0], zone)[0], limits_of(days[1], zone)[1]
    rows = _SQL.per_day(conn, since=since, before=before, zone=zone, is_machines=sight.is_machines, **_channels(sight))
    found = {row[0]: Day(*row) for row in rows}
    every = (days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1))
    return tuple(found.get(day, Day(day)) for day in every)


def _money(conn: Connection, sight: Sight, days: tuple[date, date], zone: str) -> tuple[Money, ...]:
    since, before = limits_of(days[0], zone)[0], limits_of(days[1], zone)[1]
    rows = _SQL.money(conn, since=since, before=before, is_machines=sight.is_machines, **_channels(sight))
    return tuple(Money(currency, read, tuple(states)) for currency, read, *states in rows)


def _waiting(conn: Connection, view: View, now: datetime) -> list[Waiting]:
    customers = view.customers
    rows = _SQL.open_exceptions(
        conn,
        now=now,
        is_every_customer=customers is None,
        customers=list(customers or ()),
        **_channels(view.sight),
    )
    found: dict[tuple[str, str | None], list[Sequence[object]]] = {}
    for kind, reason, *rest in rows:
        found.setdefault((kind, reason), []).append(rest)
    return [_waiting_line(Kind(kind), reason, lines) for (kind, reason), lines in found.items()]


def _waiting_line(kind: Kind, reason: str | None, lines: list[Sequence[object]]) -> Waiting:
    """The lines of all currencies together: rows are added up, money is not."""
    return Waiting(
        kind=kind,
        reason=reason,
        title=_title(kind, reason),
        exceptions=sum(int(str(line[1])) for line in lines),
        minor={str(line[0]): int(str(line[2])) for line in lines},
        ages=tuple(sum(int(str(line[place])) for line in lines) for place in range(3, 3 + len(AGES))),
        oldest_at=min(line[-1] for line in lines if isinstance(line[-1], datetime)),
    )


def _title(kind: Kind, reason: str | None) -> str:
    if reason is None:
        return "All"
    if kind is Kind.EQUIPMENT_SYNC:
        return titled([reason])[0][1]
    return _ORDER_TITLES.get(reason, reason.replace("_", " "))


def _by_turn(conn: Connection, sight: Sight, now: datetime) -> tuple[Payments, ...]:
    """Every turn, also those without a payment."""
    found: dict[str, Payments] = {turn: Payments(turn, 0, {}) for turn in TURNS}
    for turn, currency, payments, minor, next_at in _SQL.waiting_payments(conn, now=now, **_channels(sight)):
        so_far = found[turn]
        first = min(next_at, so_far.next_at or next_at)
        found[turn] = Payments(turn, so_far.payments + payments, {**so_far.minor, currency: minor}, first)
    return tuple(found.values())


def _undecided(conn: Connection, sight: Sight) -> tuple[Payments, ...]:
    found: dict[str, Payments] = {}
    for tab, currency, payments, minor, first in _SQL.undecided_payments(conn, **_channels(sight)):
        so_far = found.get(tab, Payments(tab, 0, {}, first_import=first))
        money = {**so_far.minor, currency: minor}
        found[tab] = Payments(tab, so_far.payments + payments, money, first_import=min(first, so_far.first_import))
    return tuple(found.values())


def _silent(conn: Connection, view: View, now: datetime) -> tuple[SilentMachine, ...]:
    """The longest silent first."""
    if view.customers is None:
        return tuple(silent_machines(conn, now=now))
    found = [one for key in view.customers for one in silent_machines(conn, MachineFilter(customer=key), now=now)]
    return tuple(sorted(found, key=lambda one: -one.silent_hours))


def _channels(sight: Sight) -> dict[str, object]:
    return {"is_every_channel": sight.channels is None, "channels": list(sight.channels or ())}


_ORDER_TITLES: Final = {rule.code: rule.title for rule in ORDER_RULES.rules}

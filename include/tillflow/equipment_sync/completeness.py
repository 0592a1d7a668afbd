"""Is anything missing? Running numbers that never came, machines that are silent, counters that say otherwise.

Nothing is stored: each question is asked of the rows as they stand, so a late dump closes its gap by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from psycopg.rows import args_row

from tillflow.db.connection import Connection
from tillflow.db.queries import beside

_sql: Final = beside(__file__, "completeness.sql")


@dataclass(frozen=True, slots=True)
class MachineFilter:
    """Which machines, by key; None is any. `customer` and `site`: where the machine stood when it happened."""

    customer: str | None = None
    site: str | None = None
    equipment: str | None = None


EVERY_MACHINE: Final = MachineFilter()


@dataclass(frozen=True, slots=True)
class Received:
    """The files received in [since, before): what their numbers begin or follow, not older gaps."""

    since: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class MissingTransactions:
    """Running numbers `first` to `last` of one boot that never came; where the machine stood when it vended again.

    `before_at` and `after_at`: the vends on both sides, None where their time cannot be read; `zone` is the
    site's, or UTC.
    """

    asset_no: str
    boot_id: str
    customer: str | None
    customer_name: str | None
    site: str | None
    site_name: str | None
    zone: str
    first: int
    last: int
    before_at: datetime | None
    after_at: datetime | None

    @property
    def count(self) -> int:
        """How many transactions are missing."""
        return self.last - self.first + 1

    @property
    def numbers(self) -> str:
        """`1003-1007`, or `1003`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class MeterDifference:
    """A counter went on by `counted` products between two readings, while `recorded` were recorded.

    `seq_before` and `seq` are the running numbers of the two rows; of the numbers between them `missing` never
    came, which may explain a counter that is ahead.
    """

    asset_no: str
    boot_id: str
    customer: str | None
    customer_name: str | None
    site: str | None
    site_name: str | None
    zone: str
    selection: str
    board_id: str
    seq_before: int
    seq: int
    before_at: datetime | None
    after_at: datetime | None
    meter_before: int
    meter: int
    recorded: int
    missing: int

    @property
    def counted(self) -> int:
        """Products by the counter."""
        return self.meter - self.meter_before

    @property
    def unrecorded(self) -> int:
        """Products that were counted and not recorded; negative: recorded and not counted."""
        return self.counted - self.recorded


@dataclass(frozen=True, slots=True)
class SilentMachine:
    """A machine at a site whose last vend, or else its arrival there, is too long ago."""

    asset_no: str
    name: str
    site: str
    customer: str
    last_vend_at: datetime | None
    silent_hours: int
    silent_after_hours: int


def missing_transactions(
    conn: Connection, wanted: MachineFilter = EVERY_MACHINE, received: Received | None = None
) -> Iterator[MissingTransactions]:
    """Each gap in a machine's running numbers, by machine, boot and number; in constant memory.

    Every number counts that was ever recorded, whatever became of its row; one whose running number cannot be
    read fills no gap. The first number of a boot is no gap, and what a machine lost at a boot's end shows nowhere.
    """
    return _found(conn, _sql.missing.sql, MissingTransactions, wanted, received)


def meter_differences(
    conn: Connection, wanted: MachineFilter = EVERY_MACHINE, received: Received | None = None
) -> Iterator[MeterDifference]:
    """Each pair of readings between which a selection's counter and the recorded vends do not agree."""
    return _found(conn, _sql.meter_differences.sql, MeterDifference, wanted, received)


def unreadable_readings(conn: Connection, received: Received) -> int:
    """How many counters could not be read."""
    return int(_sql.unreadable_readings(conn, since=received.since, before=received.before))


def silent_machines(conn: Connection, wanted: MachineFilter = EVERY_MACHINE, *, now: datetime) -> list[SilentMachine]:
    """The machines that stand at a site now and vended nothing for longer than their limit; the longest first."""
    rows = _sql.silent_machines(conn, now=now, customer=wanted.customer, site=wanted.site, equipment=wanted.equipment)
    return [SilentMachine(*row) for row in rows]


def site_time(moment: datetime | None, zone: str) -> str:
    """`2026-06-09 09:40:12+10:00` at the site; blank where it is not known."""
    return "" if moment is None else moment.astimezone(ZoneInfo(zone)).isoformat(" ", "seconds")


def _found(conn: Connection, query: str, kind: Any, wanted: MachineFilter, received: Received | None) -> Iterator[Any]:
    """The rows of `query` as they come from a cursor of the server."""
    names = {"customer": wanted.customer, "site": wanted.site, "equipment": wanted.equipment}
    with conn.transaction():
        if received is None:
            streams = list(_sql.streams(conn, **names))
        else:
            streams = list(_sql.streams_received(conn, since=received.since, before=received.before))
        columns = ("streams", "from_seqs", "first_seqs")
        parameters = names | {name: [row[place] for row in streams] for place, name in enumerate(columns)}
        with conn.cursor(kind.__name__, row_factory=args_row(kind)) as cursor:
            cursor.execute(query, parameters)
            yield from cursor

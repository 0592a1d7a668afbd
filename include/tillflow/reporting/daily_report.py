"""The daily status report: gathered in one snapshot, written, and queued as a mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from psycopg.pq import TransactionStatus

from tillflow.db.connection import Connection, repeatable
from tillflow.db.queries import beside
from tillflow.equipment_sync.completeness import (
    Received,
    meter_differences,
    missing_transactions,
    silent_machines,
    unreadable_readings,
)
from tillflow.mail import queue_mail
from tillflow.reporting.daily_mail import render
from tillflow.reporting.figures import (
    Balance,
    DailyReport,
    FailedMail,
    Meters,
    Missing,
    OpenReason,
    Problem,
    ReceivedFile,
    WaitingMail,
    limits_of,
)

__all__ = ["DailyReport", "gather", "render", "send_daily_report"]

#: file errors listed per refused file; its import report lists more
MOST_PROBLEMS = 3
#: gaps and differences that go into an attachment; the lists of the completeness check have no end
MOST_MISSING = 5_000

_sql = beside(__file__, "daily_report.sql")


def send_daily_report(
    conn: Connection,
    *,
    day: date,
    zone: str,
    recipients: Sequence[str],
    topic: str,
    now: datetime,
) -> bool:
    """Queue the report about `day` in `zone`; False if this `topic` was queued before.

    The topic names the run that asks (`daily_report:<run id>`): a task that runs twice sends one
    mail, and a person who asks again for the same day gets a new one.
    """
    report = gather(conn, day=day, zone=zone, now=now)
    return queue_mail(conn, render(report, recipients), topic=topic, now=now)


def gather(conn: Connection, *, day: date, zone: str, now: datetime | None = None) -> DailyReport:
    """What happened on `day` in `zone`, and what is open `now`, all seen at one moment."""
    moment = datetime.now(UTC) if now is None else now
    if conn.info.transaction_status == TransactionStatus.IDLE:
        return repeatable(conn, lambda: _gather(conn, day, zone, moment))
    return _gather(conn, day, zone, moment)


def _gather(conn: Connection, day: date, zone: str, now: datetime) -> DailyReport:
    since, before = limits_of(day, zone)
    lines = [OpenReason(*row) for row in _sql.open_exceptions(conn, now=now)]
    return DailyReport(
        day=day,
        zone=zone,
        as_of=now,
        files=_files(
            _sql.files_received(conn, since=since, before=before),
            _sql.problems_of_refused(conn, since=since, before=before, most=MOST_PROBLEMS),
        ),
        open_by_reason=tuple(line for line in lines if line.reason is not None),
        open_in_all=tuple(line for line in lines if line.reason is None),
        silent=tuple(silent_machines(conn, now=now)),
        missing=_missing(conn, Received(since, before)),
        meters=_meters(conn, Received(since, before)),
        failed_mails=tuple(FailedMail(*row) for row in _sql.failed_mails(conn, since=since, before=before)),
        waiting_mails=tuple(WaitingMail(*row) for row in _sql.waiting_mails(conn, now=now)),
    )


def _missing(conn: Connection, received: Received) -> Missing:
    gaps, transactions, listed = 0, 0, []
    for gap in missing_transactions(conn, received=received):
        gaps, transactions = gaps + 1, transactions + gap.count
        if gaps <= MOST_MISSING:
            listed.append(gap)
    return Missing(gaps, transactions, tuple(listed))


def _meters(conn: Connection, received: Received) -> Meters:
    differences, listed = 0, []
    for difference in meter_differences(conn, received=received):
        differences += 1
        if differences <= MOST_MISSING:
            listed.append(difference)
    return Meters(differences, tuple(listed), unreadable_readings(conn, received))


def _files(rows: Iterable[Sequence[Any]], problem_rows: Iterable[Sequence[Any]]) -> tuple[ReceivedFile, ...]:
    """One file per import, from its rows per currency and the rows of its errors."""
    problems: dict[int, list[Problem]] = defaultdict(list)
    counts: dict[int, int] = {}
    for import_id, in_all, *parts in problem_rows:
        problems[import_id].append(Problem(*parts))
        counts[import_id] = in_all
    return tuple(
        ReceivedFile(
            tuple(
                Balance(currency, tuple(counted), tuple(minor))
                for *_, currency, counted, minor in balances
                if currency is not None  # a refused file has none
            ),
            tuple(problems[file[0]]),
            counts.get(file[0], 0),
            *file,
        )
        for file, balances in groupby(rows, key=lambda row: tuple(row[:7]))
    )

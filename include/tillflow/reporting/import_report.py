"""The report of one import, mailed when it was booked or refused. No row's content is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake.validation_page import page_of
from tillflow.mail import Mail, queue_mail
from tillflow.mail.render import counted, render
from tillflow.reporting.figures import BUCKETS, Balance, Problem, ReceivedFile

#: file errors listed; the rest is counted
MOST_PROBLEMS: Final = 100

_TEMPLATES = Path(__file__).with_name("templates")
_sql = beside(__file__, "import_report.sql")


class UnknownImportError(TillflowError):
    """There is no import with this number."""


def queue_import_report(
    conn: Connection,
    import_id: int,
    *,
    zone: str,
    recipients: Sequence[str],
    now: datetime,
    storage: str | None = None,
) -> bool:
    """Queue the report in the caller's transaction; False if it was queued before.

    An operator has no mail address of their own, so it goes to `recipients`. `storage`: where the
    validation page is, which the report then names.
    """
    mail = import_report(conn, import_id, zone=zone, recipients=recipients, storage=storage)
    return queue_mail(conn, mail, topic=f"import:{import_id}", now=now)


def import_report(
    conn: Connection, import_id: int, *, zone: str, recipients: Sequence[str], storage: str | None = None
) -> Mail:
    """What became of import `import_id`. Raises UnknownImportError."""
    file = _find(conn, import_id)
    outcome = _outcome(file)
    text, html = render(
        _TEMPLATES,
        "import_report",
        file=file,
        outcome=outcome,
        reasons=list(_sql.reasons_of(conn, import_id=import_id)),
        payments=list(_sql.payments_of(conn, import_id=import_id)),
        next_retry=_moment(_sql.next_retry(conn, import_id=import_id), zone),
        received=_moment(file.received_at, zone),
        zone=zone,
        buckets=BUCKETS,
        validation=page_of(conn, import_id, storage) if storage else None,
    )
    return Mail(tuple(recipients), f"Tillflow import {import_id} {outcome}: {file.name}", text, html)


def _moment(at: datetime | None, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if at else ""


def _find(conn: Connection, import_id: int) -> ReceivedFile:
    found = _sql.find_import(conn, import_id=import_id)
    if found is None:
        raise UnknownImportError(f"there is no import {import_id}")
    errors = list(_sql.problems_of(conn, import_id=import_id, most=MOST_PROBLEMS))
    return ReceivedFile(
        tuple(
            Balance(currency, tuple(rows), tuple(minor))
            for currency, rows, minor in _sql.balance_of(conn, import_id=import_id)
        ),
        tuple(Problem(*parts) for *parts, _ in errors),
        errors[0][-1] if errors else 0,
        *found,
    )


def _outcome(file: ReceivedFile) -> str:
    """`requires action, 10 rows, 2 exceptions` or `rejected, 3 errors`."""
    if file.refused:
        return f"{file.status}, {counted(file.problem_count, 'error')}"
    read = sum(balance.rows[0] for balance in file.balances)
    exceptions = sum(balance.rows[2] for balance in file.balances)
    return f"{file.status}, {counted(read, 'row')}, {counted(exceptions, 'exception')}"

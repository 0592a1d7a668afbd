"""The tasks of the daily run: everything in the inbox, kind by kind, then the report. One bad file stops nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import psycopg
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from tillflow import imports
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.clock import utc_now
from tillflow.codes import Kind
from tillflow.db.connection import Connection, answering
from tillflow.errors import FileRefusedError, StillBeingWrittenError, UnavailableError
from tillflow.intake.inbox import Waiting, take, waiting_files
from tillflow.intake.storage import Storage
from tillflow.intake.verify import verify_books
from tillflow.reporting.daily_report import send_daily_report
from tillflow.settings import Settings

#: long enough for the next step of a run that lives; one that comes later still finds its work done
_LEFT_ALONE = timedelta(minutes=15)
#: a run that was missed is made up for by the next ones
_VERIFIED_BACK = timedelta(days=3)

log = logging.getLogger(__name__)


@dataclass
class Swept:
    """What became of the waiting files of one kind, by name."""

    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def sweep_inbox(kind: Kind) -> dict[str, list[str]]:
    """Finish what an interrupted run left, then take in and book every complete file of a kind.

    Raises UnavailableError where the database or the storage is away: nothing else would work either.
    """
    swept, settings = Swept(), Settings.from_environment()
    with answering(), tillflow_connection() as conn:
        for import_id in imports.unfinished(conn, kind, before=utc_now() - _LEFT_ALONE):
            with _one_file(conn, settings, f"import {import_id}", swept):
                imports.finish(conn, kind, import_id, settings)
        for waiting in list(waiting_files(Storage(settings.storage), kind)):
            with _one_file(conn, settings, waiting.name, swept):
                _process(conn, settings, waiting)
    return vars(swept)


def _process(conn: Connection, settings: Settings, waiting: Waiting) -> None:
    door = imports.door_to(conn, settings)
    into = partial(imports.take_in, door)
    received = take(door.storage, waiting, into, uploader="inbox", is_vouched_for=True)
    imports.finish(conn, waiting.kind, received.import_id, settings)


@contextmanager
def _one_file(conn: Connection, settings: Settings, name: str, swept: Swept) -> Iterator[None]:
    """Whatever is wrong with one file stays with that file."""
    try:
        yield
        swept.taken.append(name)
    except FileRefusedError as refused:
        log.warning("%s", imports.refusal_text(refused))
        if refused.import_id is not None:
            imports.report(conn, refused.import_id, settings)
        swept.refused.append(name)
    except StillBeingWrittenError as unfinished:
        log.info("%s", unfinished)
        swept.left.append(name)
    except (UnavailableError, psycopg.OperationalError):
        raise
    except Exception:
        # A defect that one file brings to light must not keep the other files of the night out.
        log.exception("%s could not be processed; the other files go on", name)
        swept.broken.append(name)


def report_day(day: str | None, swept: list[dict[str, list[str]]]) -> None:
    """Queue the daily status report; end red when a file could not be processed for a reason of ours."""
    settings, context = Settings.from_environment(), get_current_context()
    now = utc_now()
    with answering(), tillflow_connection() as conn:
        send_daily_report(
            conn,
            day=processed_day(day, now, settings.zone),
            zone=settings.zone,
            recipients=settings.report_recipients,
            topic=f"daily_report:{context['dag_run'].run_id}",
            now=now,
        )
        # After the report is queued: a broken balance must not keep it from anybody.
        verified = verify_books(conn, since=now - _VERIFIED_BACK)
    log.info("%s imports recounted, every balance holds", verified)
    broken = [name for kind in swept for name in kind["broken"]]
    if broken:
        raise AirflowFailException(f"not processed, see the log: {', '.join(broken)}")


def processed_day(day: str | None, now: datetime, zone: str) -> date:
    """The day that is reported: the one that was named, else today in the configured zone."""
    return date.fromisoformat(day) if day else now.astimezone(ZoneInfo(zone)).date()

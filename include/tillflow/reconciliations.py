"""Reconciliations from asking to reporting: where the judge, the books and the mail meet.

The DAGs call this; so may a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from tillflow.clock import utc_now
from tillflow.db.connection import Connection
from tillflow.db.duck import open_engine
from tillflow.equipment_sync.judge import JUDGE
from tillflow.intake.judging import judge_again
from tillflow.intake.storage import Storage
from tillflow.reconciliation import reconcile as use_case
from tillflow.reconciliation.reconcile import Counts, JudgeAgain
from tillflow.reconciliation.scope import Scope
from tillflow.reporting.reconciliation_report import queue_report, queue_started
from tillflow.settings import Settings


def ask(conn: Connection, scope: Scope, *, request_key: str, requested_by: str, recipients: Sequence[str]) -> int:
    """Open the reconciliation and queue the mail that says so. Raises UnknownScopeError, AlreadyRunningError."""
    now = utc_now()
    with conn.transaction():
        number = use_case.open_reconciliation(conn, scope, request_key=request_key, requested_by=requested_by, now=now)
        queue_started(conn, number, recipients=recipients, now=now)
    return number


def carry_out(conn: Connection, reconciliation_id: int, settings: Settings, *, recipients: Sequence[str]) -> Counts:
    """Reconcile and queue the report. What was reconciled stays so, whatever happens to the mail."""
    counts = use_case.reconcile(conn, reconciliation_id, judge_of(conn, settings), clock=utc_now)
    queue_report(
        conn,
        reconciliation_id,
        recipients=recipients,
        now=utc_now(),
        storage=Storage(settings.storage),
        temp=settings.temp_dir,
    )
    return counts


def preview(conn: Connection, scope: Scope, settings: Settings, *, requested_by: str) -> Counts:
    """What reconciling would come to, by the same code; nothing is kept."""
    return use_case.preview(conn, scope, judge_of(conn, settings), requested_by=requested_by, clock=utc_now)


def judge_of(conn: Connection, settings: Settings) -> JudgeAgain:
    """The judge of machine dumps, over rows of many imports, with the portal data that `conn` sees."""

    def judge(rows: pa.Table) -> pa.RecordBatchReader:
        with open_engine(
            memory_mb=settings.duckdb_memory_mb, threads=settings.duckdb_threads, temp_dir=settings.temp_dir
        ) as engine:
            return judge_again(conn, engine, JUDGE, rows).read_all().to_reader()

    return judge

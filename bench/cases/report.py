"""The report of the last reconciliation, as a task makes it: every record as CSV and XLSX, and the mail."""

from __future__ import annotations

import time

from bench.case import Figures, Given


def run(given: Given) -> Figures:
    from tillflow.db.connection import APP_ROLE, connect
    from tillflow.intake.storage import Storage
    from tillflow.reporting.reconciliation_report import find_reconciliation, queue_report
    from tillflow.settings import Settings

    settings = Settings.from_environment()
    with connect(given.database_url, role=APP_ROLE) as conn:
        ((number,),) = conn.execute("select max(id) from books.reconciliation where state = 'completed'").fetchall()
        began = time.perf_counter()
        queued = queue_report(
            conn, number, recipients=("bench@tillflow.example",), now=given.received_at,
            storage=Storage(settings.storage), temp=settings.temp_dir,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        records = find_reconciliation(conn, number).attempted
    assert queued, "the report was there before"
    return Figures(seconds, rows={"records": records})

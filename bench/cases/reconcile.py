"""A reconciliation of one customer's users, as a task does it, without its report."""

from __future__ import annotations

import time

from bench.case import Figures, Given


def run(given: Given) -> Figures:
    from tillflow import reconciliations
    from tillflow.db.connection import APP_ROLE, connect
    from tillflow.reconciliation.reconcile import reconcile
    from tillflow.reconciliation.scope import Kind, Scope
    from tillflow.settings import Settings

    settings = Settings.from_environment()
    with connect(given.database_url, role=APP_ROLE) as conn:
        ((customer,),) = conn.execute("select key from portal.customer").fetchall()
        number = reconciliations.ask(
            conn, Scope(Kind.USER, customer=customer), request_key=str(time.time_ns()), requested_by="bench",
            recipients=("bench@tillflow.example",),
        )  # fmt: skip
        judge = reconciliations.judge_of(conn, settings)
        began = time.perf_counter()
        counts = reconcile(conn, number, judge, clock=lambda: given.received_at)
        seconds = time.perf_counter() - began
    return Figures(seconds, rows={"attempted": counts.attempted, "reconciled": counts.reconciled})

"""From asking for a reconciliation to the DAG run that carries it out. REST and the pages call this."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any
from uuid import uuid4

from tillflow import reconciliations
from tillflow.db.connection import Connection
from tillflow.errors import UnavailableError
from tillflow.exports.csv_cells import Cell
from tillflow.reconciliation.reconcile import Counts, give_up
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.reporting.reconciliation_report import records
from tillflow.web.dag_runs import Run, start
from tillflow.web.grants import Desk
from tillflow.web.previews import a_turn


def begin(desk: Desk, scope: Scope, *, notify: str | None = None) -> tuple[int, Run]:
    """Open the reconciliation and start its run. Raises UnknownScopeError, AlreadyRunningError, UnavailableError.

    It is opened here, so that the person learns its number and whether one runs already; the run asks again under
    the same key, finds it, and carries it out.
    """
    recipients = (notify,) if notify else desk.settings.report_recipients
    dag_id, params = _params(scope, notify)
    key = f"reconciliation__{uuid4().hex}"
    number = reconciliations.ask(desk.conn, scope, request_key=key, requested_by=desk.person, recipients=recipients)
    try:
        return number, start(dag_id, key, params, person=desk.person)
    except UnavailableError:
        give_up(desk.conn, number, now=desk.now)  # nobody would carry it out, and it would hold its scope
        raise


def preview(desk: Desk, scope: Scope) -> Counts:
    """What reconciling would come to; nothing is kept.

    Raises UnknownScopeError, AlreadyRunningError, UnavailableError.
    """
    with a_turn():
        return reconciliations.preview(desk.conn, scope, desk.settings, requested_by=desk.person)


def first_records(conn: Connection, reconciliation_id: int, most: int = 200) -> list[Sequence[Cell]]:
    """The first records under HEADER; the report has all."""
    return list(islice(records(conn, reconciliation_id), most))


def _params(scope: Scope, notify: str | None) -> tuple[str, dict[str, Any]]:
    """The DAG that carries it out, and its parameters."""
    if scope.kind is Kind.USER:
        return "reconcile_users", {"customer": scope.customer, "notify": notify}
    days = {"date_from": str(scope.date_from), "date_to": str(scope.date_to)}
    return "reconcile_products", {"equipment": scope.equipment, "notify": notify} | days

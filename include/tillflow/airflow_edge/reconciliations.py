"""The task of the reconciliation DAGs: who may ask, what for, and to whom the report goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Final

import psycopg
from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from tillflow import reconciliations
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.airflow_edge.runs import started_by
from tillflow.clock import utc_now
from tillflow.codes import Capability
from tillflow.db.connection import Connection, answering
from tillflow.errors import UnavailableError
from tillflow.portal.grants import may
from tillflow.reconciliation.reconcile import AlreadyRunningError, GivenUpError, UnknownScopeError, give_up
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.settings import Settings

log = logging.getLogger(__name__)

#: fields that both trigger forms have
REPORT_PARAMS: Final = {
    "notify": Param(
        None,
        type=["null", "string"],
        format="email",
        maxLength=254,
        title="Report to",
        description="a mail address; default: where all reports go",
    ),
    "preview": Param(
        False, type="boolean", title="Preview", description="only say what would clear; nothing is changed"
    ),
}


def users_of(params: Mapping[str, Any]) -> Scope:
    """The scope of `reconcile_users`."""
    return Scope(Kind.USER, customer=params["customer"])


def products_of(params: Mapping[str, Any]) -> Scope:
    """The scope of `reconcile_products`. Raises AirflowFailException where the days are the wrong way round."""
    first, last = date.fromisoformat(params["date_from"]), date.fromisoformat(params["date_to"])
    if last < first:
        raise AirflowFailException(f"the range ends ({last}) before it begins ({first})")
    return Scope(Kind.PRODUCT, equipment=params["equipment"], date_from=first, date_to=last)


def reconcile_scope(scope_of: Callable[[Mapping[str, Any]], Scope]) -> dict[str, Any]:
    """The task: preview, or reconcile and report. Running it twice finds the first one's result."""
    context: Any = get_current_context()
    params, (person, is_person) = context["params"], started_by(context)
    settings, scope = Settings.from_environment(), scope_of(params)
    recipients = (params["notify"],) if params.get("notify") else settings.report_recipients
    with answering(), tillflow_connection() as conn:
        if is_person and not may(conn, person, Capability.PROVIDER):
            raise AirflowFailException(f"{person} may not reconcile: that needs the grant provider")
        try:
            if params.get("preview"):
                counts = reconciliations.preview(conn, scope, settings, requested_by=person)
                log.info("preview of %s: %s", scope, counts)
                return {"preview": True, **asdict(counts)}
            number = reconciliations.ask(
                conn, scope, request_key=context["dag_run"].run_id, requested_by=person, recipients=recipients
            )
            return {"reconciliation_id": number, **_carried_out(conn, number, settings, recipients)}
        except (UnknownScopeError, AlreadyRunningError, GivenUpError) as error:
            raise AirflowFailException(str(error)) from None


def _carried_out(conn: Connection, number: int, settings: Settings, recipients: tuple[str, ...]) -> dict[str, int]:
    try:
        counts = reconciliations.carry_out(conn, number, settings, recipients=recipients)
    except (UnavailableError, psycopg.OperationalError):
        raise  # the task is run again and goes on
    except Exception:
        give_up(conn, number, now=utc_now())  # a defect must not hold the scope
        raise
    log.info("reconciliation %s: %s", number, counts)
    return asdict(counts)

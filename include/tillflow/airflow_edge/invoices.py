"""The tasks of the invoice DAGs and of the daily run: who asks, what for, and who approved it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from typing import Any, Final

import psycopg
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from tillflow import invoices
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.airflow_edge.runs import started_by
from tillflow.clock import utc_now
from tillflow.db.connection import Connection, answering
from tillflow.errors import TillflowError, UnavailableError
from tillflow.invoices import Acting
from tillflow.invoicing import due
from tillflow.invoicing.billing_range import BillingRange
from tillflow.mail.render import money
from tillflow.settings import Settings

#: ids of the tasks of `post_invoice`
LOOK: Final = "look"
APPROVE: Final = "approve"
POST: Final = "post"
#: what `look` leaves for the approval and for the posting
SEEN: Final = "seen"

log = logging.getLogger(__name__)


def prepare_invoice() -> list[dict[str, Any]]:
    """The task of `prepare_invoice`: the drafts of the range; run twice, it finds the same ones."""
    context: Any = get_current_context()
    params = context["params"]
    with _at_the_desk() as conn:
        wanted = BillingRange(
            params["customer"], date.fromisoformat(params["date_from"]), date.fromisoformat(params["date_to"])
        )
        drafts = invoices.prepare(conn, wanted, _acting(context, "prepare_invoice"))
    for draft in drafts:
        log.info("%s: %s", wanted, draft)
    return [asdict(draft) for draft in drafts]


def look_at_draft() -> str:
    """The task `look`: may this person post it, and does somebody have to approve? The next task's id."""
    context: Any = get_current_context()
    invoice_id = int(context["params"]["invoice_id"])
    with _at_the_desk() as conn:
        by = _acting(context, "post_invoice")
        invoices.require_posting(conn, invoice_id, by)
        found = invoices.find(conn, invoice_id, by)
        is_posted = found.number is not None
        needs_approval = not is_posted and invoices.needs_approval(conn, invoice_id)
    context["ti"].xcom_push(
        key=SEEN,
        value={
            "content_hash": found.content_hash.hex() if found.content_hash else None,
            "needs_approval": needs_approval,
            "text": (
                f"Draft {invoice_id} for {found.customer_name} ({found.customer}), {found.date_from} until before "
                f"{found.date_to}: {found.sale_rows} sales, {money(found.total_minor, found.currency)} with tax"
            ),
        },
    )
    return APPROVE if needs_approval else POST


def post_draft() -> dict[str, Any]:
    """The task `post`: exactly what `look` saw, and its mails. Run twice, it says what was done."""
    context: Any = get_current_context()
    params, task = context["params"], context["ti"]
    seen = task.xcom_pull(task_ids=LOOK, key=SEEN)
    with _at_the_desk() as conn:
        by = _acting(context, "post_invoice")
        if seen["needs_approval"]:
            _require_approval(conn, int(params["invoice_id"]), task.xcom_pull(task_ids=APPROVE))
        posted = invoices.post(
            conn,
            int(params["invoice_id"]),
            by,
            number=params.get("invoice_no") or None,
            expected_hash=bytes.fromhex(seen["content_hash"]) if seen["content_hash"] else None,
        )
        invoices.announce(conn, posted.invoice_id, Settings.from_environment(), now=utc_now())
    log.info("invoice %s is posted as %s", posted.invoice_id, posted.number)
    return {"invoice_id": posted.invoice_id, "invoice_no": posted.number}


def prepare_due_invoices() -> dict[str, list[str]]:
    """The task of the daily run: drafts that fall due, and mails that a dead process left. It never posts.

    Whatever is `broken` keeps neither the others nor the day's report back; the report's task is red for it.
    """
    context: Any = get_current_context()
    settings = Settings.from_environment()
    done: dict[str, list[str]] = {"prepared": [], "announced": [], "broken": []}
    with answering(), tillflow_connection() as conn:
        for wanted in due.ranges_due(conn, now=utc_now()):
            with _one(f"drafts for {wanted}", "prepared", done):
                due.prepare_due(conn, wanted, now=utc_now())
        for invoice_id, is_credit_note in invoices.unannounced(conn):
            with _one(f"mails of invoice {invoice_id}", "announced", done):
                invoices.announce(conn, invoice_id, settings, now=utc_now(), is_credit_note=is_credit_note)
        due.tell_of_drafts(conn, recipients=settings.report_recipients, run=context["dag_run"].run_id, now=utc_now())
    return done


@contextmanager
def _one(name: str, outcome: str, done: dict[str, list[str]]) -> Iterator[None]:
    try:
        yield
        done[outcome].append(name)
    except (UnavailableError, psycopg.OperationalError):
        raise
    except Exception:
        log.exception("%s: a defect; the others go on", name)
        done["broken"].append(name)


def _require_approval(conn: Connection, invoice_id: int, answer: Any) -> None:
    """Marking the task as successful is no approval, and neither is one from somebody without the grant."""
    if answer is None or answer["chosen_options"] != ["Approve"]:
        raise AirflowFailException(f"posting invoice {invoice_id} has not been approved")
    approver = (answer.get("responded_by_user") or {}).get("name") or ""
    invoices.require_posting(conn, invoice_id, Acting(approver, utc_now()))
    log.info("posting invoice %s was approved by %s", invoice_id, approver)


def _acting(context: Any, dag_id: str) -> Acting:
    person, is_person = started_by(context)
    return Acting(person if is_person else dag_id, utc_now(), is_vouched_for=not is_person)


@contextmanager
def _at_the_desk() -> Iterator[Connection]:
    """What a person has to repair ends the task at once; what passes is tried again."""
    try:
        with answering(), tillflow_connection() as conn:
            yield conn
    except UnavailableError:
        raise
    except TillflowError as error:
        raise AirflowFailException(str(error)) from None

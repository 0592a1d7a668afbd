"""The tasks of the payments: the gateway from its Airflow connection, who may start a sweep, who may decide."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from tillflow import payment_desk, payment_run
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.airflow_edge.runs import started_by
from tillflow.clock import utc_now
from tillflow.codes import Capability
from tillflow.db.connection import answering
from tillflow.payment_run import PaymentRun
from tillflow.payments.decisions import BadDecisionError, NotNowError
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.portal.grants import may, may_sweep_payments
from tillflow.settings import Settings

PAYMENT_CONNECTION: Final = "tillflow_payments"

log = logging.getLogger(__name__)


def sweep_due_payments() -> dict[str, Any]:
    """The task of `retry_payments`: what is due by `as_of`, which is now unless a person says otherwise.

    Raises AirflowFailException where the person may not, or `as_of` is no moment; UnavailableError where the gateway
    is away.
    """
    context: Any = get_current_context()
    as_of, (person, is_person) = context["params"].get("as_of"), started_by(context)
    actor = f"retry_payments ({person})" if is_person else "retry_payments"
    return _summary(_sweep(actor, person if is_person else None, due_by=_moment(as_of)))


def charge_import(import_id: int) -> dict[str, Any]:
    """The task `charge` of an import: its first charges, at once."""
    return _summary(_sweep("import_offline_sales", import_id=import_id))


def sweep_payments_of_the_day() -> dict[str, Any]:
    """The task of the daily run. A gateway that is away, or not set up, keeps the day's report from nobody.

    `retry_payments` is red for it, every quarter of an hour.
    """
    try:
        run = _sweep("daily_processing")
    except (AirflowFailException, AirflowNotFoundException) as error:
        log.warning("%s", error)
        return PaymentRun().summary()
    if run.problem:
        log.warning("%s", run.problem)
    return run.summary()


def _sweep(
    actor: str, person: str | None = None, *, due_by: datetime | None = None, import_id: int | None = None
) -> PaymentRun:
    """A sweep; `person`: who asked for it and needs a grant."""
    settings = Settings.from_environment()
    with answering(), tillflow_connection() as conn, payment_gateway() as gateway:
        if person and not may_sweep_payments(conn, person):
            raise AirflowFailException(
                f"{person} may not start a sweep: that needs the grant offline_sales_admin or provider"
            )
        if person and due_by and due_by > utc_now() and not may(conn, person, Capability.PROVIDER):
            raise AirflowFailException(f"{person} may not charge before it is due: that needs the grant provider")
        till = payment_run.till_of(conn, gateway, settings, actor)
        return payment_run.sweep(till, settings, due_by=due_by, import_id=import_id)


def _moment(as_of: str | None) -> datetime | None:
    """In UTC where it names no zone. Airflow's form gives one, its API takes any text for a date-time."""
    if not as_of:
        return None
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        raise AirflowFailException("as_of is no moment: give it like 2026-06-15T14:00:00+10:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _summary(run: PaymentRun) -> dict[str, Any]:
    if run.problem:
        raise run.problem
    return run.summary()


def carry_out_decision() -> None:
    """The task of `decide_payment`: what the form says, in the name of who sent it.

    Raises AirflowFailException with what keeps the decision from being carried out.
    """
    context: Any = get_current_context()
    params, (person, is_person) = context["params"], started_by(context)
    with answering(), tillflow_connection() as conn:
        try:
            payment_desk.decide(
                conn,
                int(params["payment_id"]),
                payment_desk.Decision(params["decision"]),
                person=person if is_person else "decide_payment",
                now=utc_now(),
                reason=params["reason"],
                reference=params.get("reference") or "",
                is_vouched_for=not is_person,
            )
        except (payment_desk.NoSuchPaymentError, NotNowError, BadDecisionError) as error:
            raise AirflowFailException(str(error)) from None


@contextmanager
def payment_gateway() -> Iterator[StripeGateway]:
    """The gateway of the connection `tillflow_payments`: its password is the API key, its host the base URL.

    Without a host it is Stripe itself. `extra` may set `read_timeout` in seconds.
    """
    connection = AirflowConnection.get(PAYMENT_CONNECTION)
    if not connection.password:
        raise AirflowFailException(f"the connection {PAYMENT_CONNECTION} has no password: give the gateway's API key")
    base = connection.host or "https://api.stripe.com"
    gateway = StripeGateway(
        connection.password,
        base if "://" in base else f"https://{base}",
        read_timeout=float(connection.extra_dejson.get("read_timeout", 20)),
    )
    try:
        yield gateway
    finally:
        gateway.close()

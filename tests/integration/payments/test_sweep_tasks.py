"""Who may start a sweep, until when it charges, and what the daily run makes of a gateway that is not set up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# before the first import of Airflow, which would make ~/airflow otherwise
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parents[3] / ".tillflow" / "test-airflow"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from tests.gateways import SandboxServer
from tests.paying import Shop
from tillflow import payment_run
from tillflow.airflow_edge import payments as task
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.payments.gateway import Gateway

Start = Callable[..., Any]


@pytest.fixture
def start(shop: Shop, database: str, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts `retry_payments`, as a person or on schedule; `olga` resolves the stall's sales, `ulla` uploads them."""
    shop.conn.execute(
        "insert into portal.operator (user_name, capability, channel_id) values"
        " ('olga', 'offline_sales_admin', 1), ('ulla', 'offline_sales_upload', 1)"
    )

    @contextmanager
    def connection() -> Iterator[Connection]:
        with connect(database, role=APP_ROLE) as opened:
            yield opened

    @contextmanager
    def gateway() -> Iterator[Gateway]:
        yield shop.gateway

    monkeypatch.setattr(task, "tillflow_connection", connection)
    monkeypatch.setattr(task, "payment_gateway", gateway)
    monkeypatch.setattr(payment_run, "till_of", partial(payment_run.till_of, clock=shop.clock))

    def send(person: str | None = None, as_of: str | None = None) -> Any:
        context = {"params": {"as_of": as_of}, "dag_run": SimpleNamespace(triggering_user_name=person)}
        monkeypatch.setattr(task, "get_current_context", lambda: context)
        return task.sweep_due_payments()

    return send


@pytest.mark.parametrize(("person", "actor"), [(None, "retry_payments"), ("olga", "retry_payments (olga)")])
def test_who_started_it_is_in_the_history(shop: Shop, start: Start, person: str | None, actor: str) -> None:
    shop.sell()
    assert start(person)["charged"] == {"succeeded": 1}
    found = shop.conn.execute("select distinct actor from history.event where subject = 'payment'").fetchall()
    assert found == [(actor,)]


@pytest.mark.parametrize("person", ["ulla", "nobody"])
def test_a_person_without_the_grant_charges_nothing(
    shop: Shop, start: Start, sandbox: SandboxServer, person: str
) -> None:
    (payment,) = shop.sell()
    with pytest.raises(AirflowFailException, match=f"^{person} may not start a sweep"):
        start(person)
    assert (shop.state(payment), sandbox.ledger()) == ("due", [])


@pytest.mark.parametrize("as_of", ["2026-06-16T14:00:00+10:00", "2026-06-16T04:00:00Z", "2026-06-16T04:00:00"])
def test_as_of_charges_what_is_due_by_that_moment(shop: Shop, start: Start, as_of: str) -> None:
    (payment,) = shop.sell(token="tok_soft_then_ok")
    assert start()["charged"] == {"retry_wait": 1}
    shop.later(minutes=1)
    assert start(as_of="2026-06-16T03:59:59Z")["charged"] == {}
    assert start(as_of=as_of)["charged"] == {"succeeded": 1}
    assert shop.state(payment) == "succeeded"


def test_as_of_is_a_moment(shop: Shop, start: Start, sandbox: SandboxServer) -> None:
    shop.sell()
    with pytest.raises(AirflowFailException, match=r"^as_of is no moment: "):
        start(as_of="tomorrow")
    assert sandbox.ledger() == []


def test_before_it_is_due_only_the_provider_charges(shop: Shop, start: Start, sandbox: SandboxServer) -> None:
    shop.conn.execute("insert into portal.operator (user_name, capability) values ('paul', 'provider')")
    shop.sell(token="tok_soft_then_ok")
    start()
    shop.later(minutes=1)
    with pytest.raises(AirflowFailException, match=r"olga may not charge before it is due"):
        start("olga", as_of="2099-01-01T00:00:00Z")
    assert len(sandbox.attempts()) == 1
    assert start("paul", as_of="2099-01-01T00:00:00Z")["charged"] == {"succeeded": 1}


@pytest.mark.parametrize("error", [AirflowFailException, AirflowNotFoundException])
def test_a_gateway_that_is_not_set_up_keeps_the_daily_report_from_nobody(
    start: Start, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    @contextmanager
    def missing() -> Iterator[Gateway]:
        raise error("the connection tillflow_payments ...")
        yield

    monkeypatch.setattr(task, "payment_gateway", missing)
    with pytest.raises(error):
        start()
    assert task.sweep_payments_of_the_day()["charged"] == {}

"""Mails that were given up go again when the provider asks for it by the form of `send_mail`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# before the first import of Airflow, which would make ~/airflow otherwise
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parents[3] / ".tillflow" / "test-airflow"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tillflow.airflow_edge import mail as task
from tillflow.db.connection import Connection
from tillflow.mail import Mail, queue_mail

from .conftest import NOW

Ask = Callable[..., int]
_EVENTS = "select actor, action, reason from history.event where subject = 'mail' order by id"


@pytest.fixture
def ask(conn: Connection, a_mail: Callable[..., Mail], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Sends the form as a person: one mail waits, one was sent, two were given up. `pia` is the provider."""
    conn.execute("insert into portal.channel (key, name, zone) values ('phone', 'Phone', 'UTC')")
    conn.execute(
        "insert into portal.operator (user_name, capability, channel_id)"
        " values ('pia', 'provider', null), ('olga', 'offline_sales_admin', 1), ('aud', 'auditor', null)"
    )
    for topic in ("waits", "sent", "failed 1", "failed 2"):
        queue_mail(conn, a_mail(), topic=topic, now=NOW)
    conn.execute("update mail.message set sent_at = %s where topic = 'sent'", [NOW])
    conn.execute("update mail.message set failed_at = %s, attempts = 17 where topic like 'failed%%'", [NOW])

    def send(person: str | None = "pia", **form: Any) -> int:
        context = {"params": form, "dag_run": SimpleNamespace(triggering_user_name=person)}
        monkeypatch.setattr(task, "get_current_context", lambda: context)
        return task.resend_if_asked(conn)

    return send


def failed(conn: Connection) -> list[tuple[str, int]]:
    return conn.execute("select topic, attempts from mail.message where failed_at is not null order by 1").fetchall()


def test_what_was_given_up_begins_anew_in_the_providers_name(conn: Connection, ask: Ask) -> None:
    assert ask(resend_failed=True, reason="the mailbox was full") == 2
    assert failed(conn) == []
    again = conn.execute("select topic from mail.message where attempts = 0 and sent_at is null order by 1").fetchall()
    assert again == [("failed 1",), ("failed 2",), ("waits",)]
    assert conn.execute(_EVENTS).fetchall() == [("pia", "queued_again", "the mailbox was full")] * 2
    assert ask(resend_failed=True, reason="once more") == 0, "asked twice, they go once"


@pytest.mark.parametrize("form", [{}, {"resend_failed": False, "reason": "x"}, {"resend_failed": None}])
def test_the_run_of_every_minute_leaves_them_alone(conn: Connection, ask: Ask, form: dict[str, Any]) -> None:
    assert ask(None, **form) == 0
    assert failed(conn) == [("failed 1", 17), ("failed 2", 17)]


@pytest.mark.parametrize("person", ["olga", "aud", "nobody"])
def test_without_the_grant_nothing_is_sent_again_and_the_try_is_in_the_history(
    conn: Connection, ask: Ask, person: str
) -> None:
    with pytest.raises(AirflowFailException, match="needs the grant provider"):
        ask(person, resend_failed=True, reason="please")
    assert failed(conn) == [("failed 1", 17), ("failed 2", 17)]
    assert conn.execute(_EVENTS).fetchall() == [(person, "denied", "resend")]


@pytest.mark.parametrize("reason", [None, " ", "was 4111 1111 1111 1111"])
def test_a_reason_is_needed_and_holds_no_card_number(conn: Connection, ask: Ask, reason: str | None) -> None:
    with pytest.raises(AirflowFailException, match="reason") as refused:
        ask(resend_failed=True, reason=reason)
    assert "4111" not in str(refused.value)
    assert failed(conn) == [("failed 1", 17), ("failed 2", 17)]

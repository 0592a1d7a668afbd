"""The mails of a reconciliation and a mail server in every trouble: told once, nothing undone, nothing hidden."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.mail.conftest import SENDER, MailServer, point_to
from tests.integration.reconciliation.conftest import NOW, Desk
from tillflow.airflow_edge.mail import deliver_with, smtp_hook
from tillflow.mail import SendResult, resend_failed, send_due
from tillflow.reporting.daily_report import gather, render

TO = "a@b.example"
RECONCILED = (
    "select (select array_agg((id, state, reasons)::text order by id) from books.exception),"
    " (select array_agg((stream_id, seq, recorded_at)::text order by stream_id, seq) from books.vend_sale),"
    " (select array_agg((id, state, attempted, reconciled)::text order by id) from books.reconciliation)"
)


@pytest.fixture
def reconciled(desk: Desk) -> Desk:
    """Two vends have become sales; that it began and what came of it are in the outbox."""
    desk.add_selection()
    assert desk.product().reconciled == 2
    return desk


def books(desk: Desk) -> Any:
    return desk.conn.execute(RECONCILED).fetchone()


def every_minute(desk: Desk, first: int, last: int) -> list[SendResult]:
    """What the DAG `send_mail` does from minute to minute, with a hook of its own each time."""
    return [
        send_due(desk.conn, deliver_with(smtp_hook(), sender=SENDER), now=NOW + timedelta(minutes=minute))
        for minute in range(first, last + 1)
    ]


def message_ids(desk: Desk) -> set[str]:
    return {found for (found,) in desk.conn.execute("select message_id from mail.message")}


def assert_told(desk: Desk, server: MailServer, deliveries: int) -> None:
    """Both mails have arrived, the report with both files, and nothing else has."""
    assert {mail["Message-ID"] for mail in server.taken} == message_ids(desk)
    assert len(server.taken) == deliveries
    names = {mail["Subject"]: [part.get_filename() for part in mail.iter_attachments()] for mail in server.taken}
    (files,) = [files for subject, files in names.items() if "2 of" in subject]
    assert files == [f"reconciliation-{desk.number}.csv", f"reconciliation-{desk.number}.xlsx"]
    unsent = "select count(*) from mail.message where sent_at is null or failed_at is not null"
    assert desk.conn.execute(unsent).fetchone() == (0,)


@pytest.mark.parametrize("stage", ["MAIL", f"RCPT {TO}", "DATA"])
def test_put_off_it_is_told_once_a_little_later(reconciled: Desk, mail_server: MailServer, stage: str) -> None:
    before = books(reconciled)
    mail_server.replies = {stage: ["451 4.7.1 greylisted"] * 3}
    every_minute(reconciled, 0, 10)
    assert_told(reconciled, mail_server, deliveries=2)
    assert books(reconciled) == before


def test_a_line_dropped_after_the_data_repeats_the_same_mail(reconciled: Desk, mail_server: MailServer) -> None:
    before = books(reconciled)
    mail_server.on_data = lambda server: server.transport.abort()
    every_minute(reconciled, 0, 0)
    assert len(mail_server.taken) == 2  # taken, but nobody was told
    mail_server.on_data = lambda server: None
    every_minute(reconciled, 1, 10)
    assert_told(reconciled, mail_server, deliveries=4)
    assert set(Counter(mail["Message-ID"] for mail in mail_server.taken).values()) == {2}
    assert books(reconciled) == before


def test_a_server_that_is_down_for_an_hour_is_waited_for(
    reconciled: Desk, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = books(reconciled)
    point_to(1, monkeypatch)  # nobody listens there: the connection is refused
    first, *rest = every_minute(reconciled, 0, 65)
    assert first.stopped == "the mail server cannot be reached: Connection refused"
    assert {result.sent + result.failed for result in [first, *rest]} == {0}
    assert books(reconciled) == before
    seen = report(reconciled, minute=65)
    assert [mail.topic for mail in seen.waiting_mails] == [
        f"reconciliation:{reconciled.number}:{what}" for what in ("started", "report")
    ]
    for body in (render(seen, (TO,)).text, render(seen, (TO,)).html):
        assert f"reconciliation:{reconciled.number}:report" in body
        assert "the mail server cannot be reached: Connection refused" in body
    point_to(mail_server.port, monkeypatch)
    every_minute(reconciled, 66, 130)  # the sixth attempt failed after an hour, the next is an hour later
    assert_told(reconciled, mail_server, deliveries=2)
    assert report(reconciled, minute=130).waiting_mails == ()
    assert books(reconciled) == before


def test_refused_for_good_it_is_seen_in_the_daily_report_and_can_be_sent_again(
    reconciled: Desk, mail_server: MailServer
) -> None:
    before = books(reconciled)
    mail_server.replies = {"DATA": ["554 5.7.1 too large"] * 2}
    every_minute(reconciled, 0, 10)
    assert mail_server.taken == []
    assert books(reconciled) == before
    seen = report(reconciled, minute=10)
    assert [(mail.topic, mail.attempts) for mail in seen.failed_mails] == [
        (f"reconciliation:{reconciled.number}:{what}", 1) for what in ("started", "report")
    ]
    for body in (render(seen, (TO,)).text, render(seen, (TO,)).html):
        assert f"reconciliation:{reconciled.number}:report" in body
        assert "554" in body
    assert resend_failed(reconciled.conn, actor="ann", reason="the limit was raised", now=NOW) == 2
    every_minute(reconciled, 11, 11)
    assert_told(reconciled, mail_server, deliveries=2)


def report(desk: Desk, minute: int):  # type: ignore[no-untyped-def]
    return gather(desk.conn, day=NOW.date(), zone="UTC", now=NOW + timedelta(minutes=minute))

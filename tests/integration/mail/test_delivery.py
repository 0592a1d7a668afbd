"""Mails go out through the provider's hook to a real SMTP server, which answers in every way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest

from tillflow.db.connection import Connection
from tillflow.mail import Attachment, Deliver, Mail, SendResult, queue_mail, send_due

from .conftest import NOW, MailServer, point_to

ANN, BOB = "ann@a.example", "bob@b.example"
MakeMail = Callable[..., Mail]


def test_a_mail_arrives_with_text_html_and_attachment(
    conn: Connection, mail_server: MailServer, deliver: Deliver
) -> None:
    csv = b"\xef\xbb\xbfa,b\r\n1,2\r\n"
    mail = Mail(
        (ANN, BOB),
        "Bericht für Zoë: 5 files",
        "Grüße\n" + "x" * 2000 + "\n.\nend",
        "<p>Grüße</p>",
        (Attachment("Übersicht.csv", "text/csv", csv), Attachment("a.pdf", "application/pdf", b"\0\xff")),
    )
    queue_mail(conn, mail, topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(sent=1)

    (arrived,) = mail_server.taken
    assert arrived["Subject"] == mail.subject
    assert arrived["To"] == "ann@a.example, bob@b.example"
    assert arrived["From"] == "tillflow@tillflow.example"
    assert arrived["Date"].datetime.astimezone(UTC) == NOW
    assert arrived["Auto-Submitted"] == "auto-generated"
    stored = conn.execute("select message_id from mail.message").fetchone()
    assert (arrived["Message-ID"],) == stored
    assert mail_server.envelopes[0].rcpt_tos == [ANN, BOB]

    text, html = arrived.get_body(("plain",)), arrived.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == mail.text + "\n"
    assert html.get_content().strip() == mail.html
    report, pdf = arrived.iter_attachments()
    assert (report.get_filename(), report.get_content_type()) == ("Übersicht.csv", "text/csv")
    assert report.get_payload(decode=True) == csv
    assert (pdf.get_filename(), pdf.get_content()) == ("a.pdf", b"\0\xff")
    assert max(map(len, arrived.as_bytes().split(b"\r\n"))) <= 998


@pytest.mark.parametrize("stage", ["MAIL", f"RCPT {ANN}", "DATA"])
def test_a_mail_refused_for_good_fails_visibly(
    conn: Connection, mail_server: MailServer, deliver: Deliver, a_mail: MakeMail, stage: str
) -> None:
    mail_server.replies = {stage: [f"550 5.1.1 <{ANN}>: no such person, password hunter2"]}
    queue_mail(conn, a_mail(), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(failed=1)
    assert send_due(conn, deliver, now=NOW + timedelta(days=9)) == SendResult()
    problem, failed, action, reason = conn.execute(
        "select last_error, failed_at is not null, action, reason from mail.message, history.event"
    ).fetchone()  # type: ignore[misc]
    assert failed
    assert action == "failed"
    assert problem == reason
    assert "550" in problem
    assert "@" not in problem
    assert "hunter2" not in problem
    assert mail_server.taken == []


@pytest.mark.parametrize("stage", ["MAIL", f"RCPT {ANN}", "DATA"])
def test_a_mail_put_off_is_sent_later(
    conn: Connection, mail_server: MailServer, deliver: Deliver, a_mail: MakeMail, stage: str
) -> None:
    mail_server.replies = {stage: ["451 4.7.1 greylisted", "421 4.3.2 closing"]}
    queue_mail(conn, a_mail(), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(waiting=1)
    assert send_due(conn, deliver, now=NOW + timedelta(seconds=50)) == SendResult()
    assert send_due(conn, deliver, now=NOW + timedelta(seconds=65)) == SendResult(waiting=1)
    assert send_due(conn, deliver, now=NOW + timedelta(seconds=120)) == SendResult()
    assert send_due(conn, deliver, now=NOW + timedelta(minutes=6)) == SendResult(sent=1)
    assert len(mail_server.taken) == 1
    row = conn.execute("select attempts, last_error from mail.message").fetchone()
    assert row == (3, None)
    assert _actions(conn) == ["sent"]


def test_a_server_that_drops_the_line_after_the_data_gets_the_same_message_id_again(
    conn: Connection, mail_server: MailServer, deliver: Deliver, a_mail: MakeMail
) -> None:
    mail_server.on_data = lambda server: server.transport.abort()
    queue_mail(conn, a_mail(), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(waiting=1)
    mail_server.on_data = lambda server: None
    assert send_due(conn, deliver, now=NOW + timedelta(minutes=2)) == SendResult(sent=1)
    first, second = mail_server.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert _actions(conn) == ["delivery_unconfirmed", "sent"]


def test_a_recipient_refused_for_now_is_the_only_one_to_get_it_later(
    conn: Connection, mail_server: MailServer, deliver: Deliver, a_mail: MakeMail
) -> None:
    mail_server.replies = {
        f"RCPT {BOB}": ["450 4.2.0 greylisted"],
        "RCPT gone@g.example": ["550 5.1.1 gone"],
    }
    queue_mail(conn, a_mail(to=(ANN, BOB, "gone@g.example")), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(waiting=1)
    assert send_due(conn, deliver, now=NOW + timedelta(minutes=2)) == SendResult(sent=1)
    assert [envelope.rcpt_tos for envelope in mail_server.envelopes] == [[ANN], [BOB]]
    assert _actions(conn) == ["sent_in_part", "sent"]


def test_a_recipient_refused_for_good_does_not_hold_up_the_others(
    conn: Connection, mail_server: MailServer, deliver: Deliver, a_mail: MakeMail
) -> None:
    mail_server.replies = {f"RCPT {BOB}": ["550 5.1.1 gone"]}
    queue_mail(conn, a_mail(to=(ANN, BOB)), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(sent=1)
    row = conn.execute("select last_error from mail.message").fetchone()
    assert row == ("the mail server refused 1 of the recipients (550)",)


def test_a_dead_server_costs_one_attempt_of_one_mail(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, deliver: Deliver, a_mail: MakeMail
) -> None:
    point_to(1, monkeypatch)  # nobody listens there
    for topic in "ab":
        queue_mail(conn, a_mail(), topic=topic, now=NOW)
    result = send_due(conn, deliver, now=NOW)
    assert (result.waiting, result.sent) == (1, 0)
    assert result.stopped == "the mail server cannot be reached: Connection refused"
    assert conn.execute("select attempts from mail.message order by id").fetchall() == [(1,), (0,)]


def test_a_refused_login_is_told_apart_and_does_not_lose_mails(
    conn: Connection,
    mail_server: MailServer,
    monkeypatch: pytest.MonkeyPatch,
    deliver: Deliver,
    a_mail: MakeMail,
) -> None:
    point_to(mail_server.port, monkeypatch, login="me", password="hunter2")
    queue_mail(conn, a_mail(), topic="t", now=NOW)
    result = send_due(conn, deliver, now=NOW)
    assert (result.waiting, result.failed) == (1, 0)
    assert result.stopped == "the mail server does not let us in: 535 5.7.8"
    # the hook keeps a session that was not let in: it must not be used for the next mail
    assert send_due(conn, deliver, now=NOW + timedelta(minutes=2)).stopped == result.stopped
    assert mail_server.taken == []


def test_a_missing_connection_is_a_server_that_cannot_be_reached(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, deliver: Deliver, a_mail: MakeMail
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TILLFLOW_SMTP", raising=False)
    queue_mail(conn, a_mail(), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW).stopped


def test_an_address_beyond_ascii_that_the_server_cannot_carry_fails(
    conn: Connection, mail_server: MailServer, deliver: Deliver, a_mail: MakeMail
) -> None:
    queue_mail(conn, a_mail(to=("zoë@a.example",)), topic="t", now=NOW)
    assert send_due(conn, deliver, now=NOW) == SendResult(failed=1)
    assert mail_server.taken == []


def _actions(conn: Connection) -> list[str]:
    return [action for (action,) in conn.execute("select action from history.event order by id")]

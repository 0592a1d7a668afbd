"""A mail as a value, and the decisions about it."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from tillflow.mail import Attachment, Mail, UnusableMailError
from tillflow.mail.delivery import (
    DeliveryError,
    RecipientsRefusedError,
    RefusedError,
    ServerUnusableError,
    UnconfirmedError,
)
from tillflow.mail.mime import to_mime
from tillflow.mail.replies import while_connecting, while_sending
from tillflow.mail.schedule import WAITS, next_attempt_at
from tillflow.mail.settlement import State, after

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
TO = ("ann@a.example", "bob@b.example")


def test_a_subject_cannot_begin_another_header() -> None:
    mail = Mail(TO, "Import a.csv\r\nBcc: eve@e.example\u2028\u202ex", "t", "h")
    assert mail.subject == "Import a.csv Bcc: eve@e.example x"
    message = to_mime(mail, message_id="<1@x>", written_at=NOW, sender="a@a.example")
    parsed = message_from_bytes(message.as_bytes(), policy=policy.SMTP)
    assert parsed["Bcc"] is None
    assert parsed["Subject"] == mail.subject


@pytest.mark.parametrize(
    "recipients",
    [(), ("",), ("ann",), ("a@a.example, b@b.example",), ("a@a.example\r\nBcc: b@b.example",), ("<a@a>",)],
)
def test_an_unusable_recipient_is_refused_without_being_named(recipients: tuple[str, ...]) -> None:
    with pytest.raises(UnusableMailError) as refused:
        Mail(recipients, "s", "t", "h")
    assert "a.example" not in str(refused.value)


def test_an_attachment_cannot_leave_its_folder() -> None:
    assert Attachment("../../etc/\r\npasswd", "text/csv", b"").name == ".._.._etc_ passwd"
    with pytest.raises(UnusableMailError):
        Attachment("a", "text/csv\r\nX: y", b"")
    with pytest.raises(UnusableMailError):
        Attachment("\r\n", "text/csv", b"")


def test_the_waits_grow_and_end_after_three_days() -> None:
    assert sum(WAITS, timedelta()) == timedelta(days=3)
    assert sorted(WAITS) == list(WAITS)
    assert next_attempt_at(1, NOW) == NOW + timedelta(minutes=1)
    assert next_attempt_at(16, NOW) == NOW + timedelta(hours=8)
    assert next_attempt_at(17, NOW) is None


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (smtplib.SMTPDataError(554, b"5.7.1 spam from ann@a.example"), RefusedError, "554 5.7.1 (tr"),
        (smtplib.SMTPDataError(451, b"try later"), DeliveryError, "451 (error at the server)"),
        (smtplib.SMTPSenderRefused(552, b"5.3.4 big", "x@x"), RefusedError, "552 5.3.4"),
        (smtplib.SMTPSenderRefused(530, b"5.7.0 login", "x@x"), ServerUnusableError, "530 5.7.0"),
        (smtplib.SMTPServerDisconnected("gone"), UnconfirmedError, "may have been delivered"),
        (TimeoutError(), UnconfirmedError, "may have been delivered"),
        (smtplib.SMTPNotSupportedError("x"), RefusedError, "not ASCII"),
        (KeyError("ann@a.example"), DeliveryError, "KeyError"),
    ],
)
def test_a_reply_is_judged_by_its_code(error: Exception, kind: type[DeliveryError], text: str) -> None:
    judged = while_sending(error)
    assert type(judged) is kind
    assert text in str(judged)
    assert "@" not in str(judged)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 bWU= refused"), "let us in: 535 5.7.8"),
        (smtplib.SMTPConnectError(554, "go away"), "let us in: 554"),
        (ConnectionRefusedError(111, "Connection refused"), "reached: Connection refused"),
        (TimeoutError("timed out"), "reached: TimeoutError"),
        (smtplib.SMTPNotSupportedError("x"), "no encryption"),
    ],
)
def test_what_keeps_us_out_is_not_the_mails_fault(error: Exception, text: str) -> None:
    judged = while_connecting(error)
    assert str(judged).endswith(text) or text in str(judged)
    assert "bWU=" not in str(judged)


def test_only_recipients_refused_for_now_are_tried_again() -> None:
    error = RecipientsRefusedError({TO[0]: 550, TO[1]: 450}, taken=False)
    decided = after(error, TO, 1, NOW)
    assert (decided.state, decided.recipients) == (State.WAITING, (TO[1],))
    assert decided.problem == "the mail server refused 2 of the recipients (450, 550)"
    assert after(error, TO, 17, NOW).state is State.FAILED
    gone = dict.fromkeys(TO, 550)
    assert after(RecipientsRefusedError(gone, taken=False), TO, 1, NOW).state is State.FAILED
    assert after(RecipientsRefusedError({TO[0]: 550}, taken=True), TO, 1, NOW).state is State.SENT

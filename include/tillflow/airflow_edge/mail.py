"""Mail leaves through Airflow's SMTP provider, on the connection `tillflow_smtp`.

Only its transport is used. Its own `send_email_smtp` writes HTML without a text part, attaches
files by path only, and repeats a refused transfer five times at once, whatever the reason; here the
outbox decides what is tried again, and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from tillflow import mail_desk
from tillflow.airflow_edge.connections import MAIL_CONNECTION
from tillflow.airflow_edge.runs import started_by
from tillflow.clock import utc_now
from tillflow.db.connection import Connection
from tillflow.errors import UnavailableError
from tillflow.exception_closing import BadReasonError
from tillflow.mail import Deliver, Outgoing, SendResult
from tillflow.mail.delivery import RecipientsRefusedError
from tillflow.mail.mime import to_mime
from tillflow.mail.replies import while_connecting, while_sending


def smtp_hook() -> SmtpHook:
    """The hook on `tillflow_smtp`; it connects when the first mail is sent."""
    return SmtpHook(smtp_conn_id=MAIL_CONNECTION)


def deliver_with(hook: SmtpHook, *, sender: str) -> Deliver:
    """Carry mails from `sender` with `hook`, each over a connection of its own."""

    def deliver(outgoing: Outgoing) -> None:
        mail = outgoing.mail
        message = to_mime(
            mail,
            message_id=outgoing.message_id,
            written_at=outgoing.queued_at,
            sender=sender,
        )
        with _session(hook) as client:
            try:
                refused = client.send_message(message, sender, mail.recipients)
            except Exception as error:
                raise while_sending(error) from None  # its text repeats addresses
        if refused:
            codes = {who: code for who, (code, _) in refused.items()}
            raise RecipientsRefusedError(codes, taken=True)

    return deliver


def resend_if_asked(conn: Connection) -> int:
    """What the form of `send_mail` asks for, in the name of who sent it; returns how many mails are queued again.

    Raises AirflowFailException where they may not, or gave no reason.
    """
    context: Any = get_current_context()
    params, (person, is_person) = context["params"], started_by(context)
    if not params.get("resend_failed"):
        return 0
    try:
        return mail_desk.resend_failed(
            conn,
            person=person if is_person else "send_mail",
            now=utc_now(),
            reason=params.get("reason") or "",
            is_vouched_for=not is_person,
        )
    except (mail_desk.NotGrantedError, BadReasonError) as error:
        raise AirflowFailException(str(error)) from None


def raise_if_stopped(result: SendResult) -> None:
    """A run that found no usable server is shown as failed; its mails wait in the outbox."""
    if result.stopped:
        raise UnavailableError(f"{result.stopped}. Check the connection {MAIL_CONNECTION}.")


@contextmanager
def _session(hook: SmtpHook) -> Iterator[Any]:
    """A fresh, logged-in session of the hook, given up whatever happens."""
    try:
        try:
            hook.get_conn()
        except Exception as error:
            raise while_connecting(error) from None
        client: Any = hook._smtp_client  # noqa: SLF001 the hook has no public name for it
        yield client
        with suppress(OSError):  # every error of a mail session is one
            client.quit()  # the mail has been taken: a rude end does not change that
    finally:
        # get_conn() would hand out a session again whose login failed; it has none if it never
        # connected, and __exit__ does not expect that
        with suppress(AttributeError):
            hook.__exit__(None, None, None)  # type: ignore[no-untyped-call]

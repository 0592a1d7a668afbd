"""The outbox: a mail is queued in the transaction of what it reports, and sent afterwards.

So there is never a mail about something that was rolled back, and no business depends on the mail
server.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.mail.message import Mail, one_line

_sql = beside(__file__, "outbox.sql")


def queue_mail(conn: Connection, mail: Mail, *, topic: str, now: datetime) -> bool:
    """Put `mail` into the outbox; False if a mail about `topic` is there already.

    Belongs to the caller's transaction. The topic (`import:17`) makes it safe to run twice; the
    Message-ID is made here, once, and stays the same however often the mail is sent.
    """
    with conn.transaction():
        mail_id: int | None = _sql.queue(
            conn,
            topic=topic,
            message_id=f"<{uuid4().hex}@tillflow.example>",
            recipients=list(mail.recipients),
            subject=mail.subject,
            text_body=mail.text,
            html_body=mail.html,
            now=now,
        )
        if mail_id is None:
            return False
        for position, attachment in enumerate(mail.attachments, start=1):
            _sql.attach(
                conn,
                message_id=mail_id,
                position=position,
                file_name=attachment.name,
                content_type=attachment.content_type,
                content=attachment.content,
            )
        return True


def resend_failed(conn: Connection, *, actor: str, reason: str, now: datetime) -> int:
    """Give every failed mail a new beginning, after what stopped it was repaired; returns how many.

    The caller has made sure that `actor` may do it; the history keeps who and why.
    """
    with conn.transaction():
        resent: int = _sql.resend_failed(conn, actor=actor, reason=one_line(reason), now=now)
    return resent

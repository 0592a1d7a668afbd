"""A mail as it travels: text and HTML side by side, the attachments behind them."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from tillflow.mail.message import Mail


def to_mime(mail: Mail, *, message_id: str, written_at: datetime, sender: str) -> EmailMessage:
    """The message (RFC 5322); sent again, its Message-ID and Date are the same."""
    # Python breaks a subject of more than 78 characters right behind `Subject:`, and the blank there
    # becomes part of it for some readers. ASCII may be as long as a line; encoded words may not.
    policy = SMTP.clone(max_line_length=998) if mail.subject.isascii() else SMTP
    message = EmailMessage(policy=policy)
    message["From"] = sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = mail.subject
    message["Date"] = written_at
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: an absence note is no answer to it
    # quoted-printable: passes servers that do not take 8-bit text, and keeps long lines legal
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    for attachment in mail.attachments:
        maintype, subtype = attachment.content_type.split("/")
        message.add_attachment(
            attachment.content,
            maintype=maintype,
            subtype=subtype,
            filename=attachment.name,
            params={"charset": "utf-8"} if maintype == "text" else None,
        )
    return message

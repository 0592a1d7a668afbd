"""What the stack mailed: its mail server writes each message into a file."""

from __future__ import annotations

import email.policy
import time
from email.message import EmailMessage
from typing import cast

from tillflow.stack.plan import Stack

_PATIENCE_SECONDS = 180  # mail goes out every minute, and after whatever queues it


def mail_about(stack: Stack, subject: str) -> EmailMessage:
    """The mail whose subject begins like that; waits until it has arrived."""
    until = time.monotonic() + _PATIENCE_SECONDS
    seen: list[str] = []
    while time.monotonic() < until:
        mails = [_read(path.read_bytes()) for path in sorted(stack.mail_folder.glob("*.eml"))]
        seen = [str(mail["Subject"]) for mail in mails]
        if found := [mail for mail in mails if str(mail["Subject"]).startswith(subject)]:
            return found[-1]
        time.sleep(0.5)
    raise AssertionError(f"no mail about {subject!r}, but about {seen}")


def _read(content: bytes) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(content, policy=email.policy.default))

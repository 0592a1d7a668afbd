"""What a mail server's reply means for the mail: pure, by code, never by the text of the reply.

The text often repeats the recipient's address, so only the codes are kept: the basic one (RFC 5321)
and the enhanced one (RFC 3463), which says as much without naming anybody.
"""

from __future__ import annotations

import re
import smtplib
from typing import Final

from tillflow.mail.delivery import (
    DeliveryError,
    RecipientsRefusedError,
    RefusedError,
    ServerUnusableError,
    UnconfirmedError,
)

_ENHANCED: Final = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
#: "log in first", "too weak", "wrong password", "encrypt first": about us, not about the mail
_NOT_LET_IN: Final = frozenset({530, 534, 535, 538})
_MEANINGS: Final = {
    421: "the server is closing the connection",
    450: "mailbox unavailable for now",
    451: "error at the server",
    452: "no storage left at the server",
    550: "mailbox unavailable or refused by policy",
    551: "user not local",
    552: "too large or over quota",
    553: "address not allowed",
    554: "transaction refused",
}


def while_connecting(error: Exception) -> ServerUnusableError:
    """Nothing was sent: the server is away, or does not let us in."""
    match error:
        case smtplib.SMTPResponseException():
            return ServerUnusableError(f"the mail server does not let us in: {_reply(error)}")
        case smtplib.SMTPNotSupportedError():
            return ServerUnusableError(
                "the mail server offers no login or no encryption, but the connection asks for it"
            )
        case OSError(strerror=str(reason)):
            return ServerUnusableError(f"the mail server cannot be reached: {reason}")
        case _:
            return ServerUnusableError(f"the mail server cannot be reached: {type(error).__name__}")


def while_sending(error: Exception) -> DeliveryError:
    """Something of the mail was sent: refused for good (5xx), for now (4xx), or nobody knows."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return RecipientsRefusedError({who: code for who, (code, _) in error.recipients.items()}, taken=False)
        case smtplib.SMTPResponseException(smtp_code=code) if code in _NOT_LET_IN:
            return ServerUnusableError(f"the mail server does not let us in: {_reply(error)}")
        case smtplib.SMTPResponseException(smtp_code=code) if 500 <= code < 600:
            return RefusedError(f"the mail server refused the mail: {_reply(error)}")
        case smtplib.SMTPResponseException():
            return DeliveryError(f"the mail server put the mail off: {_reply(error)}")
        case smtplib.SMTPNotSupportedError():
            return RefusedError("the mail server cannot carry an address that is not ASCII")
        case smtplib.SMTPServerDisconnected() | OSError():
            return UnconfirmedError("the connection ended during the transfer: the mail may have been delivered")
        case _:
            return DeliveryError(f"the mail could not be sent: {type(error).__name__}")


def _reply(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
    enhanced = _ENHANCED.match(text)
    codes = f"{error.smtp_code} {enhanced[0].decode()}" if enhanced else str(error.smtp_code)
    meaning = _MEANINGS.get(error.smtp_code)
    return f"{codes} ({meaning})" if meaning else codes

"""Mail: an outbox in the database, and a sender that a crash or a second worker cannot confuse."""

from tillflow.mail.delivery import Deliver, Outgoing
from tillflow.mail.message import Attachment, Mail, UnusableMailError
from tillflow.mail.outbox import queue_mail, resend_failed
from tillflow.mail.send import SendResult, send_due

__all__ = [
    "Attachment",
    "Deliver",
    "Mail",
    "Outgoing",
    "SendResult",
    "UnusableMailError",
    "queue_mail",
    "resend_failed",
    "send_due",
]

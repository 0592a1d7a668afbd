"""What can become of a delivery: the words between the outbox and whoever carries the mail.

A deliverer is a function that returns when the server took the mail for every recipient and
raises one of these otherwise. Their texts are stored and shown: no addresses, no credentials, no
words of the server's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tillflow.errors import TillflowError
from tillflow.mail.message import Mail


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail on its way, with what makes it the same mail when it is sent again."""

    mail: Mail
    message_id: str
    queued_at: datetime


Deliver: TypeAlias = Callable[[Outgoing], None]


class DeliveryError(TillflowError):
    """The mail was not taken; it may be next time."""


class RefusedError(DeliveryError):
    """The server will not take this mail, now or later."""


class UnconfirmedError(DeliveryError):
    """The connection ended during the transfer: the mail may or may not have been taken."""


class ServerUnusableError(DeliveryError):
    """The server cannot be reached, or does not let us in: no mail can be sent at the moment."""


class RecipientsRefusedError(DeliveryError):
    """Some recipients were refused, each with an SMTP code; `taken`: the others got the mail."""

    def __init__(self, refused: Mapping[str, int], *, taken: bool) -> None:
        self.refused = dict(refused)
        self.taken = taken
        codes = ", ".join(map(str, sorted(set(self.refused.values()))))
        super().__init__(f"the mail server refused {len(self.refused)} of the recipients ({codes})")

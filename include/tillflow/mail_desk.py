"""Where a person deals with mails that were given up: their grant first, then the outbox. `send_mail` calls this.

Only what the outbox keeps is sent again, to those it was for: nobody learns anything new by asking for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tillflow import mail
from tillflow.codes import Capability
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.exception_closing import checked_reason
from tillflow.portal.grants import may

_SQL: Final = beside(__file__, "mail_desk.sql")


class NotGrantedError(TillflowError):
    """The person may not have mails sent again; the history says that they tried."""


def resend_failed(conn: Connection, *, person: str, now: datetime, reason: str, is_vouched_for: bool = False) -> int:
    """Give every mail that was given up another three days; returns how many there are.

    `is_vouched_for`: the installation itself asks, no grant is looked up. Raises NotGrantedError, BadReasonError.
    """
    if not is_vouched_for and not may(conn, person, Capability.PROVIDER):
        _SQL.record_denied(conn, now=now, actor=person)
        raise NotGrantedError(f"{person} may not have failed mails sent again: that needs the grant provider")
    return mail.resend_failed(conn, actor=person, reason=checked_reason(reason), now=now)

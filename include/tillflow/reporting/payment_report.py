"""Mails about payments: an import whose last card is charged, and payments that wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Final
from uuid import uuid4

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.exports.csv_cells import write_csv
from tillflow.mail import Attachment, Mail, queue_mail
from tillflow.mail.render import counted, render
from tillflow.money import from_minor
from tillflow.payment_reasons import Reason, reason_of
from tillflow.reporting.import_report import import_report

#: payments listed in the text; the attached file has all
MOST_LISTED: Final = 50
HEADER: Final = (
    "ROW", "ORDER_ID", "PAYMENT_ID", "PAYMENT_TYPE", "CURRENCY", "AMOUNT", "STATE", "REASON_CODE", "REASON",
    "WHAT_TO_DO",
)  # fmt: skip

_TEMPLATES = Path(__file__).with_name("templates")
_sql = beside(__file__, "payment_report.sql")


@dataclass(frozen=True, slots=True)
class WaitingPayment:
    """A payment that waits for a person. No personal data and no token: the import's page has the rest."""

    import_id: int
    file_name: str
    payment_id: int
    row_no: int
    order_id: int
    payment_type: str
    currency: str
    amount_minor: int
    state: str
    code: str

    @property
    def reason(self) -> Reason:
        """What the code means and what to do."""
        return reason_of(self.code, of_refund=self.state == "refund_refused")


def queue_payment_reports(
    conn: Connection, *, zone: str, recipients: Sequence[str], now: datetime, storage: str | None = None
) -> int:
    """Queue what has become due since the last call; returns how many mails. Each thing is told once."""
    with conn.transaction():
        waiting = [WaitingPayment(*row) for row in _sql.take_untold(conn, now=now)]
        queued = 0
        for import_id, group in groupby(waiting, key=lambda payment: payment.import_id):
            # `told_at`, set in this transaction, keeps it from being told twice; the topic only has to be new
            topic = f"import:{import_id}:action:{uuid4()}"
            queued += queue_mail(conn, action_mail(list(group), recipients), topic=topic, now=now)
        for (import_id,) in list(_sql.settled_imports(conn)):
            mail = import_report(conn, import_id, zone=zone, recipients=recipients, storage=storage)
            queued += queue_mail(conn, mail, topic=f"import:{import_id}:done", now=now)
    return queued


def action_mail(waiting: Sequence[WaitingPayment], recipients: Sequence[str]) -> Mail:
    """One mail about the payments of one import that need a person: each with its reason and the way out."""
    first = waiting[0]
    text, html = render(
        _TEMPLATES,
        "payments_waiting",
        import_id=first.import_id,
        file_name=first.file_name,
        waiting=waiting[:MOST_LISTED],
        more=max(0, len(waiting) - MOST_LISTED),
    )
    subject = f"Tillflow import {first.import_id}: {counted(len(waiting), 'payment')} to look at: {first.file_name}"
    name = f"import-{first.import_id}-payments.csv"
    return Mail(tuple(recipients), subject, text, html, (Attachment(name, "text/csv", _csv(waiting)),))


def _csv(waiting: Sequence[WaitingPayment]) -> bytes:
    return write_csv(
        (
            (
                one.row_no, one.order_id, one.payment_id, one.payment_type, one.currency,
                Decimal(from_minor(one.amount_minor, one.currency)), one.state, one.code, one.reason.title,
                one.reason.action,
            )
            for one in waiting
        ),
        HEADER,
    )  # fmt: skip

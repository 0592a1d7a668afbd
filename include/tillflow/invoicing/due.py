"""Prepare the drafts that fall due, and tell the operators. Nothing is posted here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.calendar import Calendar, periods_due
from tillflow.invoicing.discard import discard
from tillflow.invoicing.prepare import prepare
from tillflow.invoicing.uncovered import Why, uncovered
from tillflow.mail import Mail, queue_mail
from tillflow.mail.render import counted, render

#: who prepares by calendar, in the history
CALENDAR: Final = "billing calendar"
_TEMPLATES: Final = Path(__file__).with_name("templates")
_SQL: Final = beside(__file__, "due.sql")


@dataclass(frozen=True, slots=True)
class DueDraft:
    """A draft that the calendar has prepared."""

    invoice_id: int
    customer: str
    customer_name: str
    currency: str
    date_from: date
    date_to: date
    sale_rows: int
    total_minor: int


def ranges_due(conn: Connection, *, now: datetime) -> Iterator[BillingRange]:
    """Every range of a billing calendar that has ended and was not prepared, missed ones included."""
    for customer, zone, calendar, billing_from, prepared_until, first_sale in list(_SQL.billed_by_calendar(conn)):
        local = ZoneInfo(zone)
        if not prepared_until and not first_sale:
            continue  # nothing was ever sold there
        since = prepared_until or first_sale.astimezone(local).date()
        for begins, ends in periods_due(Calendar(calendar), since, now.astimezone(local).date()):
            if billing_from is None or begins >= billing_from:
                yield BillingRange(customer, begins, ends)


def prepare_due(conn: Connection, wanted: BillingRange, *, now: datetime) -> int:
    """The number of drafts of a range that fell due; where there is nothing to invoice, that is recorded."""
    with conn.transaction():
        drafts = prepare(conn, wanted, actor=CALENDAR, now=now)
        for draft in drafts:
            if not draft.sale_rows:
                discard(conn, draft.invoice_id, actor=CALENDAR, now=now, reason="nothing to invoice")
    return sum(bool(draft.sale_rows) for draft in drafts)


def tell_of_drafts(conn: Connection, *, recipients: Sequence[str], run: str, now: datetime) -> int:
    """Queue one mail about the drafts that nobody was told of; returns how many there were."""
    drafts = [DueDraft(*row) for row in _SQL.untold(conn, actor=CALENDAR)]
    if not drafts:
        return 0
    open_sales = [line for line in uncovered(conn) if line.why is not Why.NEXT]
    text, html = render(_TEMPLATES, "drafts_due", drafts=drafts, uncovered=open_sales)
    mail = Mail(tuple(recipients), f"Tillflow: {counted(len(drafts), 'invoice draft')} to look at", text, html)
    queue_mail(conn, mail, topic=f"invoices_due:{run}", now=now)
    return len(drafts)

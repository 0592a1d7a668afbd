"""Billing calendars: what falls due is prepared, once, also where days were missed; nothing is posted."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.billing import Round
from tillflow.db.connection import Connection
from tillflow.invoicing.calendar import Calendar, periods_due
from tillflow.invoicing.discard import discard
from tillflow.invoicing.due import prepare_due, ranges_due, tell_of_drafts


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def run(conn: Connection, moment: str, name: str = "run") -> tuple[list[str], int]:
    """What a daily run at that moment prepares, and of how many drafts it tells."""
    ranges = list(ranges_due(conn, now=at(moment)))
    for wanted in ranges:
        prepare_due(conn, wanted, now=at(moment))
    told = tell_of_drafts(conn, recipients=["ops@tillflow.example"], run=name, now=at(moment))
    return [f"{wanted.date_from}/{wanted.date_to}" for wanted in ranges], told


@pytest.fixture
def monthly(harbour: Round) -> Round:
    harbour.conn.execute("update portal.customer set billing_calendar = 'monthly'")
    harbour.sell("2026-04-10T10:00:00Z")
    harbour.sell("2026-06-10T10:00:00Z")
    return harbour


@pytest.mark.parametrize(
    ("calendar", "since", "today", "expected"),
    [
        ("none", "2026-01-01", "2026-12-31", []),
        ("monthly", "2026-06-30", "2026-06-30", []),
        ("monthly", "2026-06-30", "2026-07-01", [("2026-06-01", "2026-07-01")]),
        ("monthly", "2025-12-05", "2026-02-01", [("2025-12-01", "2026-01-01"), ("2026-01-01", "2026-02-01")]),
        ("weekly", "2026-06-10", "2026-06-14", []),
        ("weekly", "2026-06-10", "2026-06-15", [("2026-06-08", "2026-06-15")]),  # a Monday
        ("weekly", "2026-06-15", "2026-06-29", [("2026-06-15", "2026-06-22"), ("2026-06-22", "2026-06-29")]),
    ],
)
def test_periods_are_whole_weeks_from_monday_or_whole_months(
    calendar: str, since: str, today: str, expected: list[tuple[str, str]]
) -> None:
    found = periods_due(Calendar(calendar), date.fromisoformat(since), date.fromisoformat(today))
    assert [(begins.isoformat(), ends.isoformat()) for begins, ends in found] == expected


def test_missed_months_are_caught_up_once_and_told_once(monthly: Round) -> None:
    caught_up = ["2026-04-01/2026-05-01", "2026-05-01/2026-06-01", "2026-06-01/2026-07-01"]
    assert run(monthly.conn, "2026-07-01T16:00:00Z", "first") == (caught_up, 2)  # in May nothing was sold
    assert run(monthly.conn, "2026-07-01T16:00:00Z", "second") == ([], 0)
    assert run(monthly.conn, "2026-07-02T16:00:00Z", "third") == ([], 0)
    states = monthly.conn.execute("select date_from, state, reason from books.invoice order by id").fetchall()
    assert states == [
        (date(2026, 4, 1), "draft", None),
        (date(2026, 5, 1), "discarded", "nothing to invoice"),
        (date(2026, 6, 1), "draft", None),
    ]
    subjects = monthly.conn.execute("select subject from mail.message").fetchall()
    assert subjects == [("Tillflow: 2 invoice drafts to look at",)]


def test_a_month_ends_at_the_customers_midnight(monthly: Round) -> None:
    assert run(monthly.conn, "2026-06-30T13:59:00Z")[0][-1] == "2026-05-01/2026-06-01"
    assert run(monthly.conn, "2026-06-30T14:00:00Z")[0] == ["2026-06-01/2026-07-01"]


def test_a_discarded_draft_does_not_come_back(monthly: Round) -> None:
    run(monthly.conn, "2026-07-01T16:00:00Z")
    for (draft,) in monthly.conn.execute("select id from books.invoice where state = 'draft'").fetchall():
        discard(monthly.conn, draft, actor="ann", now=monthly.now, reason="billed elsewhere")
    assert run(monthly.conn, "2026-07-02T16:00:00Z")[0] == []


def test_it_begins_where_a_person_has_stopped(monthly: Round) -> None:
    monthly.prepare("2026-04-01", "2026-06-01")
    assert run(monthly.conn, "2026-07-01T16:00:00Z")[0] == ["2026-06-01/2026-07-01"]


def test_nothing_before_billing_from(monthly: Round) -> None:
    monthly.conn.execute("update portal.customer set billing_from = '2026-06-01'")
    assert run(monthly.conn, "2026-07-01T16:00:00Z")[0] == ["2026-06-01/2026-07-01"]


def test_without_sales_or_a_calendar_nothing_is_due(harbour: Round) -> None:
    harbour.conn.execute("update portal.customer set billing_calendar = 'weekly', billing_from = '2026-01-01'")
    assert run(harbour.conn, "2026-07-01T16:00:00Z") == ([], 0)
    harbour.sell("2026-06-10T10:00:00Z")
    harbour.conn.execute("update portal.customer set billing_calendar = 'none'")
    assert run(harbour.conn, "2026-07-01T16:00:00Z") == ([], 0)


def test_a_run_that_died_before_its_mail_is_made_up_for(monthly: Round) -> None:
    for wanted in list(ranges_due(monthly.conn, now=at("2026-07-01T16:00:00Z"))):
        prepare_due(monthly.conn, wanted, now=at("2026-07-01T16:00:00Z"))
    assert run(monthly.conn, "2026-07-01T16:05:00Z", "cleared") == ([], 2)


def test_nothing_is_posted_by_itself(monthly: Round) -> None:
    run(monthly.conn, "2026-07-01T16:00:00Z")
    assert monthly.conn.execute("select count(*) from books.invoice where state = 'posted'").fetchone() == (0,)

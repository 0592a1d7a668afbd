"""When a customer is billed: whole weeks from Monday, or whole months. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum


class Calendar(StrEnum):
    """How often drafts are prepared by themselves."""

    NONE = "none"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


def periods_due(calendar: Calendar, since: date, today: date) -> Iterator[tuple[date, date]]:
    """[from, to) of every period that has ended by `today`, from the one with the day `since` on."""
    if calendar is Calendar.NONE:
        return
    begins = since.replace(day=1) if calendar is Calendar.MONTHLY else since - timedelta(days=since.weekday())
    while (ends := _next(calendar, begins)) <= today:
        yield begins, ends
        begins = ends


def _next(calendar: Calendar, begins: date) -> date:
    if calendar is Calendar.WEEKLY:
        return begins + timedelta(days=7)
    return (begins.replace(day=1) + timedelta(days=32)).replace(day=1)

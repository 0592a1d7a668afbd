"""When a declined charge is tried again, by the clock of elapsed time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tillflow.payments.schedule import RetryPolicy

SYDNEY = ZoneInfo("Australia/Sydney")


def test_three_retries_follow_the_first_charge() -> None:
    declined_at = datetime(2026, 6, 15, 4, tzinfo=UTC)
    due = [RetryPolicy().next_attempt_at(declined_at, tries) for tries in (1, 2, 3, 4)]
    assert due == [declined_at + timedelta(hours=24)] * 3 + [None]


def test_no_retries_is_a_policy_too() -> None:
    assert RetryPolicy(retries=0).next_attempt_at(datetime(2026, 6, 15, tzinfo=UTC), 1) is None


@pytest.mark.parametrize(
    ("day", "hour_on_the_wall"),
    [
        (datetime(2026, 10, 3, 12, tzinfo=SYDNEY), 13),  # the night in which an hour is left out
        (datetime(2026, 4, 4, 12, tzinfo=SYDNEY), 11),  # the night that has an hour twice
        (datetime(2026, 7, 1, 12, tzinfo=SYDNEY), 12),
    ],
)
def test_the_wait_is_elapsed_time_whatever_clocks_on_walls_do(day: datetime, hour_on_the_wall: int) -> None:
    due = RetryPolicy().next_attempt_at(day.astimezone(UTC), 1)
    assert due is not None
    assert due - day.astimezone(UTC) == timedelta(hours=24)
    assert due.astimezone(SYDNEY).hour == hour_on_the_wall

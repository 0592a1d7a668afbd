"""What every task of Tillflow starts from; a DAG overrides what it knows better."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

DEFAULT_ARGS: Final[dict[str, Any]] = {
    "owner": "tillflow",
    # A retry repairs what passes: a database that restarts, a worker that was stopped. A bad file
    # or a declined payment is booked as such and is no failure of the task.
    "retries": 2,
    # Safe at any time, since every task can run twice; long enough for a database to restart.
    "retry_delay": timedelta(seconds=30),
    # The largest load takes minutes; a task that hangs must not hold its DAG's only run for ever.
    "execution_timeout": timedelta(hours=1),
}

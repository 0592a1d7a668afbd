"""
### Send the mails that are waiting

Whatever writes a mail (an import, a reconciliation, the daily report) puts it into the outbox, the
table `mail.message`, together with what it reports. This DAG takes it from there,
every minute and whenever a task says that it queued some.

**What can happen to a mail**

| it is | because | next |
|---|---|---|
| sent | the server took it | nothing |
| waiting | the server is busy or away | tried again, after longer and longer waits |
| failed | refused for good, or three days are over | the daily report lists it with its reason |

**When this DAG is red**, the mail server could not be reached or did not let us in. Nothing is
lost: check the connection `tillflow_smtp` (Admin > Connections); the next run goes on by itself.

**Running it twice, or by hand, is safe**: a mail is taken by one run only. If a run is killed in
the middle of a transfer, that one mail is sent again a quarter of an hour later under the same
Message-ID, because nobody can know whether it arrived.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.mail import deliver_with, raise_if_stopped, smtp_hook
from tillflow.mail import send_due
from tillflow.settings import Settings


@dag(
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=[OUTBOX]),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["tillflow", "mail"],
    doc_md=__doc__,
    default_args=DEFAULT_ARGS
    | {
        "retries": 0,  # the next minute is the retry
        "execution_timeout": timedelta(minutes=10),  # shorter than a mail's lease
    },
)
def send_mail() -> None:
    """One task: an empty outbox costs one query."""

    @task
    def send() -> dict[str, Any]:
        deliver = deliver_with(smtp_hook(), sender=Settings.from_environment().mail_from)
        with tillflow_connection() as conn:
            result = send_due(conn, deliver, now=datetime.now(UTC))
        raise_if_stopped(result)
        return {"sent": result.sent, "waiting": result.waiting, "failed": result.failed}

    send()


send_mail()

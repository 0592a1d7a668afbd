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

**To send failed mails again**, once the cause is gone, trigger it with *Send failed mails again* and a reason: every
mail that was given up gets another three days. You need the grant `provider`; your name and reason go into the history.

**When this DAG is red**, the mail server could not be reached or did not let us in. Nothing is
lost: check the connection `tillflow_smtp` (Admin > Connections); the next run goes on by itself. Or
you asked for failed mails without the grant or a reason: the log says which, and nothing was changed.

**Running it twice, or by hand, is safe**: a mail is taken by one run only. If a run is killed in
the middle of a transfer, that one mail is sent again a quarter of an hour later under the same
Message-ID, because nobody can know whether it arrived.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from tillflow.airflow_edge.assets import OUTBOX
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.airflow_edge.defaults import DEFAULT_ARGS
from tillflow.airflow_edge.mail import deliver_with, raise_if_stopped, resend_if_asked, smtp_hook
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
    params={
        "resend_failed": Param(
            False, type="boolean", title="Send failed mails again", description="all that were given up"
        ),
        "reason": Param(
            None, type=["null", "string"], maxLength=500, title="Reason", description="for the history, where you do"
        ),
    },
)
def send_mail() -> None:
    """One task: an empty outbox costs one query."""

    @task
    def send() -> dict[str, Any]:
        deliver = deliver_with(smtp_hook(), sender=Settings.from_environment().mail_from)
        with tillflow_connection() as conn:
            again = resend_if_asked(conn)
            result = send_due(conn, deliver, now=datetime.now(UTC))
        raise_if_stopped(result)
        return {"queued_again": again, "sent": result.sent, "waiting": result.waiting, "failed": result.failed}

    send()


send_mail()

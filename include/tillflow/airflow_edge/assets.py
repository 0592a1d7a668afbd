"""Assets: what a task changed, for those who wait for it."""

from __future__ import annotations

from airflow.sdk import Asset

#: mail was queued: `send_mail` need not wait for its minute
OUTBOX = Asset(name="tillflow_outbox", uri="tillflow://outbox")

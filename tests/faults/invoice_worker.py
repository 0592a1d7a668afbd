"""A process that prepares, posts and mails invoices and may be killed at a point of it. Not a test: tests start it.

`python -m tests.faults.invoice_worker` forks a process for every line it reads, a JSON object: database_url, home,
step (prepare, post, mail or credit), invoice, point (or null); the answer is the process's exit code. With `poster` as
the step the process posts whatever drafts there are, rolling some of it back, until none is left.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

from tests.billing import NOW
from tillflow import invoices
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.invoices import Acting
from tillflow.invoicing import credit, discard, mails, numbering, post, prepare
from tillflow.invoicing.billing_range import BillingRange
from tillflow.settings import Settings

BY = Acting("ann", NOW, is_vouched_for=True)
#: step -> the points at which it is killed: whose function, its name, and whether before or after it
POINTS: dict[str, dict[str, tuple[Any, str, str]]] = {
    "prepare": {
        "before the sales are picked": (prepare._SQL, "gather", "before"),
        "after the sales are picked": (prepare._SQL, "gather", "after"),
        "after the draft has begun": (prepare._SQL, "begin_draft", "after"),
        "after the sales are frozen": (prepare._SQL, "freeze_sales", "after"),
        "after the lines are written": (prepare._SQL, "write_lines", "after"),
        "after the old draft is discarded": (discard._SQL, "close_draft", "after"),
        "after the draft is complete": (prepare._SQL, "complete_draft", "after"),
        "just before the commit": (prepare._SQL, "prepared", "after"),
        "just after the commit": (prepare, "prepare", "after"),
    },
    "post": {
        "before the snapshot is compared": (post._SQL, "hash_of", "before"),
        "after the sales are held": (post._SQL, "hold_sales", "after"),
        "after the series has counted": (numbering._SQL, "count_up", "after"),
        "after the number is given": (numbering._SQL, "give", "after"),
        "just before the commit": (post._SQL, "mark_posted", "after"),
        "just after the commit": (post, "post", "after"),
    },
    "mail": {
        "before the documents are made": (mails, "_files", "before"),
        "after the documents are made": (mails, "_files", "after"),
        "between the two mails": (mails, "queue_mail", "after"),
        "just after the commit": (mails, "announce", "after"),
    },
    "credit": {
        "after the number is given": (numbering._SQL, "give", "after"),
        "after the note is written": (credit._SQL, "record_credit", "after"),
        "just before the commit": (credit._SQL, "let_go", "after"),
        "just after the commit": (credit, "credit", "after"),
    },
}


def die_at(step: str, point: str) -> None:
    """Kill this process when it comes there."""
    owner, name, when = POINTS[step][point]
    original = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, wrapper)


def do_prepare(conn: Connection, _: int, __: Settings) -> None:
    wanted = BillingRange("harbour", date(2026, 6, 1), date(2026, 7, 1))
    invoices.prepare(conn, wanted, BY)


def do_post(conn: Connection, invoice_id: int, _: Settings) -> None:
    invoices.post(conn, invoice_id, BY)


def do_mail(conn: Connection, invoice_id: int, settings: Settings) -> None:
    invoices.announce(conn, invoice_id, settings, now=NOW)


def do_credit(conn: Connection, invoice_id: int, _: Settings) -> None:
    invoices.credit(conn, invoice_id, BY, reason="wrong price")


def do_posting(conn: Connection, seed: int, _: Settings) -> None:
    """Post what there is, in an order of its own; every third time it is rolled back."""
    chance = random.Random(seed)
    while True:
        drafts = conn.execute("select id from books.invoice where state = 'draft'").fetchall()
        if not drafts:
            return
        (draft,) = chance.choice(drafts)
        with suppress(post.NotADraftError), conn.transaction(force_rollback=chance.random() < 0.33):
            post.post(conn, draft, number=None, actor="ann", now=NOW)


STEPS: dict[str, Callable[[Connection, int, Settings], None]] = {
    "prepare": do_prepare,
    "post": do_post,
    "mail": do_mail,
    "credit": do_credit,
    "poster": do_posting,
}


def settings_for(home: str) -> Settings:
    return Settings.from_environment({"TILLFLOW_HOME": home, "TILLFLOW_REPORT_TO": "ops@tillflow.example"})


def run(job: dict[str, Any]) -> None:
    if job.get("point"):
        die_at(job["step"], job["point"])
    with connect(job["database_url"], role=APP_ROLE) as conn:
        STEPS[job["step"]](conn, job["invoice"], settings_for(job["home"]))


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                run(json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

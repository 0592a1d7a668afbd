"""A worker that keeps itself warm and forks a task process for every line it reads; each may be killed at a point.

Not a test: started by the tests, because a process that ends by SIGKILL must not be pytest's own. A line is
a JSON object: database_url, home, kind, point (or null), gate ("real" or "quick"). The answer is the
process's exit code, negative for a signal.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.importing import PIN_SECRET
from tillflow import imports
from tillflow.codes import Kind
from tillflow.db import bulk
from tillflow.db.connection import APP_ROLE, answering, connect
from tillflow.errors import FileRefusedError
from tillflow.intake import booking, inbox, receive, refused
from tillflow.intake.gate import Check
from tillflow.intake.storage import Storage
from tillflow.portal import import_portal_data
from tillflow.samples.generate import NOW
from tillflow.settings import Settings

BEFORE, AFTER = "before", "after"
Point = tuple[Any, str, str, Callable[..., bool]]


def always(*args: Any, **kwargs: Any) -> bool:
    return True


def key_in(folder: str) -> Callable[..., bool]:
    """A call of a Storage method whose key lies in that folder."""
    return lambda storage, *args, **kwargs: any(isinstance(arg, str) and arg.startswith(folder) for arg in args)


def table(name: str) -> Callable[..., bool]:
    return lambda conn, written, *args, **kwargs: written == name


def action(name: str) -> Callable[..., bool]:
    return lambda *args, **kwargs: kwargs["action"] == name


#: name -> whose function, its name, before or after it, and which of its calls
POINTS: dict[str, Point] = {
    "before the archive is put": (Storage, "put", BEFORE, key_in("archive/")),
    "after the archive is put": (Storage, "put", AFTER, key_in("archive/")),
    "before the import is committed": (receive._BOOK, "add_event", AFTER, action("received")),
    "after the import is committed": (receive, "record", AFTER, always),
    "before the inbox is cleared": (Storage, "remove", BEFORE, key_in("inbox/")),
    "after the inbox is cleared": (Storage, "remove", AFTER, key_in("inbox/")),
    "before the judge": (booking, "judge_rows", BEFORE, always),
    "after the judge": (booking, "judge_rows", AFTER, always),
    "after the gate": (booking, "run_gate", AFTER, always),
    "after the vends are copied": (bulk, "write", AFTER, table("books.vend_sale")),
    "after the orders are copied": (bulk, "write", AFTER, table("books.offline_sale")),
    "after the transactions are copied": (bulk, "write", AFTER, table("intake.transaction")),
    "after the exceptions are copied": (bulk, "write", AFTER, table("books.exception")),
    "after the balance is copied": (bulk, "write", AFTER, table("intake.balance")),
    "just before the commit": (receive._BOOK, "add_event", AFTER, action("booked")),
    "just before the refusal is committed": (receive._BOOK, "add_event", AFTER, action("refused")),
    "just after the commit": (booking, "repeatable", AFTER, always),
    "before the file is moved to refused": (booking, "move_to_refused", BEFORE, always),
    "when the errors are stored": (refused, "_write_errors", AFTER, always),
    "when the refused rows are stored": (Storage, "put", AFTER, key_in("refused/")),
    "when the refused archive is removed": (Storage, "remove", AFTER, key_in("archive/")),
    "after the file is moved to refused": (booking, "move_to_refused", AFTER, always),
    "before a refusal while reading is kept": (receive, "keep_refused", BEFORE, always),
    "after a refusal while reading is kept": (receive, "keep_refused", AFTER, always),
    "before portal data is loaded": (import_portal_data, "load_portal_data", BEFORE, always),
    "after portal data is loaded": (import_portal_data, "load_portal_data", AFTER, always),
    "when portal data is archived": (Storage, "write", AFTER, key_in("archive/")),
    "before the report is queued": (imports, "queue_import_report", BEFORE, always),
    "after the report is queued": (imports, "queue_import_report", AFTER, always),
}


def call_at(point: str, then: Callable[[], None]) -> None:
    """Let `then` be called at a point of the import; for this process, until it ends."""
    owner, name, when, matches = POINTS[point]
    original = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        hit = matches(*args, **kwargs)
        if hit and when == BEFORE:
            then()
        result = original(*args, **kwargs)
        if hit and when == AFTER:
            then()
        return result

    setattr(owner, name, wrapper)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def quick_gate(judge: Any, evidence: Any) -> list[Check]:
    """The verdicts without Great Expectations, which has tests of its own and takes seconds."""
    numbers, reasons = evidence.masks["row_no"].to_numpy(), evidence.masks["reasons"].to_numpy()
    return [
        Check("verdicts", rule.name, "quick", rule.severity.value, 1.0, not rows, len(rows), len(rows), rows)
        for rule in judge.catalogue.rules
        for rows in [tuple(numbers[(reasons >> rule.bit) & 1 == 1].tolist())]
    ]


def settings_for(home: str) -> Settings:
    environment = {"TILLFLOW_HOME": home, "TILLFLOW_PIN_SECRET": PIN_SECRET.decode(), "TILLFLOW_DUCKDB_THREADS": "1"}
    return Settings.from_environment(environment)


def run_import(database_url: str, home: str, kind: Kind) -> list[int]:
    """What the daily run does for a kind: finish what was begun, take what waits, book and report it.

    Returns the imports that were refused.
    """
    imports.utc_now = lambda: NOW  # type: ignore[attr-defined]  # the same moment in every run, to compare them
    settings, refusals = settings_for(home), []
    with answering(), connect(database_url, role=APP_ROLE) as conn:

        def all_of(waiting: Any) -> None:
            try:
                door = imports.door_to(conn, settings)
                into = partial(imports.take_in, door)
                taken = inbox.take(door.storage, waiting, into, uploader="inbox", is_vouched_for=True)
                imports.finish(conn, kind, taken.import_id, settings)
            except FileRefusedError as error:
                refusals.append(error.import_id or 0)
                imports.report(conn, refusals[-1], settings)

        for waiting in list(inbox.waiting_files(Storage(settings.storage), kind)):
            all_of(waiting)
        # A task that is run again is given the import that it was given before.
        known = conn.execute("select id from intake.import where kind = %s", [kind.value]).fetchall()
        for (import_id,) in known:
            try:
                imports.finish(conn, kind, import_id, settings)
            except FileRefusedError:
                imports.report(conn, import_id, settings)
    return refusals


def main() -> None:
    importlib.import_module("great_expectations.expectations")
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(job)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(job: dict[str, Any]) -> None:
    try:
        if job["gate"] == "quick":
            booking.run_gate = quick_gate  # type: ignore[assignment]
        if job["point"]:
            call_at(job["point"], die)
        run_import(job["database_url"], job["home"], Kind(job["kind"]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()

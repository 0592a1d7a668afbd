"""`./tillflow demo`: the sample files through the real DAGs, and one table of what became of them.

It runs in a stack of its own, from empty books, and ends with exit code 1 unless every row became what the
samples' independent oracle says, every balance holds, and every mail arrived.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.db.queries import beside
from tillflow.intake.storage import Storage
from tillflow.samples.model import zip_folder
from tillflow.settings import REPOSITORY, Settings
from tillflow.stack.airflow_client import AirflowClient
from tillflow.stack.demo_check import DemoCheck
from tillflow.stack.demo_report import print_report
from tillflow.stack.import_file import delivery_of
from tillflow.stack.plan import Stack
from tillflow.stack.progress import shown_start
from tillflow.stack.running import running_stack

SAMPLES: Final = REPOSITORY / "include" / "samples"
CHANNEL: Final = "call-centre"
#: who is invoiced in the end, from which day on (what was vended before is backdated), under which number
_CUSTOMER: Final = "harbour"
_INVOICED_FROM: Final = date(2026, 6, 10)
_INVOICE_NO: Final = "2026-0001"
_SQL: Final = beside(__file__, "demo.sql")
_MAIL_SECONDS: Final = 90
#: the demo's shortened clock: a retry is due after this instead of after 24 hours
_RETRY_SECONDS: Final = "1"
#: the first charge and three retries, and one more for an answer that was lost
_MOST_SWEEPS: Final = 6


@dataclass(frozen=True)
class _Demo:
    stack: Stack
    conn: Connection
    airflow: AirflowClient
    storage: Storage


def run(options: argparse.Namespace) -> int:
    """Run the main job on the samples; 0 when everything is as it should be."""
    began = time.monotonic()
    os.environ["TILLFLOW_PAYMENT_RETRY_SECONDS"] = _RETRY_SECONDS
    home = Settings.from_environment().home / "demo"
    shutil.rmtree(home, ignore_errors=True)
    _say("starting PostgreSQL, the mail sink and Airflow")
    with shown_start() as watcher, running_stack(home, watcher=watcher) as stack:
        with connect(stack.database_url, role=APP_ROLE) as conn:
            demo = _Demo(stack, conn, AirflowClient(stack), Storage(stack.settings.storage))
            check = _run_samples(demo)
            print_report(conn, stack, Console())
        for wrong in check.wrong:
            print(f"WRONG: {wrong}")
        outcome = "everything is as the oracle says" if not check.wrong else f"{len(check.wrong)} things are off"
        print(f"demo: {outcome} ({time.monotonic() - began:.0f} s)")
        if options.keep:
            _keep(stack)
    return 1 if check.wrong else 0


def _run_samples(demo: _Demo) -> DemoCheck:
    check = DemoCheck(demo.conn, SAMPLES, CHANNEL)
    with _step("portal data: two customers, five machines, thirty users"):
        _load_portal(demo)
    with _step("two files that must be refused"):
        refused = [(Kind.OFFLINE_SALES, SAMPLES / "refused" / name) for name in ("wrong-header.csv", "ragged-rows.csv")]
        _run_files(demo, check, refused, "failed")
    with _step("a dump of machine VM-17, and offline sales of the call centre"):
        dump = (Kind.EQUIPMENT_SYNC, SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv")
        orders = (Kind.OFFLINE_SALES, SAMPLES / "offline_sales" / "call-centre-orders.csv")
        _run_files(demo, check, [dump, orders], "success")
    with _step("declined cards are retried, on a shortened clock"):
        _retry(demo, check)
    with _step("a cheque is approved"):
        _approve_a_cheque(demo, check)
    with _step("the daily run takes a dump of all machines from the inbox"):
        path = SAMPLES / "equipment_sync" / "all-machines-2026-06-16.jsonl"
        _drop(demo, Kind.EQUIPMENT_SYNC, path)
        run_id = demo.airflow.trigger("daily_processing", {})
        _expect(check, "daily_processing", demo.airflow.wait("daily_processing", run_id), "success")
    check.every_import()
    with _step("VM-17's products are reconciled, in vain"):
        _reconcile(demo, check)
    with _step("its planogram is corrected, and they are reconciled again"):
        _run_files(demo, check, [(Kind.PORTAL_DATA, SAMPLES / "fixes" / "planograms.csv")], "success")
        _reconcile(demo, check)
    with _step("the sales since 10 June are invoiced, approved, and posted"):
        _invoice(demo, check)
    with _step("mail"):
        _wait_for_mail(demo)
    check.every_reconciliation([0, 2])
    check.status_of("wrong-header.csv", "rejected")
    check.status_of("ragged-rows.csv", "rejected")
    check.every_payment(demo.stack.gateway_url)
    check.the_invoice(_CUSTOMER, _INVOICE_NO, _INVOICED_FROM, demo.stack.mail_folder)
    check.every_mail(demo.stack.mail_folder)
    return check


def _load_portal(demo: _Demo) -> None:
    """From the command line, for before it nobody has a grant."""
    path = demo.stack.settings.temp_dir / "portal-data.zip"
    path.write_bytes(zip_folder(SAMPLES / "portal_data"))
    delivery = delivery_of(path, Kind.PORTAL_DATA, None, None)
    received = imports.take_in(imports.door_to(demo.conn, demo.stack.settings), delivery)
    run_id = f"portal_data__{received.import_id}"
    demo.airflow.trigger("import_portal_data", {"import_id": received.import_id}, run_id)
    demo.airflow.wait("import_portal_data", run_id)


def _run_files(demo: _Demo, check: DemoCheck, files: Sequence[tuple[Kind, Path]], expected: str) -> None:
    """Drop files into the inbox and run their DAGs side by side, as the user `admin`."""
    runs = []
    for kind, path in files:
        _drop(demo, kind, path)
        conf: dict[str, Any] = {"file": path.name}
        if kind is Kind.OFFLINE_SALES:
            conf["channel"] = CHANNEL
        dag_id = f"import_{kind.value}"
        runs.append((path.name, dag_id, demo.airflow.trigger(dag_id, conf)))
    for name, dag_id, run_id in runs:
        _expect(check, name, demo.airflow.wait(dag_id, run_id), expected)


def _reconcile(demo: _Demo, check: DemoCheck) -> None:
    conf = {"equipment": "VM-17", "date_from": "2026-06-01", "date_to": "2026-06-30"}
    run_id = demo.airflow.trigger("reconcile_products", conf)
    _expect(check, "reconcile_products", demo.airflow.wait("reconcile_products", run_id), "success")


def _invoice(demo: _Demo, check: DemoCheck) -> None:
    """Up to the day after tomorrow: what has just been recorded is in it, wherever the customer is."""
    until = (datetime.now(UTC) + timedelta(days=2)).date()
    conf = {"customer": _CUSTOMER, "date_from": _INVOICED_FROM.isoformat(), "date_to": until.isoformat()}
    run_id = demo.airflow.trigger("prepare_invoice", conf)
    _expect(check, "prepare_invoice", demo.airflow.wait("prepare_invoice", run_id), "success")
    draft = {"invoice_id": _SQL.draft(demo.conn, customer=_CUSTOMER), "invoice_no": _INVOICE_NO}
    run_id = demo.airflow.trigger("post_invoice", draft)
    demo.airflow.approve("post_invoice", run_id, "approve")
    _expect(check, "post_invoice", demo.airflow.wait("post_invoice", run_id), "success")


def _drop(demo: _Demo, kind: Kind, path: Path) -> None:
    folder = demo.storage.inbox_folder(kind, CHANNEL if kind is Kind.OFFLINE_SALES else None)
    demo.storage.write(f"{folder}/{path.name}", path.read_bytes())


def _retry(demo: _Demo, check: DemoCheck) -> None:
    """`retry_payments` as its schedule would start it, until no card waits for a charge or an answer."""
    for _ in range(_MOST_SWEEPS):
        if not _SQL.charging(demo.conn):
            return
        time.sleep(float(_RETRY_SECONDS))
        run_id = demo.airflow.trigger("retry_payments", {})
        _expect(check, "retry_payments", demo.airflow.wait("retry_payments", run_id), "success")
    check.wrong.append("cards are still being charged after all their retries")


def _approve_a_cheque(demo: _Demo, check: DemoCheck) -> None:
    conf = {"payment_id": _SQL.first_cheque(demo.conn), "decision": "approve funds", "reason": "seen on the statement"}
    run_id = demo.airflow.trigger("decide_payment", conf)
    _expect(check, "decide_payment", demo.airflow.wait("decide_payment", run_id), "success")


def _expect(check: DemoCheck, what: str, found: str, expected: str) -> None:
    if found != expected:
        check.wrong.append(f"the run of {what} ended as {found}, not {expected}")


def _wait_for_mail(demo: _Demo) -> None:
    """`send_mail` runs every minute and after whatever queues mail."""
    until = time.monotonic() + _MAIL_SECONDS
    demo.airflow.trigger("send_mail", {})
    while not all(sent for _, _, sent in _SQL.mails(demo.conn)) and time.monotonic() < until:
        time.sleep(0.3)


def _keep(stack: Stack) -> None:
    users = ", ".join(f"{user} / {password}" for user, password in stack.users.items())
    print(f"\nstill running: {stack.url}\nusers: {users}\nCtrl-C stops it")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("stopping")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    _say(name, end=" ... ")
    yield
    _say(f"{time.monotonic() - began:.1f} s")


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)

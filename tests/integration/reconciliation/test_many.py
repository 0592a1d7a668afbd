"""Thousands of exceptions of one customer, judged again; `./tillflow bench reconciliation` has figures."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from tests.importing import PIN_SECRET, Importer
from tillflow import reconciliations
from tillflow.codes import Kind as FileKind
from tillflow.db.connection import Connection
from tillflow.intake import booking
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.reconciliation import reconcile
from tillflow.reconciliation.reconcile import Counts
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.reporting import reconciliation_report
from tillflow.samples.bulk import write_bulk_dump
from tillflow.samples.generate import NOW, portal
from tillflow.samples.model import PortalSample

RIGHT = portal(customers=1, sites=3, machines=20, users=400)
#: while nobody is a consumer, every billable row is an exception
WRONG = replace(RIGHT, users=tuple(replace(user, role="Technician") for user in RIGHT.users))
ROWS = 22_000


@pytest.fixture
def importer(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Importer:
    monkeypatch.setattr(booking, "gather_evidence", lambda *args, **kwargs: None)  # the gate has tests of its own
    monkeypatch.setattr(booking, "run_gate", lambda *args, **kwargs: [])
    monkeypatch.setattr(reconciliations, "utc_now", lambda: NOW)
    return Importer(conn, tmp_path, NOW)


def load(conn: Connection, sample: PortalSample, *names: str) -> None:
    files = {name: content for name, content in sample.files().items() if not names or name in names}
    load_portal_data(conn, files, actor="ann", now=NOW, pin_secret=PIN_SECRET)


def test_more_rows_than_one_batch_and_the_engine_hold_are_all_judged_and_reported(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = importer.conn
    load(conn, WRONG)
    write_bulk_dump(tmp_path / "dump.csv", RIGHT, 1, ROWS, bad_share=0.04)
    importer.take(FileKind.EQUIPMENT_SYNC, (tmp_path / "dump.csv").read_bytes(), "dump.csv")
    ((wrong_role, alone),) = conn.execute(
        "select count(*)::int, (count(*) filter (where reasons = '{user_role_mismatch}'))::int"
        " from books.exception where reasons && '{unknown_user,user_role_mismatch,user_access_issue}'"
    ).fetchall()
    assert wrong_role > reconcile.BATCH

    load(conn, RIGHT, "users.csv")
    monkeypatch.setattr(reconciliation_report, "MOST_ATTACHED", 0)  # files of any size are kept, and looked at below
    ((customer,),) = conn.execute("select key from portal.customer").fetchall()
    scope = Scope(Kind.USER, customer=customer)
    expected = reconciliations.preview(conn, scope, importer.settings, requested_by="ann")
    number = reconciliations.ask(conn, scope, request_key="k", requested_by="ann", recipients=("a@b.example",))
    counts = reconciliations.carry_out(conn, number, importer.settings, recipients=("a@b.example",))
    assert counts == expected == Counts(wrong_role, counts.reconciled, counts.failed)
    # the technicians of the dump's bad rows have no role still; the rows that lacked nothing but the role are sales
    still = "select count(*)::int from books.exception where state = 'open' and reasons = '{user_role_mismatch}'"
    ((left,),) = conn.execute(still).fetchall()
    assert counts.reconciled == alone - left > reconcile.BATCH
    assert conn.execute("select count(*)::int from books.vend_sale").fetchone() == (counts.reconciled,)
    conn.execute("select intake.verify_balance(id) from intake.import")

    folder = importer.settings.home / "storage" / "reports"
    with (folder / f"reconciliation-{number}.csv").open(encoding="utf-8-sig", newline="") as file:
        outcomes = [row["STATUS"] for row in csv.DictReader(file)]
    assert (outcomes.count("SUCCESS"), outcomes.count("FAILURE")) == (counts.reconciled, counts.failed)
    book = openpyxl.load_workbook(folder / f"reconciliation-{number}.xlsx", read_only=True)
    assert sum(1 for _ in book.worksheets[0].iter_rows(values_only=True)) == counts.attempted + 1

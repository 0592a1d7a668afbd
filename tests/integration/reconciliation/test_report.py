"""The mails of a reconciliation: what they count, what their files hold, and what they never hold."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest

from tests.integration.reconciliation.conftest import JUNE, NOW, Desk
from tillflow import reconciliations
from tillflow.airflow_edge import reconciliations as edge
from tillflow.intake.storage import Storage
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.reporting import reconciliation_report
from tillflow.reporting.reconciliation_report import HEADER, queue_report


def attachment(desk: Desk, suffix: str) -> bytes:
    row = desk.conn.execute(
        "select a.content from mail.attachment as a where a.file_name like %s order by a.message_id desc limit 1",
        [f"%{suffix}"],
    ).fetchone()
    assert row is not None
    return bytes(row[0])


def bodies(desk: Desk) -> tuple[str, str]:
    row = desk.conn.execute("select text_body, html_body from mail.message order by id desc limit 1").fetchone()
    assert row is not None
    return row


def records(desk: Desk) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(attachment(desk, ".csv").decode("utf-8-sig"))))


def test_it_begins_with_the_counts_and_every_record_is_in_both_files(desk: Desk) -> None:
    desk.add_selection()
    counts = desk.product()
    text, html = bodies(desk)
    assert text.startswith(
        f"Attempted:  {counts.attempted}\nReconciled: {counts.reconciled}\nFailed:     {counts.failed}\n"
    )
    assert "unknown_user" in text
    assert "unknown_user" in html
    found = records(desk)
    assert tuple(found[0]) == HEADER
    assert [row["STATUS"] for row in found].count("SUCCESS") == counts.reconciled
    assert len(found) == counts.attempted
    assert all((row["STATUS"] == "SUCCESS") == (row["REASONS_LEFT"] == "") for row in found)
    sheet = openpyxl.load_workbook(io.BytesIO(attachment(desk, ".xlsx")), read_only=True).active
    assert sheet is not None
    cells = [[str(cell) if cell is not None else "" for cell in row] for row in sheet.iter_rows(values_only=True)]
    assert [row[:4] for row in cells] == [list(HEADER[:4]), *[list(row.values())[:4] for row in found]]


def test_the_start_is_told_before_the_report(desk: Desk) -> None:
    desk.user()
    assert [subject.split(":")[0] for subject in desk.mails()[-2:]] == [
        f"Tillflow reconciliation {desk.number} started",
        f"Tillflow reconciliation {desk.number}",
    ]


def test_no_pin_and_no_whole_card_is_in_them(desk: Desk) -> None:
    desk.user()
    everything = attachment(desk, ".csv").decode() + "".join(bodies(desk))
    assert {row["CARD"] for row in records(desk)} == {"", "****"}  # of eight digits, four would be half
    for secret in ("99999999", "00040019", "pin", "1407"):
        assert secret not in everything


def test_a_large_report_is_left_in_the_storage(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation_report, "MOST_ATTACHED", 10)
    desk.user()
    text, _ = bodies(desk)
    storage = Storage(desk.importer.settings.storage)
    for suffix in ("csv", "xlsx"):
        key = f"reports/reconciliation-{desk.number}.{suffix}"
        assert key in text
        assert storage.exists(key)
    assert desk.conn.execute("select count(*) from mail.attachment").fetchone() == (0,)


def test_a_cell_that_looks_like_a_formula_is_text(desk: Desk) -> None:
    desk.portal("sites", 'site,customer,name,zone\nharbour-depot,harbour,=HYPERLINK("x"),Australia/Sydney\n')
    desk.user()
    assert all(not row["SITE"].startswith("=") for row in records(desk))


def test_a_report_that_cannot_be_written_undoes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> bool:
        raise OSError("no space left")

    desk.add_selection()
    with monkeypatch.context() as failing:
        failing.setattr(reconciliations, "queue_report", fail)
        with pytest.raises(OSError, match="no space"):
            desk.product(key="once")
    assert desk.reasons("vm-17-2026-06-11.csv", 5)[0] == "reconciled"
    scope = Scope(Kind.PRODUCT, equipment="VM-17", date_from=JUNE[0], date_to=JUNE[1])
    number = reconciliations.ask(desk.conn, scope, request_key="once", requested_by="ann", recipients=("a@b.cd",))
    reconciliations.carry_out(desk.conn, number, desk.importer.settings, recipients=("a@b.cd",))
    assert len(records(desk)) > 0


def test_the_days_of_the_form_are_the_right_way_round() -> None:
    with pytest.raises(Exception, match="before it begins"):
        edge.products_of({"equipment": "VM-17", "date_from": "2026-06-10", "date_to": "2026-06-09"})


def test_the_same_report_is_queued_once(desk: Desk) -> None:
    desk.user()
    storage = Storage(desk.importer.settings.storage)
    again = queue_report(
        desk.conn, desk.number, recipients=("a@b.cd",), now=NOW, storage=storage, temp=desk.importer.settings.temp_dir
    )
    assert not again

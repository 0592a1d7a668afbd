"""The mail about one import: its balance, why rows wait, or why it was refused."""

from __future__ import annotations

import pytest

from tillflow.db.connection import Connection
from tillflow.reporting.import_report import (
    UnknownImportError,
    import_report,
    queue_import_report,
)

from .conftest import Day, at

TO = ("operations@tillflow.example",)
NOW = at("2026-11-22 15:00+00:00")


def test_a_booked_file_is_reported_with_its_balance_and_reasons(conn: Connection, day: Day) -> None:
    import_id = day.file(
        "sales.csv", "2026-11-22 01:30Z", kind="offline_sales", channel="club",
        balances={"AUD": ((4, 1, 2, 1, 0, 0), (1000, 250, 500, 250, 0, 0))},
    )  # fmt: skip
    day.exception(["unknown_customer", "bad_email"], "2026-11-22 01:30Z", 250, import_id=import_id)
    day.exception(["bad_email"], "2026-11-22 01:30Z", 250, import_id=import_id)
    mail = import_report(conn, import_id, zone="Australia/Sydney", recipients=TO)
    assert mail.subject == "Tillflow import 1 requires action, 4 rows, 2 exceptions: sales.csv"
    assert "read 4 = sales 1 + exceptions 2 + duplicates 1 + not billable 0 + rejected 0" in mail.text
    assert "10.00 AUD = 2.50 AUD + 5.00 AUD + 2.50 AUD + 0.00 AUD + 0.00 AUD" in mail.text
    assert "  bad_email: 2\n  unknown_customer: 1\n" in mail.text
    assert "offline sales, club, by anna, received 2026-11-22 12:30 Australia/Sydney" in mail.text
    for words in ("bad_email", "10.00 AUD", "Balance"):
        assert words in mail.html


def test_a_refused_file_is_reported_with_at_most_a_hundred_errors(conn: Connection, day: Day) -> None:
    errors = [("order_id", n, "ORDER_ID", f"row {n} <b>is no</b> integer") for n in range(2, 105)]
    import_id = day.file("bad.csv", "2026-11-22 01:30Z", rejected=True, errors=errors)
    mail = import_report(conn, import_id, zone="UTC", recipients=TO)
    assert mail.subject == "Tillflow import 1 rejected, 103 errors: bad.csv"
    assert mail.text.count("order_id, row ") == 100
    assert "  order_id, row 2, ORDER_ID: row 2 <b>is no</b> integer\n" in mail.text
    assert "... and 3 more" in mail.text
    assert mail.html.count("<li>") == 101
    assert "<b>" not in mail.html


def test_an_import_is_reported_once(conn: Connection, day: Day) -> None:
    import_id = day.file("a.csv", "2026-11-22 01:30Z")
    assert queue_import_report(conn, import_id, zone="UTC", recipients=TO, now=NOW)
    assert not queue_import_report(conn, import_id, zone="UTC", recipients=TO, now=NOW)
    assert conn.execute("select topic from mail.message").fetchall() == [("import:1",)]


def test_an_import_that_does_not_exist_is_named(conn: Connection) -> None:
    with pytest.raises(UnknownImportError, match="no import 7"):
        import_report(conn, 7, zone="UTC", recipients=TO)

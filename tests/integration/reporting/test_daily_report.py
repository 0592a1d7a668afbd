"""The daily report counts exactly what the day left behind, and says so in three forms."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from email import message_from_bytes, policy
from html.parser import HTMLParser
from io import StringIO

from tillflow.db.connection import Connection
from tillflow.equipment_sync.completeness import SilentMachine
from tillflow.mail import Mail
from tillflow.mail.mime import to_mime
from tillflow.reporting.daily_report import gather, render, send_daily_report
from tillflow.reporting.figures import (
    Balance,
    DailyReport,
    FailedMail,
    OpenReason,
    Problem,
)

from .conftest import Day, at

SYDNEY, TO = "Australia/Sydney", ("operations@tillflow.example",)
NOW = at("2026-11-22 15:00+00:00")


def a_day(day: Day) -> None:
    """2026-11-22 in Sydney is 2026-11-21 13:00 to 2026-11-22 13:00 in UTC."""
    day.file("too early.csv", "2026-11-21 12:59:59.999999Z")
    day.file("first.csv", "2026-11-21 13:00Z", balances={"AUD": ((2, 2, 0, 0, 0, 0), (500, 500, 0, 0, 0, 0))})
    mixed = day.file(
        "mixed.csv",
        "2026-11-22 01:30Z",
        balances={
            "JPY": ((1, 0, 1, 0, 0, 0), (300, 0, 300, 0, 0, 0)),
            "AUD": ((6, 1, 2, 1, 1, 1), (1234, 250, 484, 200, 100, 200)),
        },
    )
    day.file("last.csv", "2026-11-22 12:59:59Z", kind="offline_sales", channel="club")
    day.file(
        "bad.csv", "2026-11-22 02:00Z", kind="offline_sales", channel="club", rejected=True,
        errors=[(f"e{n}", n, "ORDER_ID", f"message {n}") for n in range(2, 7)],
    )  # fmt: skip
    day.file("too late.csv", "2026-11-22 13:00Z")
    day.exception(["unknown_user", "unknown_product_selection"], "2026-11-22 01:30Z", 484, import_id=mixed)
    day.exception(["unknown_user"], "2026-11-21 15:00Z", 100)  # 24 hours: not under a day any more
    day.exception(["unknown_user"], "2026-11-15 15:00Z", 100)  # 7 days
    day.exception(["unknown_user"], "2026-10-23 15:00Z", 100)  # 30 days
    day.exception(["unknown_user"], "2026-11-22 01:30Z", 300, import_id=mixed, currency="JPY")
    day.exception([], "2026-11-22 01:30Z", 999, closed=True)


def test_a_day_is_counted_exactly(conn: Connection, day: Day) -> None:
    a_day(day)
    report = gather(conn, day=date(2026, 11, 22), zone=SYDNEY, now=NOW)
    assert [(file.name, file.status, file.channel) for file in report.files] == [
        ("bad.csv", "rejected", "club"),
        ("mixed.csv", "requires action", None),
        ("first.csv", "completed", None),
        ("last.csv", "completed", "club"),
    ]
    bad, mixed, *_ = report.files
    assert bad.balances == ()
    assert bad.problem_count == 5
    assert bad.problems == tuple(Problem(f"e{n}", n, "ORDER_ID", f"message {n}") for n in (2, 3, 4))
    assert mixed.balances == (
        Balance("AUD", (6, 1, 2, 1, 1, 1), (1234, 250, 484, 200, 100, 200)),
        Balance("JPY", (1, 0, 1, 0, 0, 0), (300, 0, 300, 0, 0, 0)),
    )
    assert report.balances == (
        Balance("AUD", (8, 3, 2, 1, 1, 1), (1734, 750, 484, 200, 100, 200)),
        Balance("JPY", (1, 0, 1, 0, 0, 0), (300, 0, 300, 0, 0, 0)),
    )
    assert report.open_by_reason == (
        OpenReason("unknown_user", "AUD", 4, 784, 1, 1, 1, 1, at("2026-10-23 15:00+00:00")),
        OpenReason("unknown_product_selection", "AUD", 1, 484, 1, 0, 0, 0, at("2026-11-22 01:30+00:00")),
        OpenReason("unknown_user", "JPY", 1, 300, 1, 0, 0, 0, at("2026-11-22 01:30+00:00")),
    )
    assert [(line.currency, line.count, line.minor) for line in report.open_in_all] == [
        ("AUD", 4, 784),
        ("JPY", 1, 300),
    ]
    assert report.open_count == 5


def test_a_day_of_25_hours_and_one_of_23_leave_no_file_out(conn: Connection, day: Day) -> None:
    # Berlin: 2026-10-25 has 25 hours, 2026-03-29 has 23; a file every half hour, each in one day
    moment, end = at("2026-10-24 12:00+00:00"), at("2026-10-26 12:00+00:00")
    while moment < end:
        day.file(moment.isoformat(), moment.isoformat())
        moment += timedelta(minutes=30)
    for name in ("2026-03-28 22:30Z", "2026-03-28 23:00Z", "2026-03-29 21:30Z", "2026-03-29 22:00Z"):
        day.file(name, name)

    def names(on: date) -> list[str]:
        return [file.name for file in gather(conn, day=on, zone="Europe/Berlin", now=NOW).files]

    autumn = names(date(2026, 10, 25))
    assert len(autumn) == 50
    assert (autumn[0], autumn[-1]) == ("2026-10-24T22:00:00+00:00", "2026-10-25T22:30:00+00:00")
    around = names(date(2026, 10, 24)) + autumn + names(date(2026, 10, 26))
    assert len(around) == len(set(around)) == 96
    assert names(date(2026, 3, 29)) == ["2026-03-28 23:00Z", "2026-03-29 21:30Z"]


def test_only_machines_that_should_have_sold_are_silent(conn: Connection, day: Day) -> None:
    selling = day.machine("VM-1", "2026-01-01Z")
    day.vend(selling, 1, "2026-11-01 10:00Z")
    day.vend(selling, 2, "2026-11-21 10:00Z")
    quiet = day.machine("VM-2", "2026-01-01Z", hours=24)
    day.vend(quiet, 7, "2026-11-20 15:00Z")
    day.vend(quiet, 9, "2026-11-21 14:30Z", boot="second")
    day.machine("VM-3", "2026-11-01Z")  # never sold
    day.machine("VM-4", "2026-11-22Z")  # just placed
    day.machine("VM-5", "2026-01-01Z", until="2026-11-01Z")  # in the warehouse
    only_exceptions = day.machine("VM-6", "2026-01-01Z")
    day.exception(["unknown_user"], "2026-11-22 10:00Z", 1, equipment_id=only_exceptions)
    wrong_clock = day.machine("VM-7", "2026-01-01Z")
    day.exception(["bad_timestamp"], "2026-11-10 15:00Z", 1, equipment_id=wrong_clock, occurred_at="2099-01-01Z")
    report = gather(conn, day=date(2026, 11, 22), zone="UTC", now=NOW)
    assert report.silent == (
        SilentMachine("VM-3", "name of VM-3", "Lobby", "Acme", None, 21 * 24 + 15, 48),
        SilentMachine("VM-7", "name of VM-7", "Lobby", "Acme", at("2026-11-10 15:00+00:00"), 288, 48),
        SilentMachine("VM-2", "name of VM-2", "Lobby", "Acme", at("2026-11-21 14:30+00:00"), 24, 24),
    )


def test_what_the_days_files_passed_over_is_listed_and_attached(conn: Connection, day: Day) -> None:
    machine = day.machine("VM-1", "2026-01-01Z")
    import_id = day.file("dump.csv", "2026-11-22 02:00Z")
    for seq, meter in ((4, "10"), (9, "13"), (10, None)):
        day.vend(machine, seq, "2026-11-22 01:00Z")
        conn.execute("insert into intake.meter_reading values (1, %s, 1, %s, '0001', '', %s)", [seq, seq, meter])
    conn.execute("update intake.stream set owner = '<VM-1>'")
    assert import_id == 1
    report = gather(conn, day=date(2026, 11, 22), zone="UTC", now=NOW)
    assert (report.missing.gaps, report.missing.transactions) == (1, 4)
    assert (report.meters.differences, report.meters.unreadable) == (1, 1)
    mail = through_the_wire(report)
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "<VM-1>: 5-8 (4)" in text
    assert "4 transactions in 1 gap of the machines' running numbers" in text
    assert "<VM-1>, selection 0001, numbers 4 to 9:\r\n  3 products counted, 1 recorded; 4 transactions missing" in text
    assert "1 reading of counters cannot be read." in text
    assert ["<VM-1>", "5-8", "4", "2026-11-22 01:00:00+00:00", "2026-11-22 01:00:00+00:00"] in Cells.of(html)
    assert ["<VM-1>", "0001", "4 to 9", "3", "1", "4"] in Cells.of(html)
    names = [attachment.get_filename() for attachment in mail.iter_attachments()]
    assert names == [f"tillflow_{what}_2026-11-22.csv" for what in ("files", "missing", "meters")]
    yesterday = gather(conn, day=date(2026, 11, 21), zone="UTC", now=NOW)
    assert (yesterday.missing.gaps, yesterday.meters.differences) == (0, 0)
    assert "No running number was passed over." in render(yesterday, TO).text


def test_mails_that_failed_that_day_are_listed(conn: Connection) -> None:
    for topic, failed_at in (("today", "2026-11-22 12:59Z"), ("tomorrow", "2026-11-22 13:00Z")):
        conn.execute(
            "insert into mail.message (topic, message_id, recipients, subject, text_body, html_body,"
            " queued_at, next_attempt_at, attempts, failed_at, last_error)"
            " values (%s, %s, '{a@a.example}', '', '', '', now(), now(), 3, %s, '550 gone')",
            [topic, topic, failed_at],
        )
    report = gather(conn, day=date(2026, 11, 22), zone=SYDNEY, now=NOW)
    assert report.failed_mails == (FailedMail("today", at("2026-11-22 12:59+00:00"), 3, "550 gone"),)
    mail = render(report, TO)
    for body in (mail.text, mail.html):
        assert "550 gone" in body
        assert "a@a.example" not in body


def test_the_mail_says_the_same_in_subject_text_html_and_csv(conn: Connection, day: Day) -> None:
    a_day(day)
    report = gather(conn, day=date(2026, 11, 22), zone=SYDNEY, now=NOW)
    mail = through_the_wire(report)
    assert mail["Subject"] == "Tillflow daily report 2026-11-22: 4 files, 1 refused, 5 exceptions open"
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    rows = "read 6 = sales 1 + exceptions 2 + duplicates 1 + not billable 1 + rejected 1"
    money = "12.34 AUD = 2.50 AUD + 4.84 AUD + 2.00 AUD + 1.00 AUD + 2.00 AUD"
    assert rows in text
    assert money in text
    assert "300 JPY" in text
    assert "bad.csv (import 5): 5 errors, the first of them:" in text
    cells = Cells.of(html)
    assert ["AUD", "8 17.34 AUD", "3 7.50 AUD", "2 4.84 AUD", "1 2.00 AUD", "1 1.00 AUD", "1 2.00 AUD"] in cells
    assert ["unknown_user", "4", "7.84 AUD", "1", "1", "1", "1", "2026-10-24 02:00"] in cells
    (attachment,) = mail.iter_attachments()
    assert attachment.get_filename() == "tillflow_files_2026-11-22.csv"
    lines = list(csv.DictReader(StringIO(attachment.get_payload(decode=True).decode("utf-8-sig"))))
    assert [(line["file"], line["currency"], line["read_rows"]) for line in lines] == [
        ("bad.csv", "", ""),
        ("mixed.csv", "AUD", "6"),
        ("mixed.csv", "JPY", "1"),
        ("first.csv", "AUD", "2"),
        ("last.csv", "", ""),
    ]
    assert lines[1] == {
        "import": "3", "kind": "equipment_sync", "channel": "", "file": "mixed.csv", "uploader": "anna",
        "received_at": "2026-11-22T12:30:00+11:00", "status": "requires action", "file_errors": "0",
        "currency": "AUD", "read_rows": "6", "sales_rows": "1", "exceptions_rows": "2",
        "duplicates_rows": "1", "not_billable_rows": "1", "rejected_rows": "1", "read_amount": "12.34",
        "sales_amount": "2.50", "exceptions_amount": "4.84", "duplicates_amount": "2.00",
        "not_billable_amount": "1.00", "rejected_amount": "2.00",
    }  # fmt: skip


def test_a_malicious_file_name_is_only_a_name(conn: Connection, day: Day) -> None:
    name = '=HYPERLINK("http://evil")<img src=x onerror=alert(1)>\'&\r\nBcc: eve@e.example.csv'
    error = "<script>alert(1)</script>\nFORGED: line"
    day.file(name, "2026-11-22 02:00Z", rejected=True, errors=[("code", None, None, error)])
    report = gather(conn, day=date(2026, 11, 22), zone="UTC", now=NOW)
    mail = through_the_wire(report)
    html = mail.get_body(("html",)).get_content()
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    text = mail.get_body(("plain",)).get_content()
    assert not any(line.lstrip().startswith(("Bcc", "FORGED")) for line in text.splitlines())
    (attachment,) = mail.iter_attachments()
    (line,) = csv.DictReader(StringIO(attachment.get_payload(decode=True).decode("utf-8-sig"), newline=""))
    assert line["file"] == "'" + name


def test_a_quiet_day_has_a_report_too(conn: Connection) -> None:
    mail = render(gather(conn, day=date(2026, 11, 22), zone="UTC", now=NOW), TO)
    assert mail.subject == "Tillflow daily report 2026-11-22: 0 files, 0 refused, 0 exceptions open"
    assert "No file was received." in mail.text
    assert "No exception is open." in mail.html


def test_a_thousand_files_are_attached_but_not_all_listed(conn: Connection, day: Day) -> None:
    for number in range(120):
        day.file(f"dump-{number:03}.csv", "2026-11-22 02:00Z")
    mail = render(gather(conn, day=date(2026, 11, 22), zone="UTC", now=NOW), TO)
    for body in (mail.text, mail.html):
        assert body.count("dump-") == 50
        assert "and 70 more files: the attachment lists all." in body
    assert mail.attachments[0].content.count(b"dump-") == 120


def test_a_task_that_runs_twice_sends_one_report_and_a_second_run_another(conn: Connection, day: Day) -> None:
    def send(topic: str) -> bool:
        return send_daily_report(conn, day=date(2026, 11, 22), zone="UTC", recipients=TO, topic=topic, now=NOW)

    assert send("daily_report:scheduled__1")
    assert not send("daily_report:scheduled__1")
    day.file("late.csv", "2026-11-22 02:00Z")
    assert send("daily_report:manual__2")
    subjects = [s for (s,) in conn.execute("select subject from mail.message order by id")]
    assert [subject.partition(": ")[2] for subject in subjects] == [
        "0 files, 0 refused, 0 exceptions open",
        "1 file, 0 refused, 0 exceptions open",
    ]


def test_the_report_is_gathered_inside_the_callers_transaction_too(conn: Connection, day: Day) -> None:
    with conn.transaction():
        day.file("new.csv", "2026-11-22 02:00Z")
        report = gather(conn, day=date(2026, 11, 22), zone="UTC", now=NOW)
    assert len(report.files) == 1


def through_the_wire(report: DailyReport):  # type: ignore[no-untyped-def]
    mail: Mail = render(report, TO)
    sent = to_mime(mail, message_id="<1@tillflow.example>", written_at=NOW, sender="t@tillflow.example")
    return message_from_bytes(sent.as_bytes(), policy=policy.SMTP)


class Cells(HTMLParser):
    """The words of every table row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None

    @classmethod
    def of(cls, html: str) -> list[list[str]]:
        parser = cls()
        parser.feed(html)
        return parser.rows

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            self.rows[-1].append(" ".join(self._cell))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None and data.strip():
            self._cell.append(data.strip())

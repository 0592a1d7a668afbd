"""The daily status report as a mail: the outcome in the subject, tables in text and HTML, a CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.equipment_sync.completeness import site_time
from tillflow.equipment_sync.completeness_export import meter_csv, missing_csv
from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.mail.message import Attachment, Mail
from tillflow.mail.render import counted
from tillflow.mail.render import render as render_templates
from tillflow.money import from_minor
from tillflow.reporting.figures import BUCKETS, DailyReport, ReceivedFile

#: files listed in the mail itself, which some mail programs cut at 100 kB; the attachment has all
MOST_FILES: Final = 50
#: gaps and differences listed in the mail itself
MOST_MISSING: Final = 20

_TEMPLATES = Path(__file__).with_name("templates")
_HEADER = (
    "import", "kind", "channel", "file", "uploader", "received_at", "status", "file_errors", "currency",
    *(f"{bucket.replace(' ', '_')}_rows" for bucket in BUCKETS),
    *(f"{bucket.replace(' ', '_')}_amount" for bucket in BUCKETS),
)  # fmt: skip


def render(report: DailyReport, recipients: Sequence[str]) -> Mail:
    """The report for people: who reads only the subject knows whether to read on."""
    zone = ZoneInfo(report.zone)

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    text, html = render_templates(
        _TEMPLATES,
        "daily_report",
        report=report,
        outcome=_outcome(report),
        listed=report.files[:MOST_FILES],
        refused=report.refused[:MOST_FILES],
        buckets=BUCKETS,
        local=local,
        missing=report.missing.listed[:MOST_MISSING],
        meters=report.meters.listed[:MOST_MISSING],
        site_time=site_time,
    )
    subject = f"Tillflow daily report {report.day}: {_outcome(report)}"
    return Mail(tuple(recipients), subject, text, html, tuple(_attachments(report, zone)))


def _attachments(report: DailyReport, zone: ZoneInfo) -> Iterator[Attachment]:
    """The files; what is missing only where something is."""
    yield _attachment(report, "files", csv_chunks(_rows(report.files, zone), _HEADER))
    if report.missing.listed:
        yield _attachment(report, "missing", missing_csv(report.missing.listed))
    if report.meters.listed:
        yield _attachment(report, "meters", meter_csv(report.meters.listed))


def _attachment(report: DailyReport, what: str, chunks: Iterable[bytes]) -> Attachment:
    return Attachment(f"tillflow_{what}_{report.day}.csv", "text/csv", b"".join(chunks))


def _outcome(report: DailyReport) -> str:
    """`5 files, 1 refused, 37 exceptions open`."""
    files, open_ = counted(len(report.files), "file"), counted(report.open_count, "exception")
    return f"{files}, {len(report.refused)} refused, {open_} open"


def _rows(files: Sequence[ReceivedFile], zone: ZoneInfo) -> Iterator[list[Cell]]:
    """One row per file and currency; a file without a balance has one row too."""
    for file in files:
        about: list[Cell] = [
            file.import_id,
            file.kind,
            file.channel,
            file.name,
            file.uploader,
            file.received_at.astimezone(zone).isoformat(timespec="seconds"),
            file.status,
            file.problem_count,
        ]
        for balance in file.balances:
            amounts = [Decimal(from_minor(minor, balance.currency)) for minor in balance.minor]
            yield [*about, balance.currency, *balance.rows, *amounts]
        if not file.balances:
            yield [*about, *[None] * (1 + 2 * len(BUCKETS))]

"""The sample portal and both sample dumps in the books, and portal data that a test repairs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.importing import PIN_SECRET, Importer
from tests.integration.mail.conftest import mail_server  # noqa: F401 - a fixture
from tillflow import imports, reconciliations
from tillflow.codes import Kind as FileKind
from tillflow.db.connection import Connection
from tillflow.intake import booking
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.reconciliation.reconcile import Counts
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"
NOW = datetime(2026, 6, 20, 2, tzinfo=UTC)
JUNE = (date(2026, 6, 1), date(2026, 6, 30))


@dataclass
class Desk:
    """An operator at work: fixes portal data, reconciles, looks at the rows."""

    conn: Connection
    importer: Importer

    def portal(self, name: str, text: str) -> None:
        """Load one table from the text of its file."""
        self.load({f"{name}.csv": text.encode()})

    def load(self, files: dict[str, bytes]) -> None:
        load_portal_data(self.conn, files, actor="ann", now=NOW, pin_secret=PIN_SECRET)

    def add_selection(self, selection: str = "000C", product: str = "1005") -> None:
        """Repair the planogram of VM-17, as of its beginning."""
        lines = (SAMPLES / "portal_data" / "planograms.csv").read_text().splitlines()
        version = [line for line in lines if line.startswith("VM-17,")]
        added = ",".join([*version[0].split(",")[:3], selection, product, "1.20", "AUD"])
        self.portal("planograms", "\n".join([lines[0], *version, added]) + "\n")

    def user(self, scope: str = "harbour", **options: str) -> Counts:
        return self.run(Scope(Kind.USER, customer=scope), **options)

    def product(self, equipment: str = "VM-17", days: tuple[date, date] = JUNE, **options: str) -> Counts:
        return self.run(Scope(Kind.PRODUCT, equipment=equipment, date_from=days[0], date_to=days[1]), **options)

    def run(self, scope: Scope, key: str = "") -> Counts:
        """Preview, then reconcile: they must agree."""
        settings = self.importer.settings
        expected = reconciliations.preview(self.conn, scope, settings, requested_by="ann")
        number = reconciliations.ask(
            self.conn, scope, request_key=key or str(datetime.now(UTC)), requested_by="ann", recipients=("a@b.example",)
        )
        counts = reconciliations.carry_out(self.conn, number, settings, recipients=("a@b.example",))
        assert counts == expected
        return counts

    def reasons(self, file_name: str, row_no: int) -> tuple[str, list[str], list[str]]:
        """State, reasons left, reasons cleared of one row."""
        row = self.conn.execute(
            "select x.state, x.reasons, x.cleared_reasons from books.exception as x"
            " inner join intake.import as i on i.id = x.import_id where i.file_name = %s and x.row_no = %s",
            [file_name, row_no],
        ).fetchone()
        assert row is not None
        return row[0], row[1], row[2]

    @property
    def number(self) -> int:
        """Of the last reconciliation; a preview's number is used up."""
        (found,) = self.conn.execute("select max(id) from books.reconciliation").fetchone()  # type: ignore[misc]
        return int(found)

    def mails(self) -> list[str]:
        return [subject for (subject,) in self.conn.execute("select subject from mail.message order by id")]


@pytest.fixture
def desk(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(booking, "run_gate", lambda *args, **kwargs: [])  # the gate has tests of its own
    for module in (imports, reconciliations):
        monkeypatch.setattr(module, "utc_now", lambda: NOW)
    importer = Importer(conn, tmp_path, NOW)
    desk = Desk(conn, importer)
    desk.load({path.name: path.read_bytes() for path in (SAMPLES / "portal_data").glob("*.csv")})
    for name in ("vm-17-2026-06-11.csv", "all-machines-2026-06-16.jsonl"):
        content = (SAMPLES / "equipment_sync" / name).read_bytes()
        importer.take(FileKind.EQUIPMENT_SYNC, content, name)
    return desk

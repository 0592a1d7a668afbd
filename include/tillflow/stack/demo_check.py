"""Is what the demo booked right? Compared row by row with the samples' independent oracle."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Final

from tillflow.codes import Verdict
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.intake.balance import BUCKETS, balance_of
from tillflow.samples.expected import Expected
from tillflow.samples.model import PortalSample
from tillflow.samples.oracle import OfflineOracle, SyncOracle

_SQL: Final = beside(__file__, "demo.sql")
#: token -> the end of its payment, and what the bank answered on the way
_CARDS: Final = {
    "tok_ok": ("succeeded", ["approved"]),
    "tok_soft_twice_then_ok": ("succeeded", ["insufficient_funds", "insufficient_funds", "approved"]),
    "tok_soft_forever": ("exhausted", ["insufficient_funds"] * 4),
    "tok_hard": ("failed_hard", ["stolen_card"]),
    "tok_answer_lost": ("succeeded", ["approved"]),
}
# A proxy set for the outside world must not be asked for our own machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoCheck:
    """Collects what is off, a sentence each."""

    def __init__(self, conn: Connection, samples: Path, channel: str) -> None:
        self.conn = conn
        self.wrong: list[str] = []
        self._samples = samples
        portal = PortalSample.from_folder(samples / "portal_data")
        now = datetime.now().astimezone()
        self._vends = SyncOracle(portal, now)
        self._orders = OfflineOracle(portal, channel, now)

    def every_import(self) -> None:
        """Each file in the order of its arrival: verdicts, balance, and nothing booked of a refused one."""
        for import_id, kind, file_name, received_at, status in _SQL.imports(self.conn):
            booked = [
                Expected(row_no, Verdict(verdict), frozenset(reasons), currency, amount)
                for row_no, verdict, reasons, currency, amount in _SQL.rows_of(self.conn, import_id=import_id)
            ]
            expected = [] if status == "rejected" else self._expected(kind, file_name, received_at)
            if booked != expected:
                differing = len({row.row_no for row in {*booked} ^ {*expected}})
                self.wrong.append(f"{file_name}: {differing} rows are not what the oracle says")
            self._balance(import_id, file_name)

    def _balance(self, import_id: int, file_name: str) -> None:
        for line in balance_of(self.conn, import_id):
            for unit in ("rows", "minor"):
                if line[f"read_{unit}"] != sum(line[f"{bucket}_{unit}"] for bucket in BUCKETS):
                    self.wrong.append(f"{file_name}: the balance in {line['currency']} {unit} is off")

    def status_of(self, file_name: str, expected: str) -> None:
        """A file has the status an operator would expect."""
        found = [status for _, _, name, _, status in _SQL.imports(self.conn) if name == file_name]
        if found != [expected]:
            self.wrong.append(f"{file_name}: {found or 'no import'} instead of {expected}")

    def every_payment(self, gateway_url: str) -> None:
        """Each card ended as its token says, by the gateway's own ledger; entries have no gap and no overlap."""
        with _direct.open(f"{gateway_url}/sandbox/ledger", timeout=10) as answer:
            ledger = [entry for entry in json.load(answer)["entries"] if entry["kind"] == "attempt"]
        for order_id, key, token, state, product in _SQL.card_payments(self.conn):
            found = (state, [entry["outcome"] for entry in ledger if entry["payment"] == key])
            if found != _CARDS[token]:
                self.wrong.append(f"order {order_id} ({token}): {found} instead of {_CARDS[token]}")
            if (product == "attributed") != (state == "succeeded"):
                self.wrong.append(f"order {order_id} is {state}, its product {product}")
        last: dict[int, int] = {}
        for draw_id, first, end in _SQL.entries(self.conn):
            if first != last.get(draw_id, 1):
                self.wrong.append(f"draw {draw_id}: entry {last.get(draw_id, 1)} is followed by {first}")
            last[draw_id] = end

    def every_reconciliation(self, expected: Sequence[int]) -> None:
        """Each run in its order reconciled as many as it should have."""
        found = [reconciled for _, reconciled, _ in _SQL.reconciliations(self.conn)]
        if found != expected:
            self.wrong.append(f"reconciled {found} instead of {expected}")

    def the_invoice(self, customer: str, number: str, first_day: date, mail_folder: Path) -> None:
        """It holds every billable sale of the customer once, in the right part, and was mailed with its documents."""
        billable = list(_SQL.billable(self.conn, customer=customer, first_day=first_day))
        found = list(_SQL.invoiced(self.conn, number=number))
        if found != billable or [part for part, *_ in found] != [False, True]:
            self.wrong.append(f"invoice {number} says {found} (backdated, sales, net) instead of {billable}")
        if _SQL.held(self.conn, number=number) != sum(rows for _, rows, _ in billable):
            self.wrong.append(f"invoice {number} does not hold the sales it lists")
        mails = [message_from_bytes(path.read_bytes()) for path in mail_folder.glob("*.eml")]
        files = [sorted(part.get_filename() or "" for part in mail.walk() if part.get_filename()) for mail in mails]
        if files.count([f"{number}-sales.csv", f"{number}.pdf"]) != 1:
            self.wrong.append(f"invoice {number} was not mailed once with its PDF and its list of sales")

    def every_mail(self, folder: Path) -> None:
        """Each queued mail was sent once and lies in the mail sink."""
        arrived = [message_from_bytes(path.read_bytes())["Message-ID"] for path in folder.glob("*.eml")]
        for subject, message_id, sent in _SQL.mails(self.conn):
            if not sent or arrived.count(message_id) != 1:
                self.wrong.append(f"mail {subject!r} arrived {arrived.count(message_id)} times")

    def _expected(self, kind: str, file_name: str, received_at: datetime) -> list[Expected]:
        path = self._samples / kind / file_name
        if not path.exists():
            return []
        if kind == "equipment_sync":
            self._vends.now = received_at
            rows, first_row = read_rows(path)
            return self._vends.judge_file(rows, first_row=first_row)
        if kind == "offline_sales":
            self._orders.now = received_at
            return self._orders.judge_file(read_rows(path)[0])
        return []


def read_rows(path: Path) -> tuple[list[Mapping[str, str | None] | None], int]:
    """The rows of a sample file as the oracle takes them, and the number of the first."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".jsonl":
        return [
            {name: None if value is None else _as_text(value) for name, value in json.loads(line).items()}
            for line in text.splitlines()
        ], 1
    return list(csv.DictReader(text.splitlines())), 2


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

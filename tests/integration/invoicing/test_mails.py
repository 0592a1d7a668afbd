"""Who is told of a posted invoice, with which files, how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.billing import Round
from tillflow import invoices
from tillflow.db.connection import Connection
from tillflow.intake.storage import Storage
from tillflow.invoicing import mails
from tillflow.invoicing.credit import credit
from tillflow.settings import Settings

JUNE = ("2026-06-01", "2026-07-01")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"TILLFLOW_HOME": str(tmp_path), "TILLFLOW_REPORT_TO": "ops@tillflow.example"})


@pytest.fixture
def posted(harbour: Round) -> int:
    harbour.sell("2026-06-10T10:00:00Z")
    draft = harbour.prepare(*JUNE).invoice_id
    harbour.post(draft, "77")
    return draft


def queued(conn: Connection) -> list[tuple[Any, ...]]:
    """(topic, recipients, subject, attached files) of every mail."""
    return conn.execute(
        "select m.topic, m.recipients, m.subject,"
        " array(select a.file_name from mail.attachment as a where a.message_id = m.id order by a.position)"
        " from mail.message as m order by m.id"
    ).fetchall()


def test_the_customer_gets_the_documents_and_the_operator_the_result_once(
    harbour: Round, posted: int, settings: Settings
) -> None:
    assert invoices.announce(harbour.conn, posted, settings, now=harbour.now) is True
    assert invoices.announce(harbour.conn, posted, settings, now=harbour.now) is False
    customer, operator = queued(harbour.conn)
    assert customer[:2] == (f"invoice:{posted}", ["accounts@harbour.example"])
    assert customer[2].startswith("Invoice 77 from ")
    assert customer[2].endswith(": 3.85 AUD, due 2026-07-15")
    assert customer[3] == ["77.pdf", "77-sales.csv"]
    assert operator == (
        f"invoice:{posted}:result", ["ops@tillflow.example"],
        "Tillflow invoice 77 posted: Harbour Mining, 3.85 AUD", [],
    )  # fmt: skip
    contents = harbour.conn.execute("select content from mail.attachment order by position").fetchall()
    assert contents[0][0].startswith(b"%PDF")
    assert contents[1][0].count(b"\r\n") == 2


def test_without_a_billing_address_the_operator_gets_the_files(harbour: Round, posted: int, settings: Settings) -> None:
    harbour.conn.execute("update portal.customer set billing_email = null")
    invoices.announce(harbour.conn, posted, settings, now=harbour.now)
    ((topic, recipients, _, files),) = queued(harbour.conn)
    assert (topic, recipients) == (f"invoice:{posted}:result", ["ops@tillflow.example"])
    assert files == ["77.pdf", "77-sales.csv"]


def test_a_list_too_large_for_a_mail_is_left_in_the_storage(
    harbour: Round, posted: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "MOST_ATTACHED", 10)
    invoices.announce(harbour.conn, posted, settings, now=harbour.now)
    assert [files for *_, files in queued(harbour.conn)] == [["77.pdf"], []]
    (told,) = harbour.conn.execute("select text_body from mail.message where topic like '%:result'").fetchone()  # type: ignore[misc]
    assert f"invoices/invoice-{posted}-sales.csv" in told
    assert (Path(settings.storage) / "invoices" / f"invoice-{posted}-sales.csv").read_bytes().count(b"\r\n") == 2


def test_a_credit_note_is_mailed_too(harbour: Round, posted: int, settings: Settings) -> None:
    credit(harbour.conn, posted, reason="wrong price", actor="ann", now=harbour.now)
    invoices.announce(harbour.conn, posted, settings, now=harbour.now, is_credit_note=True)
    customer, operator = queued(harbour.conn)
    assert customer[0] == f"credit_note:{posted}"
    assert customer[2].startswith("Credit note CN-00001 from ")
    assert customer[3] == ["CN-00001.pdf"]
    assert operator[2] == "Tillflow credit note CN-00001 posted: Harbour Mining, 3.85 AUD"


def test_what_a_dead_process_did_not_announce_is_announced_later_and_once(
    harbour: Round, posted: int, settings: Settings
) -> None:
    credit(harbour.conn, posted, reason="x", actor="ann", now=harbour.now)
    assert invoices.unannounced(harbour.conn) == [(posted, False), (posted, True)]
    for invoice_id, is_credit_note in invoices.unannounced(harbour.conn):
        invoices.announce(harbour.conn, invoice_id, settings, now=harbour.now, is_credit_note=is_credit_note)
    assert invoices.unannounced(harbour.conn) == []
    assert [topic for topic, *_ in queued(harbour.conn)] == [
        f"invoice:{posted}", f"invoice:{posted}:result", f"credit_note:{posted}", f"credit_note:{posted}:result",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"])
def test_a_broken_logo_keeps_no_invoice_back(harbour: Round, settings: Settings, content: bytes) -> None:
    harbour.conn.execute("insert into portal.provider (name, logo) values ('S', 'logo.svg')")
    harbour.sell("2026-06-10T10:00:00Z")
    draft = harbour.prepare(*JUNE).invoice_id
    harbour.post(draft)
    storage = Storage(settings.storage)
    storage.write("logos/logo.svg", content)
    invoices.announce(harbour.conn, draft, settings, now=harbour.now)
    assert [files for *_, files in queued(harbour.conn)] == [["INV-00001.pdf", "INV-00001-sales.csv"], []]

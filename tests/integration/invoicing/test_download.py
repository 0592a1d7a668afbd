"""Documents of invoices that were really prepared, posted and credited, read again from their bytes."""

from __future__ import annotations

import csv
import logging
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.accounting_programs import read_quickbooks, read_xero
from tests.billing import Round
from tests.pdf_text import pages_of
from tillflow.intake.storage import Storage
from tillflow.invoicing.credit import credit
from tillflow.invoicing.discard import discard
from tillflow.invoicing.documents.accounting import DraftExportError
from tillflow.invoicing.download import Bureau, DiscardedInvoiceError, DocumentKind, UnknownDocumentError, document
from tillflow.invoicing.load import NotCreditedError
from tillflow.invoicing.lock import UnknownInvoiceError
from tillflow.invoicing.model import InconsistentInvoiceError

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="8"><rect width="20" height="8"/></svg>'
OF_THE_INVOICE = [kind for kind in DocumentKind if "credit-note" not in kind]


@pytest.fixture
def june(harbour: Round) -> int:
    """A draft of June: 3.50 and 7.00 with 10 % tax, a refund of May, 1.99 untaxed, and one product left out."""
    harbour.set_product("1001")
    harbour.set_product("2001", rate=0)
    harbour.set_product("9", not_invoiced_from="2026-01-01T00:00:00+00:00")
    harbour.sell("2026-06-02T01:00:00+00:00")
    harbour.sell("2026-06-03T01:00:00+00:00", quantity=2, machine=18)
    harbour.sell("2026-05-31T01:00:00+00:00", "2026-06-04T01:00:00+00:00", quantity=-1)
    harbour.sell("2026-06-05T01:00:00+00:00", product="2001", price=199)
    harbour.sell("2026-06-06T01:00:00+00:00", product="9")
    return harbour.prepare("2026-06-01", "2026-07-01").invoice_id


def content(harbour: Round, invoice_id: int, kind: str, bureau: Bureau | None = None) -> bytes:
    return b"".join(document(harbour.conn, invoice_id, kind, bureau).chunks)


def spoken(pages: bytes) -> list[str]:
    return [run.text for page in pages_of(pages) for run in page if not run.is_artifact]


def test_the_sales_list_of_a_draft(harbour: Round, june: int) -> None:
    rows = list(csv.DictReader(StringIO(content(harbour, june, "sales.csv").decode("utf-8-sig"), newline="")))
    assert [(row["PART"], row["VENDED_AT"], row["EQUIPMENT"], row["AMOUNT"], row["TAX_RATE"]) for row in rows] == [
        ("current", "2026-06-02 11:00:00+10:00", "VM-17", "3.50", "10.00"),
        ("current", "2026-06-05 11:00:00+10:00", "VM-17", "1.99", "0.00"),
        ("current", "2026-06-03 11:00:00+10:00", "VM-18", "7.00", "10.00"),
        ("backdated", "2026-05-31 11:00:00+10:00", "VM-17", "-3.50", "10.00"),
    ]
    assert {(row["SITE"], row["USER"], row["USER_NAME"]) for row in rows} == {("harbour-depot", "h01", "Ann Lee")}


def test_every_document_of_a_posted_invoice_comes_to_the_same_totals(harbour: Round, june: int, tmp_path: Path) -> None:
    harbour.post(june, "INV/7 a")
    net, tax = Decimal("8.99"), Decimal("0.70")
    bureau = Bureau(temp=tmp_path / "made when needed")
    book = load_workbook(BytesIO(content(harbour, june, "sales.xlsx", bureau)))
    header, *rows = book["Summary"].iter_rows(values_only=True)
    total = next(dict(zip(header, row, strict=True)) for row in rows if row[0] == "total")
    assert (total["NET"], total["TAX"], total["GROSS"]) == (8.99, 0.7, 9.69)
    assert sum(row[10] for row in book["Sales"].iter_rows(min_row=2, values_only=True)) == pytest.approx(8.99)
    runs = spoken(content(harbour, june, "invoice.pdf"))
    assert [runs[runs.index(label) + 1] for label in ("Total without tax", "Total with tax", "Amount due")] == [
        "8.99", "9.69", "AUD 9.69",
    ]  # fmt: skip
    assert {"Sold earlier, recorded in this period", "Not invoiced, by agreement"} <= {*runs}
    for read, kind in ((read_xero, DocumentKind.XERO), (read_quickbooks, DocumentKind.QUICKBOOKS)):
        found = read(content(harbour, june, kind))["INV/7 a"]
        assert (found.net, found.tax, found.customer) == (net, tax, "Harbour Mining")


def test_names_and_types_of_the_files(harbour: Round, june: int) -> None:
    harbour.post(june, "INV/7 a")
    files = {kind: document(harbour.conn, june, kind) for kind in OF_THE_INVOICE}
    assert {kind.value: (file.file_name, file.content_type.partition(";")[0]) for kind, file in files.items()} == {
        "sales.csv": ("INV-7-a-sales.csv", "text/csv"),
        "sales.xlsx": ("INV-7-a-sales.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        "summary.csv": ("INV-7-a-summary.csv", "text/csv"),
        "invoice.pdf": ("INV-7-a.pdf", "application/pdf"),
        "export/xero.csv": ("INV-7-a-xero.csv", "text/csv"),
        "export/quickbooks.csv": ("INV-7-a-quickbooks.csv", "text/csv"),
    }


def test_a_credit_note_has_documents_of_its_own(harbour: Round, june: int) -> None:
    harbour.post(june, "INV-7")
    with pytest.raises(NotCreditedError):
        document(harbour.conn, june, "credit-note.pdf")
    credit(harbour.conn, june, reason="wrong site", actor="ann", now=harbour.now, number="CN-1")
    pages = document(harbour.conn, june, "credit-note.pdf")
    assert pages.file_name == "CN-1.pdf"
    runs = spoken(b"".join(pages.chunks))
    assert {"Credit note CN-1", "INV-7 of 2026-07-01", "wrong site", "AUD 9.69"} <= {*runs}
    for read, name in ((read_xero, "xero"), (read_quickbooks, "quickbooks")):
        found = read(content(harbour, june, f"export/credit-note-{name}.csv"))["CN-1"]
        assert (found.net, found.tax) == (Decimal("-8.99"), Decimal("-0.70"))
    assert "Amount due" in spoken(content(harbour, june, "invoice.pdf")), "the invoice itself stays what it was"


@pytest.mark.parametrize(
    ("country", "title"), [("DE", "Rechnung INV-7"), ("AU", "Invoice INV-7"), ("CH", "Invoice INV-7")]
)
def test_the_language_of_the_customers_country(harbour: Round, country: str, title: str) -> None:
    harbour.conn.execute("update portal.customer set country = %s", [country])
    harbour.sell("2026-06-02T01:00:00+00:00")
    june = harbour.prepare("2026-06-01", "2026-07-01").invoice_id
    harbour.post(june, "INV-7")
    assert title in spoken(content(harbour, june, "invoice.pdf"))


def test_a_draft_is_shown_but_not_exported(harbour: Round, june: int) -> None:
    assert "Draft: Invoice" in spoken(content(harbour, june, "invoice.pdf"))
    assert document(harbour.conn, june, "sales.csv").file_name == f"draft-{june}-sales.csv"
    for kind in ("export/xero.csv", "export/quickbooks.csv"):
        with pytest.raises(DraftExportError, match=f"invoice {june} is a draft: post it"):
            document(harbour.conn, june, kind)


@pytest.mark.parametrize("kind", DocumentKind)
def test_a_discarded_draft_has_no_documents(harbour: Round, june: int, kind: str) -> None:
    discard(harbour.conn, june, reason="wrong month", actor="ann", now=harbour.now)
    with pytest.raises(DiscardedInvoiceError, match="wrong month"):
        document(harbour.conn, june, kind)


def test_a_draft_discarded_under_the_reader_gives_no_short_list(harbour: Round, june: int) -> None:
    started = document(harbour.conn, june, "sales.csv")
    discard(harbour.conn, june, reason="wrong month", actor="ann", now=harbour.now)
    with pytest.raises(InconsistentInvoiceError, match=r"add up to 0\.00, not to its 8\.99.*download it again"):
        list(started.chunks)


def test_what_there_is_not(harbour: Round, june: int) -> None:
    with pytest.raises(UnknownDocumentError, match=r"'sales\.doc'.*sales\.csv, sales\.xlsx"):
        document(harbour.conn, june, "sales.doc")
    with pytest.raises(UnknownInvoiceError, match="there is no invoice 999"):
        document(harbour.conn, 999, "sales.csv")


@pytest.mark.parametrize(
    ("kept", "figures", "warning"),
    [(SVG, 1, ""), (b"GIF89a", 0, "without its logo"), (None, 0, "there is no logos/"), (b"", 0, "without its logo")],
)
def test_a_logo_from_the_storage(
    harbour: Round, tmp_path: Path, caplog: pytest.LogCaptureFixture, kept: bytes | None, figures: int, warning: str
) -> None:
    harbour.conn.execute("insert into portal.provider (name, logo) values ('Us', '../logos/us.svg')")
    storage = Storage(str(tmp_path))
    if kept is not None:
        storage.write("logos/us.svg", kept)
    harbour.sell("2026-06-02T01:00:00+00:00")
    june = harbour.prepare("2026-06-01", "2026-07-01").invoice_id
    with caplog.at_level(logging.WARNING):
        pages = content(harbour, june, "invoice.pdf", Bureau(storage=storage))
    assert pages.count(b"/S/Figure") == figures
    assert warning in caplog.text
    assert bool(warning) == bool(caplog.records)

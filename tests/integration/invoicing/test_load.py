"""What the documents are made of: the figures of the books as a value whose sums cannot be wrong."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.billing import Round
from tillflow.invoicing.credit import credit
from tillflow.invoicing.documents.pdf import invoice_pdf
from tillflow.invoicing.documents.sales_list import sales_csv
from tillflow.invoicing.load import NotCreditedError, load_credit_note, load_invoice, sales_of
from tillflow.invoicing.lock import UnknownInvoiceError
from tillflow.invoicing.model import InvoiceType, Part

JUNE = ("2026-06-01", "2026-07-01")


@pytest.fixture
def draft(harbour: Round) -> int:
    harbour.conn.execute(
        "update portal.customer set address_line_1 = '88 Bourke Road', city = 'Alexandria', tax_id = 'ABN'"
    )
    harbour.conn.execute(
        "insert into portal.provider (name, city, country, payment_account) values ('Southern', 'Perth', 'AU', 'BSB 1')"
    )
    harbour.set_product("1002", rate=0)
    harbour.set_product("1004", not_invoiced_from="2026-01-01T00:00:00Z")
    harbour.sell("2026-06-10T10:00:00Z", price=5)
    harbour.sell("2026-06-11T10:00:00Z", product="1002", price=400, quantity=-1)
    harbour.sell("2026-05-11T10:00:00Z", "2026-06-11T10:00:00Z", price=10)
    harbour.sell("2026-06-11T10:00:00Z", product="1004", price=99, quantity=2)
    return harbour.prepare(*JUNE).invoice_id


def test_a_draft_has_no_number_and_everything_else(harbour: Round, draft: int) -> None:
    invoice = load_invoice(harbour.conn, draft)
    assert (invoice.number, invoice.is_draft, invoice.type) == (None, True, InvoiceType.INVOICE)
    assert (invoice.period_start, invoice.period_end) == (date(2026, 6, 1), date(2026, 6, 30))
    assert (invoice.seller.name, invoice.seller.address.city, invoice.seller.payment_account) == (
        "Southern", "Perth", "BSB 1",
    )  # fmt: skip
    assert (invoice.buyer.key, invoice.buyer.address.lines, invoice.buyer.tax_id) == (
        "harbour", ("88 Bourke Road",), "ABN",
    )  # fmt: skip
    assert [(line.part, line.product, line.quantity, line.net_minor) for line in invoice.lines] == [
        (Part.CURRENT, "1001", 1, 5),
        (Part.CURRENT, "1002", -1, -400),
        (Part.BACKDATED, "1001", 1, 10),
    ]
    assert [(tax.rate_bp, tax.taxable_minor, tax.tax_minor) for tax in invoice.tax] == [(1000, 15, 2), (0, -400, 0)]
    assert (invoice.totals.net_minor, invoice.totals.gross_minor) == (-385, -383)
    assert [(each.product, each.quantity, each.amount_minor) for each in invoice.excluded] == [("1004", 2, 198)]


def test_the_totals_are_those_of_the_books(harbour: Round, draft: int) -> None:
    totals = load_invoice(harbour.conn, draft).totals
    found = harbour.conn.execute("select net_minor, tax_minor, total_minor from books.invoice where id = %s", [draft])
    assert found.fetchone() == (totals.net_minor, totals.tax_minor, totals.gross_minor)


def test_a_posted_invoice_and_its_credit_note(harbour: Round, draft: int) -> None:
    with pytest.raises(NotCreditedError):
        load_credit_note(harbour.conn, draft)
    harbour.post(draft, "77")
    invoice = load_invoice(harbour.conn, draft)
    assert (invoice.number, invoice.issue_date, invoice.due_date) == ("77", date(2026, 7, 1), date(2026, 7, 15))
    credit(harbour.conn, draft, reason="wrong price", actor="ann", now=harbour.now + timedelta(days=2))
    note = load_credit_note(harbour.conn, draft)
    assert (note.type, note.number, note.issue_date) == (InvoiceType.CREDIT_NOTE, "CN-00001", date(2026, 7, 3))
    assert (note.preceding_number, note.preceding_date, note.notes) == ("77", date(2026, 7, 1), ("wrong price",))
    assert (note.lines, note.totals) == (invoice.lines, invoice.totals)
    for document in (invoice, note):
        assert invoice_pdf(document).startswith(b"%PDF")


def test_renaming_changes_no_frozen_invoice(harbour: Round, draft: int) -> None:
    harbour.post(draft)
    before = load_invoice(harbour.conn, draft)
    harbour.conn.execute("update portal.customer set name = 'Other'")
    harbour.conn.execute("update portal.product set tax_rate_bp = 1")
    assert load_invoice(harbour.conn, draft) == before


def test_sales_come_with_the_time_of_their_site_and_the_rate_they_were_taxed_at(harbour: Round, draft: int) -> None:
    harbour.conn.execute("update portal.site set zone = 'Australia/Perth'")
    harbour.conn.execute("update portal.product set tax_rate_bp = 1")
    sales = list(sales_of(harbour.conn, draft))
    assert [(sale.part, sale.product, sale.amount_minor, sale.tax_rate_bp) for sale in sales] == [
        (Part.CURRENT, "1001", 5, 1000),
        (Part.CURRENT, "1002", -400, 0),
        (Part.BACKDATED, "1001", 10, 1000),
    ]
    assert sales[0].vended_at.isoformat() == "2026-06-10T18:00:00+08:00"
    assert (sales[0].user, sales[0].user_name, sales[0].equipment) == ("h01", "Ann Lee", "VM-17")
    assert sum(sale.amount_minor for sale in sales) == load_invoice(harbour.conn, draft).totals.net_minor
    assert b"".join(sales_csv(sales)).count(b"\r\n") == 4


def test_an_unknown_invoice_is_told(harbour: Round) -> None:
    with pytest.raises(UnknownInvoiceError):
        load_invoice(harbour.conn, 99)

"""The second story: exceptions of a machine are found, fixed and reconciled, and its sales invoiced, inside Airflow."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.mails import mail_about
from tests.browser.operators import Operator, Staff
from tests.browser.pictures import picture
from tests.end_to_end.conftest import Running
from tests.pdf_text import pages_of

pytestmark = pytest.mark.slow

DAYS = ("2026-06-01", "2026-06-30")


_PATIENCE_SECONDS = 180
_ANSWERS = 3
_OUTCOME = "select attempted, reconciled, failed from books.reconciliation where id = %s"
#: sales of a posted and credited invoice: what the reconciliation has made of the exceptions is in it
_INVOICED = """
select s.selection, t.code, s.quantity, i.state, n.credited_by
from books.invoice_sale as l
inner join books.invoice as i on i.id = l.invoice_id
inner join books.credit_note as n on n.invoice_id = i.id
inner join books.vend_sale as s using (stream_id, seq)
inner join books.item as t on t.id = s.item_id
where i.id = %s and s.selection = '000C'
"""


def test_exceptions_are_fixed_reconciled_and_invoiced(staff: Staff, running: Running, tmp_path: Path) -> None:
    with staff.at_airflow("provider") as provider:
        provider.open("Exception report")
        _generates_the_report(provider)
        in_vain = _reconciles(provider)
        _generates_the_report(provider)
        _adds_the_selection(provider)
        _generates_the_report(provider)
        _previews(provider, "2 reconciled")
        fixed = _reconciles(provider)
        draft = _prepares_an_invoice(provider)
        number = _posts_it(provider, draft)
        _downloads_it(provider, number, tmp_path)
        _credits_it(provider)
        _looks_around(provider)
    outcomes = [running.conn.execute(_OUTCOME, [one]).fetchone() or () for one in (in_vain, fixed)]
    assert [reconciled for _, reconciled, _ in outcomes] == [0, 2]
    for one, (attempted, reconciled, failed) in zip((in_vain, fixed), outcomes, strict=True):
        said = f"Tillflow reconciliation {one}: {reconciled} of {attempted} reconciled, {failed} failed"
        attached = [part.get_filename() for part in mail_about(running.stack, said).iter_attachments()]
        assert [str(name).rpartition(".")[2] for name in attached] == ["csv", "xlsx"]
    invoiced = running.conn.execute(_INVOICED, [draft]).fetchall()
    assert ("000C", "1005", 1, "posted", "provider") in invoiced


def _generates_the_report(provider: Operator) -> None:
    desk = provider.turn_to("Exception report")
    # each choice fills the list of the next one
    desk.get_by_label("Customer").select_option("harbour")
    desk.get_by_label("Site").select_option("harbour-depot")
    desk.get_by_label("Equipment").select_option("VM-17")
    desk.get_by_label("Sold from").fill(DAYS[0])
    desk.get_by_label("Sold to").fill(DAYS[1])
    desk.get_by_role("button", name="Generate report").click()
    desk.get_by_role("heading", name="open exceptions").wait_for()


def _reconciles(provider: Operator) -> int:
    desk = provider.desk
    desk.get_by_role("button", name="Reconcile", exact=True).click()
    desk.get_by_text("has started. A mail says when it is done").wait_for()
    number = int(provider.path.split("/")[1])
    # the page follows it by itself
    desk.get_by_role("heading", name=f"Reconciliation {number}").wait_for()
    expect(desk.locator("#progress")).to_contain_text("completed", timeout=180_000)
    picture(provider.page, "reconciliation")
    return number


def _adds_the_selection(provider: Operator) -> None:
    desk = provider.desk
    row = desk.get_by_role("row").filter(has_text="000C").filter(has_text="1005").first
    desk.get_by_role("heading", name="Reconcile").evaluate("heading => heading.scrollIntoView()")
    picture(provider.page, "exceptions")
    row.get_by_role("link", name="Fix it").first.click()
    expect(desk.get_by_label("Selection")).to_have_value("000C")
    expect(desk.get_by_label("Product", exact=True)).to_have_value("1005")
    desk.get_by_label("Price").fill("1.20")
    picture(provider.page, "fix")
    desk.get_by_role("button", name="Apply the fix").click()
    expect(desk.get_by_role("status")).to_contain_text("000C")


def _previews(provider: Operator, said: str) -> None:
    desk = provider.desk
    desk.get_by_role("button", name="Preview", exact=True).click()
    expect(desk.get_by_role("status")).to_contain_text(said)


def _prepares_an_invoice(provider: Operator) -> int:
    desk = provider.open("Invoices")
    desk.get_by_role("link", name="Prepare an invoice").click()
    provider.heading("Prepare an invoice").wait_for()
    desk.get_by_label("Customer").select_option("harbour")
    desk.get_by_label("From", exact=True).fill(DAYS[0])
    # sales are invoiced in the range in which they were recorded: today
    desk.get_by_label("Until before").fill((datetime.now(UTC) + timedelta(days=2)).date().isoformat())
    desk.get_by_role("button", name="Prepare the draft").click()
    desk.get_by_role("heading", level=1, name="Draft").wait_for(timeout=180_000)
    return int(provider.path.split("/")[1])


def _posts_it(provider: Operator, draft: int) -> str:
    """Its total is over the customer's limit: somebody has to approve it in Airflow."""
    desk = provider.desk
    desk.get_by_role("link", name="Number and post").click()
    provider.heading("Number and post").wait_for()
    desk.get_by_role("button", name="Number and post").click()
    desk.get_by_role("status").get_by_text("It needs an approval").wait_for()

    # an answer that is given before Airflow's scheduler has noticed the question is asked for once more
    for _ in range(_ANSWERS):
        _approves(provider, draft)
        provider.open("Invoices")
        numbered = desk.get_by_role("row").filter(has=desk.get_by_role("link", name=str(draft), exact=True))
        until = time.monotonic() + _PATIENCE_SECONDS / _ANSWERS
        while "posted" not in numbered.inner_text() and time.monotonic() < until:
            provider.page.wait_for_timeout(1_000)
            provider.turn_to("Invoices")
        if "posted" in numbered.inner_text():
            break
    numbered.get_by_role("link").click()
    heading = provider.heading(re.compile("^Invoice "))
    heading.wait_for()
    picture(provider.page, "invoice-page")
    return heading.inner_text().removeprefix("Invoice ").partition(":")[0]


def _approves(provider: Operator, draft: int) -> None:
    airflow = provider.page
    airflow.goto(f"{provider.stack.url}/required_actions")
    asked = airflow.get_by_role("row").filter(has_text=f"Post invoice draft {draft}?")
    provider.reload_until(asked)  # Airflow's list does not follow its runs
    asked.get_by_role("link", name="approve", exact=True).click()
    airflow.get_by_role("button", name="Approve").click()
    airflow.get_by_text("Response received at").wait_for()


def _downloads_it(provider: Operator, number: str, folder: Path) -> None:
    desk = provider.desk
    pdf = provider.keep(desk.get_by_role("link", name="PDF", exact=True).click, folder)
    assert any(number in run.text for page in pages_of(pdf.read_bytes()) for run in page)
    sales = provider.keep(desk.get_by_role("link", name="Sales CSV").click, folder)
    assert "000C" in sales.read_text(encoding="utf-8-sig")


def _looks_around(provider: Operator) -> None:
    provider.open("Overview")
    picture(provider.page, "overview")
    provider.go("portal/planograms/grid/?equipment=VM-17")
    expect(provider.page.get_by_role("list", name="Selections")).to_contain_text("000C")
    picture(provider.page, "planogram")


def _credits_it(provider: Operator) -> None:
    desk = provider.desk
    desk.get_by_role("link", name="Credit", exact=True).click()
    provider.heading("Credit").wait_for()
    desk.get_by_label("Reason").fill("the range was wrong")
    desk.get_by_role("button", name="Credit", exact=True).click()
    expect(desk.get_by_role("heading", name="Credit note")).to_be_visible()

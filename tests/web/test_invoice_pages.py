"""Invoices as pages: prepared, reviewed, posted, reversed; and every refusal told where it is met."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import Site
from tests.web.situations import sampled

JUNE = {"from": "2026-06-01", "to": "2026-07-01"}


@pytest.fixture
def sold(site: Site) -> Site:
    """The samples are in the books, and nobody asks for an approval."""
    sampled(site)
    site.conn.execute("update portal.customer set approval_limit_minor = null")
    return site


def post(site: Site, path: str, person: str = "provider", **form: str) -> tuple[int, str]:
    """The number of the invoice it leads to, and the page that is read there."""
    client = site.as_(person)
    done = client.post(f"/tillflow/{path}", data=form)
    assert done.status_code == 303, re.findall(r"<li>.*?</li>", done.text, re.DOTALL)
    where = re.fullmatch(r"/tillflow/invoices/(\d+)/", done.headers["location"])
    assert where
    return int(where[1]), client.get(done.headers["location"]).text


def get(site: Site, path: str, person: str = "provider") -> str:
    page = site.as_(person).get(f"/tillflow/{path}")
    assert page.status_code == 200, page.text[:300]
    return page.text


def seen(site: Site, number: int) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]+)"', get(site, f"invoices/{number}/post/"))
    assert found
    return found[1]


def test_a_draft_is_prepared_reviewed_posted_and_reversed(sold: Site) -> None:
    number, review = post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    (rows, total) = sold.conn.execute(
        "select sale_rows, total_minor from books.invoice where id = %s", [number]
    ).fetchone()  # type: ignore[misc]
    assert f"Draft {number} holds {rows} sales" in review
    assert f"{total // 100}.{total % 100:02}&nbsp;AUD" in review
    assert "Current sales" in review
    assert "2026-06-01 until before 2026-07-01" in review
    _, posted = post(sold, f"invoices/{number}/post/", invoice_no="", seen=seen(sold, number))
    (given,) = sold.conn.execute("select invoice_no from books.invoice where id = %s", [number]).fetchone()  # type: ignore[misc]
    assert f"It is posted as {given}." in posted
    assert f"<h1>Invoice {given}" in posted
    assert f"/tillflow/invoices/{number}/credit/" in posted
    assert f"/tillflow/invoices/{number}/discard/" not in posted
    _, credited = post(sold, f"invoices/{number}/credit/", reason="wrong <range>")
    assert "Credit note" in credited
    assert "wrong &lt;range&gt;" in credited
    again, _ = post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    assert again != number, "its sales are free for another draft"
    listed = get(sold, "invoices/", "auditor")
    assert listed.count('<th scope="row">') == 2
    assert "credited by" in listed


def test_every_document_is_handed_out(sold: Site) -> None:
    number, page = post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    post(sold, f"invoices/{number}/post/", invoice_no="A-7", seen=seen(sold, number))
    client = sold.as_("auditor")
    page = client.get(f"/tillflow/invoices/{number}/").text
    addresses = re.findall(rf'href="(/tillflow/invoices/{number}/download/[^"]+)"', page)
    assert len(addresses) == 6
    for address in addresses:
        kept = client.get(address)
        assert (kept.status_code, address) == (200, address)
        assert kept.headers["content-disposition"].startswith('attachment; filename="A-7')
        assert len(kept.content) > 100
    assert client.get(f"/tillflow/invoices/{number}/download/?kind=secret.txt").status_code == 404
    assert sold.as_("customer_user").get(addresses[0]).status_code == 200


def test_a_refusal_is_told_on_the_page_that_asked(sold: Site) -> None:
    client = sold.as_("provider")
    number, _ = post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    post(sold, f"invoices/{number}/post/", invoice_no="A-7", seen=seen(sold, number))
    other, _ = post(sold, "invoices/prepare/", customer="rhein", **JUNE)
    hash_of_other = seen(sold, other)
    for path, form, said in (
        (f"invoices/{other}/post/", {"invoice_no": "A-7", "seen": hash_of_other}, "is used already"),
        (f"invoices/{other}/post/", {"invoice_no": "=1+1", "seen": hash_of_other}, "is no invoice number"),
        (f"invoices/{other}/post/", {"invoice_no": "", "seen": "00"}, "is not what you have seen"),
        (f"invoices/{number}/discard/", {"reason": "no"}, "reverse it by a credit note"),
        (f"invoices/{number}/credit/", {"reason": " "}, "say why"),
        ("invoices/prepare/", {"customer": "harbour", "from": "2026-07-01", "to": "2026-06-01"}, "is empty"),
        ("invoices/prepare/", {"customer": "", "from": "someday", "to": ""}, "choose a customer"),
        ("invoices/prepare/", {"customer": "nobody", **JUNE}, "there is no customer"),
    ):
        refused = client.post(f"/tillflow/{path}", data=form)
        assert (refused.status_code, said in refused.text) == (422, True), (path, form, refused.text[-2500:])


def test_what_is_more_than_the_limit_waits_for_an_approval(sold: Site) -> None:
    sold.conn.execute("update portal.customer set approval_limit_minor = 1 where key = 'harbour'")
    number, review = post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    assert "waits for an approval" in review
    _, page = post(sold, f"invoices/{number}/post/", invoice_no="", seen=seen(sold, number))
    assert "It needs an approval" in page
    assert sold.conn.execute("select state from books.invoice where id = %s", [number]).fetchone() == ("draft",)


def test_a_customers_user_reads_their_own_invoices_only(sold: Site) -> None:
    own, _ = post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    other, _ = post(sold, "invoices/prepare/", customer="rhein", **JUNE)
    client = sold.as_("customer_user")
    assert client.get(f"/tillflow/invoices/{other}/").status_code == 404
    assert client.get(f"/tillflow/invoices/{other}/download/?kind=sales.csv").status_code == 404
    page = client.get(f"/tillflow/invoices/{own}/").text
    assert "Number and post" not in page
    assert "Rheinwerk" not in client.get("/tillflow/invoices/").text
    assert client.post(f"/tillflow/invoices/{own}/post/", data={}).status_code == 403


def test_what_no_range_has_covered_is_listed_with_what_to_do(sold: Site) -> None:
    line = '<a href="/tillflow/invoices/?customer=harbour">'
    assert line not in get(sold, "invoices/uncovered/"), "every sale is looked at: only when asked for"
    assert line in get(sold, "invoices/uncovered/?generate=1")
    assert line in get(sold, "invoices/uncovered/?customer=harbour&generate=1")
    assert line not in get(sold, "invoices/uncovered/?customer=ridge&generate=1")
    post(sold, "invoices/prepare/", customer="harbour", **JUNE)
    assert line not in get(sold, "invoices/uncovered/?generate=1")

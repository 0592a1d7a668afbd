"""The exception report as pages: chosen step by step, read, reconciled, followed."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import Site
from tests.web.situations import sampled
from tillflow import reconciliations
from tillflow.reconciliation.scope import Kind, Scope


@pytest.fixture
def sold(site: Site) -> Site:
    """The samples are in the books."""
    sampled(site)
    return site


def get(site: Site, path: str, person: str = "provider") -> str:
    page = site.as_(person).get(f"/tillflow/{path}")
    assert page.status_code == 200, page.text[:300]
    return page.text


def post(site: Site, path: str, person: str = "provider", **form: str) -> tuple[str, str]:
    """Where it leads, and the page that is read there."""
    client = site.as_(person)
    done = client.post(f"/tillflow/{path}", data=form)
    assert done.status_code == 303, done.text[:300]
    return done.headers["location"], client.get(done.headers["location"]).text


def test_each_step_offers_what_the_step_before_allows(sold: Site) -> None:
    first = get(sold, "exceptions/")
    assert '<option value="harbour">' in first
    assert '<option value="VM-99">' in first, "a machine that the portal does not know"
    assert "harbour-depot" not in first
    second = get(sold, "exceptions/?customer=harbour")
    assert '<option value="harbour-depot">' in second
    assert "rhein-halle" not in second
    third = get(sold, "exceptions/?customer=harbour&site=harbour-depot")
    assert '<option value="VM-17">' in third
    changed = get(sold, "exceptions/?customer=rhein&site=harbour-depot&equipment=VM-17")
    assert "VM-17" not in changed, "the customer was changed: site and machine are chosen anew"


def test_the_report_gives_every_reason_its_fix_and_the_way_to_its_form(sold: Site) -> None:
    page = get(sold, "exceptions/?customer=harbour&site=harbour-depot&equipment=VM-17&generate=1")
    assert "add selection 000C -&gt; product 1005 to planogram of VM-17" in page
    assert re.search(r'href="/tillflow/portal/fix/\d+/add_selection/"', page)
    assert "Unknown Product Selection" in page
    assert "User Access Issue" in page
    assert not re.search(r"0004\d{4}", page), "a whole card number"


def test_a_long_list_goes_on_behind_its_last_number(sold: Site) -> None:
    numbers = r'<th scope="row"><a href="/tillflow/exceptions/(\d+)/">'
    everything = re.findall(numbers, get(sold, "exceptions/?generate=1"))
    rest = re.findall(numbers, get(sold, f"exceptions/?generate=1&after={everything[9]}"))
    assert rest == everything[10:]


def test_a_day_that_is_none_is_an_error_at_its_field(sold: Site) -> None:
    page = sold.as_("provider").get("/tillflow/exceptions/?from=2026-06-31&generate=1")
    assert page.status_code == 422
    assert 'aria-describedby="from-error"' in page.text
    assert '<a href="#from">' in page.text


def test_a_customers_user_reads_their_own_and_may_not_reconcile(sold: Site) -> None:
    page = get(sold, "exceptions/?generate=1", "customer_user")
    assert "VM-17" in page
    assert "rhein" not in page
    assert "Reconcile users" not in page
    assert "/add_selection/" not in page, "planograms are the provider's"
    assert "/portal/fix/" in page, "their users and access are their own"
    assert sold.as_("customer_user").get("/tillflow/exceptions/?customer=rhein").status_code == 404
    assert ("customer_user", "customer rhein") in {(who, what) for who, what, _ in sold.denials()}
    theirs = "select e.id from books.exception as e inner join portal.customer as c on c.id = e.customer_id"
    (number,) = sold.conn.execute(f"{theirs} where c.key = 'rhein' limit 1").fetchone()  # type: ignore[misc]
    assert sold.as_("customer_user").get(f"/tillflow/exceptions/{number}/").status_code == 404
    assert sold.as_("provider").get(f"/tillflow/exceptions/{number}/").status_code == 200


def test_a_preview_says_what_would_clear_and_changes_nothing(sold: Site) -> None:
    where, page = post(sold, "reconciliations/preview/", kind="user", customer="harbour")
    assert where.startswith("/tillflow/exceptions/?customer=harbour")
    counts = reconciliations.preview(
        sold.conn, Scope(Kind.USER, customer="harbour"), sold.importer.settings, requested_by="test"
    )
    assert counts.attempted > 0
    assert f"{counts.attempted} would be attempted, {counts.reconciled} reconciled, {counts.failed} would fail" in page
    assert sold.conn.execute("select count(*) from books.reconciliation").fetchone() == (0,)


def test_a_reconciliation_is_started_followed_and_read(sold: Site) -> None:
    where, page = post(
        sold, "reconciliations/", kind="product", equipment="VM-17", **{"from": "2026-06-01", "to": "2026-06-30"}
    )
    assert re.fullmatch(r"/tillflow/reconciliations/\d+/", where)
    number = int(where.split("/")[-2])
    assert f"Reconciliation {number} has started. A mail says when it is done." in page
    assert 'hx-trigger="every 2s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "/dags/reconcile_products/runs/reconciliation__" in page
    again, said = post(
        sold, "reconciliations/", kind="product", equipment="VM-17", **{"from": "2026-06-01", "to": "2026-06-30"}
    )
    assert again.startswith("/tillflow/exceptions/?equipment=VM-17&from=2026-06-01")
    assert "is being reconciled already" in said
    counts = reconciliations.carry_out(sold.conn, number, sold.importer.settings, recipients=("a@b.example",))
    ended = get(sold, f"reconciliations/{number}/progress/")
    assert 'hx-trigger="load"' in ended, "the part that was asked for asks for the whole page"
    done = get(sold, f"reconciliations/{number}/")
    assert 'hx-trigger="load"' not in done, "and that is the end of it"
    assert 'hx-trigger="every' not in done
    assert done.count('<th scope="row">') == counts.attempted
    failures = get(sold, f"reconciliations/{number}/?outcome=failure")
    assert failures.count('<th scope="row">') == counts.failed
    assert "Unknown Product Selection" in failures
    assert f"/tillflow/api/v1/reconciliations/{number}/report.xlsx" in done
    assert "products of VM-17, 2026-06-01 to 2026-06-30" in get(sold, "reconciliations/", "auditor")


def test_what_cannot_be_reconciled_is_said_on_the_report(sold: Site) -> None:
    for form, said in (
        ({"kind": "user", "customer": ""}, "choose the customer"),
        ({"kind": "user", "customer": "nobody"}, "there is no customer"),
        ({"kind": "product", "equipment": "VM-17"}, "choose the first and the last day"),
        ({"kind": "product", "equipment": "VM-17", "from": "2026-07-01", "to": "2026-06-01"}, "not before the first"),
    ):
        where, page = post(sold, "reconciliations/", **form)
        assert where.startswith("/tillflow/exceptions/")
        assert said in page
    assert sold.conn.execute("select count(*) from books.reconciliation").fetchone() == (0,)


def test_completeness_is_read_and_kept_as_csv(sold: Site) -> None:
    silent = get(sold, "completeness/?show=silent")
    assert "VM-30" in silent
    own = get(sold, "completeness/?show=silent", "customer_user")
    assert "VM-30" not in own
    kept = sold.as_("customer_user").get("/tillflow/completeness/silent.csv")
    assert kept.headers["content-disposition"].startswith('attachment; filename="silent-')
    assert "VM-30" not in kept.text
    assert kept.text.startswith("﻿EQUIPMENT,") or kept.content.startswith(b"\xef\xbb\xbfEQUIPMENT,")
    assert "agrees with the recorded vends" in get(sold, "completeness/?show=meters&equipment=VM-17")
    assert "press <em>Show</em>" in get(sold, "completeness/?show=meters"), "every vend is looked at: when asked for"
    assert "agrees with the recorded vends" in get(sold, "completeness/?show=meters&generate=1")


def test_a_file_shows_its_balance_or_why_it_was_refused(sold: Site) -> None:
    page = get(sold, "imports/2/")
    assert "read = the sum of the others" in page
    listed = get(sold, "imports/?kind=equipment_sync&day=2026-06-16")
    assert listed.count('<th scope="row">') == 2
    assert "There is no file here." in get(sold, "imports/?day=2026-06-17")
    assert sold.as_("provider").get("/tillflow/imports/?day=someday").status_code == 422


def test_an_exception_is_written_off_once_and_with_a_reason(sold: Site) -> None:
    client = sold.as_("provider")
    refused = client.post("/tillflow/exceptions/1/write-off/", data={"reason": " "})
    assert (refused.status_code, 'aria-describedby="reason-hint reason-error"' in refused.text) == (422, True)
    done = client.post("/tillflow/exceptions/1/write-off/", data={"reason": "the <machine> was tested"})
    assert done.status_code == 303
    assert "written off: the &lt;machine&gt; was tested" in client.get(done.headers["location"]).text
    assert sold.conn.execute("select state from books.exception where id = 1").fetchone() == ("written_off",)
    assert client.post("/tillflow/exceptions/1/write-off/", data={"reason": "again"}).status_code == 404
    assert sold.as_("customer_user").post("/tillflow/exceptions/2/write-off/", data={"reason": "x"}).status_code == 403

"""Portal data by clicking: listed, edited with errors at their fields, loaded from files, and its history."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

import pytest
from httpx import Response

from tests.importing import PIN_SECRET
from tests.web.conftest import Site
from tests.web.test_offline_sales_pages import words
from tillflow.codes import Kind, PortalEdit
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.portal.tables import TABLES
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"
PORTAL = "/tillflow/portal"
LONG_AGO = datetime.fromisoformat("2024-12-01T00:00:00+00:00")


@pytest.fixture
def sample(site: Site) -> Site:
    """The desk over the sample portal data; everybody keeps their grants."""
    files = {
        path.name: path.read_bytes()
        for path in sorted((SAMPLES / "portal_data").glob("*.csv"))
        if path.name != "operators.csv"
    }
    load_portal_data(site.conn, files, actor="ann", now=LONG_AGO, pin_secret=PIN_SECRET)
    return site


def token_in(page: Response) -> str:
    """What the form says was seen."""
    return re.search(r'name="expected" value="([^"]*)"', page.text).group(1)  # type: ignore[union-attr]


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_every_table_is_listed_and_each_record_shown_with_its_history(sample: Site, table: str) -> None:
    client = sample.as_("provider")
    page = client.get(f"{PORTAL}/{table}/")
    assert page.status_code == 200
    assert len(page.content) < 150_000
    first = re.search(r'<th scope="row"><a href="([^"]*)"', page.text)
    assert first is not None
    record = client.get(html.unescape(first.group(1)))
    assert record.status_code == 200
    assert "History" in words(record)
    assert client.get(f"{PORTAL}/{table}/new/").status_code == 200


@pytest.mark.parametrize("edit", [edit.value for edit in PortalEdit if edit is not PortalEdit.PUT_RECORD])
def test_every_special_edit_has_its_form_filled_by_its_link(sample: Site, edit: str) -> None:
    page = sample.as_("provider").get(f"{PORTAL}/do/{edit}/?equipment=VM-17&customer=harbour&product=1001")
    assert page.status_code == 200
    assert re.search(r'value="(VM-17|harbour|1001)"( selected)?( autocomplete|>)', page.text)


def test_a_list_is_filtered_and_read_page_by_page(sample: Site) -> None:
    lines = [f"harbour,x{number:03},Ada Li,Consumer" for number in range(150)]
    files = {"users.csv": "\n".join(["customer,user,name,role", *lines]).encode()}
    load_portal_data(sample.conn, files, actor="ann", now=LONG_AGO, pin_secret=PIN_SECRET)
    client, address, seen = sample.as_("provider"), f"{PORTAL}/users/?customer=harbour", 0
    for _ in range(5):
        page = client.get(address)
        seen += page.text.count('<th scope="row">')
        following = re.search(r'href="([^"]*)" rel="next"', page.text)
        if following is None:
            break
        address = html.unescape(following.group(1))
    (count,) = sample.conn.execute(  # type: ignore[misc]
        "select count(*) from portal.consumer as u join portal.customer as c on c.id = u.customer_id"
        " where c.key = 'harbour'"
    ).fetchone()
    assert seen == count
    assert "Nothing is like that" in words(client.get(f"{PORTAL}/users/?customer=nobody"))


def test_errors_stand_at_their_fields_and_nothing_is_saved(sample: Site) -> None:
    form = {"site": "new-site", "customer": "nobody", "name": "<b>", "zone": "Mars/Olympus", "expected": "new"}
    refused = sample.as_("provider").post(f"{PORTAL}/sites/new/", data=form)
    assert refused.status_code == 422
    assert '<a href="#zone">Zone</a>' in refused.text
    assert '<a href="#customer">Customer</a>' in refused.text
    assert 'value="&lt;b&gt;"' in refused.text
    assert 'aria-describedby="zone-hint zone-error"' in refused.text
    assert sample.as_("provider").get(f"{PORTAL}/sites/record/?key=new-site").status_code == 404


def test_a_record_is_edited_and_its_history_says_who_why_and_what(sample: Site) -> None:
    client = sample.as_("provider")
    address = f"{PORTAL}/sites/record/edit/?key=harbour-depot"
    form = client.get(address)
    assert re.search(r'id="site"[^>]* readonly', form.text)
    data = {"customer": "harbour", "name": "Botany <i>", "zone": "Australia/Sydney", "expected": token_in(form)}
    saved = client.post(address, data=data | {"reason": "renamed"})
    assert saved.status_code == 303
    page = client.get(saved.headers["location"])
    said = words(page)
    assert "was saved" in said
    assert "Name: Botany depot is now Botany <i>" in said
    assert "provider" in said
    assert "renamed" in said
    assert "<i>" not in page.text


def test_who_comes_second_sees_both_and_may_then_decide(sample: Site) -> None:
    client = sample.as_("provider")
    address = f"{PORTAL}/sites/record/edit/?key=harbour-depot"
    stale = token_in(client.get(address))
    mine = {"customer": "harbour", "zone": "Australia/Sydney", "name": "Mine"}
    assert client.post(address, data=mine | {"name": "Theirs", "expected": stale}).status_code == 303
    late = client.post(address, data=mine | {"expected": stale})
    assert late.status_code == 409
    assert "What stands there now, and what you want to save" in words(late)
    assert "Name Theirs Mine" in words(late)
    assert client.post(address, data=mine | {"expected": token_in(late)}).status_code == 303
    assert "Mine" in words(client.get(f"{PORTAL}/sites/record/?key=harbour-depot"))


def test_what_is_still_used_stays_and_the_page_says_by_what(sample: Site) -> None:
    address = f"{PORTAL}/customers/record/remove/?key=harbour"
    client = sample.as_("provider")
    asked = client.get(address)
    assert "Remove customer harbour?" in words(asked)
    refused = client.post(address, data={"expected": token_in(asked)})
    assert refused.status_code == 409
    assert "is still used by" in words(refused)


def test_a_removed_record_keeps_its_history(sample: Site) -> None:
    client = sample.as_("provider")
    added = client.post(f"{PORTAL}/products/new/", data={"product": "9", "name": "Gum", "expected": "new"})
    assert added.status_code == 303
    assert client.post(f"{PORTAL}/products/record/remove/?key=9", data={"reason": "unused"}).status_code == 303
    gone = words(client.get(f"{PORTAL}/products/record/?key=9"))
    assert "This record was removed. Its history stays." in gone
    assert "unused" in gone


def test_a_pin_is_never_shown_nor_taken_from_a_link(sample: Site) -> None:
    client = sample.as_("provider")
    page = client.get(f"{PORTAL}/users/new/?customer=harbour&user=z&pin=1234").text
    assert "1234" not in page
    assert 'value="z"' in page
    assert "PIN" not in words(client.get(f"{PORTAL}/users/?customer=harbour")).split("History")[0]


def test_card_numbers_are_masked_in_lists(sample: Site) -> None:
    listed = sample.as_("provider").get(f"{PORTAL}/users/?customer=harbour")
    assert "00040001" not in listed.text
    assert "****0001" in listed.text


def test_the_planogram_is_a_grid_and_a_selection_is_repaired(sample: Site) -> None:
    client = sample.as_("provider")
    grid = client.get(f"{PORTAL}/planograms/grid/?equipment=VM-17")
    assert "in force" in words(grid)
    assert "0001 Sparkling water 600 ml 1001 3.50 AUD" in words(grid)
    repair = re.search(r'href="([^"]*repair_selection/\?[^"]*)">Add a selection', grid.text)
    form = client.get(html.unescape(repair.group(1)))  # type: ignore[union-attr]
    at = re.search(r'id="at"[^>]*value="([^"]*)"', form.text).group(1)  # type: ignore[union-attr]
    told = {"equipment": "VM-17", "selection": "000C", "product": "1005", "price": "1.20", "currency": "AUD", "at": at}
    done = client.post(f"{PORTAL}/do/repair_selection/", data=told)
    assert done.status_code == 303
    assert "Repair selection: it is done." in words(client.get(done.headers["location"]))
    assert "000C" in words(client.get(f"{PORTAL}/planograms/grid/?equipment=VM-17"))
    taken = client.post(f"{PORTAL}/do/repair_selection/", data=told | {"product": "1001"})
    assert taken.status_code == 422
    assert '<a href="#selection">Selection</a>' in taken.text


def test_a_customer_user_sees_and_edits_their_own_only(sample: Site) -> None:
    client = sample.as_("customer_user")
    assert "rhein" not in client.get(f"{PORTAL}/users/").text
    assert client.get(f"{PORTAL}/users/record/edit/?key=rhein&key=r01").status_code == 404
    theirs = {"customer": "rhein", "user": "x", "name": "Ada", "role": "Consumer"}
    assert client.post(f"{PORTAL}/users/new/", data=theirs).status_code == 404
    index = words(client.get(f"{PORTAL}/"))
    assert "Users" in index
    assert "Operators" not in index
    assert client.get(f"{PORTAL}/operators/").status_code == 404
    assert client.get(f"{PORTAL}/sites/new/").status_code == 403


def test_an_auditor_reads_everything_and_is_offered_nothing_to_press(sample: Site) -> None:
    client = sample.as_("auditor")
    for path in ("/", "/sites/", "/sites/record/?key=harbour-depot", "/planograms/grid/?equipment=VM-17"):
        page = client.get(PORTAL + path)
        assert page.status_code == 200
        assert "<button" not in page.text.replace("<button>Filter", "").replace("<button>Show", "")
        for word in (">Edit<", ">Remove<", ">Add ", ">Repair", "Load a file"):
            assert word not in page.text


def test_a_file_of_portal_data_is_loaded_or_every_error_of_it_is_listed(sample: Site) -> None:
    client = sample.as_("provider")

    def load(text: str, **form: Any) -> Response:
        return client.post(f"{PORTAL}/import/", data=form, files={"file": ("sites.csv", text.encode(), "text/csv")})

    wrong = load("site,customer,name,zone\na,nobody,A,Mars/X\nb,harbour,,Australia/Perth\n")
    assert wrong.status_code == 422
    said = words(wrong)
    assert "It has 3 errors" in said
    for row_and_column in ("2 customer", "2 zone", "3 name"):
        assert row_and_column in re.sub(r"sites\.csv ", "", said)
    good = "site,customer,name,zone\nnew-site,harbour,New,Australia/Perth\n"
    checked = load(good, action="preview")
    assert "sites.csv has no errors" in words(checked)
    assert client.get(f"{PORTAL}/sites/record/?key=new-site").status_code == 404
    loaded = load(good)
    assert loaded.headers["location"] == f"{PORTAL}/"
    assert client.get(f"{PORTAL}/sites/record/?key=new-site").status_code == 200


def test_a_suggested_fix_opens_a_filled_form_and_carries_it_out(sample: Site) -> None:
    received = sample.importer.receive(
        Kind.EQUIPMENT_SYNC, (SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv").read_bytes()
    )
    sample.importer.book(Kind.EQUIPMENT_SYNC, received.import_id)
    from tillflow.equipment_sync.exception_report import ExceptionFilter, open_exceptions

    fixes = [
        (one.vend.id, fix)
        for one in open_exceptions(sample.conn, ExceptionFilter(zone="UTC"), now=sample.importer.now)
        for fix in one.fixes
        if fix.form is not None
    ]
    assert fixes
    client = sample.as_("provider")
    for number, fix in fixes:
        page = client.get(f"{PORTAL}/fix/{number}/{fix.code}/")
        assert page.status_code == 200, fix
        assert html.escape(fix.sentence, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page.text
    number, fix = next(one for one in fixes if one[1].code == "add_selection")
    told = dict(fix.form.arguments)  # type: ignore[union-attr]
    done = client.post(f"{PORTAL}/fix/{number}/add_selection/", data=told)
    assert done.status_code == 303
    assert "clears with the next reconciliation" in words(client.get(done.headers["location"]))
    again = client.get(f"{PORTAL}/fix/{number}/add_selection/")
    assert again.status_code == 409
    assert "does not help exception" in words(again)
    assert sample.as_("customer_user").get(f"{PORTAL}/fix/999999/add_user/").status_code == 404

"""Who sees what: a customer's user only their own, an auditor everything and no button."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.operators import Staff
from tests.browser.visits import VISITS, subjects
from tests.end_to_end.conftest import Running

pytestmark = pytest.mark.slow


def test_a_customers_user_sees_their_own_machines_and_nobody_elses(staff: Staff, running: Running) -> None:
    with staff.at_airflow("customer_user") as person:
        desk = person.open("Exception report")
        assert desk.get_by_label("Customer").locator("option").all_inner_texts() == ["Harbour Mining Pty Ltd"]
        desk.get_by_role("button", name="Generate report").click()
        table = desk.get_by_role("table", name="Exceptions in the order")
        expect(table).to_contain_text("VM-17")
        for foreign in ("VM-30", "VM-31", "VM-99"):
            expect(table).not_to_contain_text(foreign)
        expect(desk.get_by_role("button", name="Reconcile")).to_have_count(0)
        person.turn_to("Portal data").get_by_role("link", name="Users", exact=True).click()
        person.heading("Users").wait_for()
        expect(desk.get_by_role("table")).to_contain_text("h18")
        expect(desk.get_by_role("table")).not_to_contain_text("rhein")

        person.go("exceptions/?customer=rhein&generate=1")
        expect(person.page.get_by_role("heading", level=1)).to_have_text("Not found")
        person.go("reconciliations/")
        expect(person.page.get_by_role("heading", level=1)).to_have_text("Not granted")
    tried = running.conn.execute(
        "select subject, subject_key from history.event where action = 'denied' and actor = 'customer_user' order by id"
    ).fetchall()
    assert tried[-2:] == [("customer", "rhein"), ("route", "GET /reconciliations/")]


def test_an_auditor_sees_everything_and_can_change_nothing(staff: Staff, running: Running) -> None:
    with staff.at_airflow("auditor") as auditor:
        desk = auditor.open("Offline sales admin")
        desk.get_by_role("row", name="call-centre-orders.csv").get_by_role("link").first.click()
        auditor.heading("call-centre-orders.csv").wait_for()
        expect(desk.get_by_role("link", name="Undo the import")).to_have_count(0)
        desk = auditor.open("Exception report")
        desk.get_by_role("button", name="Generate report").click()
        expect(desk.get_by_role("table", name="Exceptions in the order")).to_contain_text("VM-30")

        known = subjects(running.conn)
        for visits in VISITS.values():
            for visit in visits:
                assert auditor.go(visit.path.format(**known)) in {200, 403}, visit
                # a form that reads is none that writes
                assert auditor.page.locator("form[method=post]").count() == 0, visit

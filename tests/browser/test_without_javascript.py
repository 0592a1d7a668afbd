"""The desk in a browser without JavaScript: outside Airflow's frame, for Airflow's own pages need it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.operators import Staff
from tests.browser.orders import write_orders
from tests.end_to_end.conftest import Running

pytestmark = pytest.mark.slow

_PATIENCE_SECONDS = 180


def test_a_file_is_uploaded_and_its_row_resolved(staff: Staff, running: Running, tmp_path: Path) -> None:
    file = write_orders(tmp_path / "by-post.csv", 8101, {}, {"QUANTITY": "0"})
    with staff.signed_in("uploader", java_script_enabled=False) as uploader:
        uploader.go("offline-sales/import/")
        page = uploader.page
        page.get_by_label("File", exact=True).set_input_files(file)
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(file.name)
        _refresh_until(page, "requires action")
        address = page.url
    with staff.signed_in("lottery_admin", java_script_enabled=False) as admin:
        page = admin.page
        page.goto(address)
        page.get_by_role("table", name="In the order of the file").get_by_role("link", name="3", exact=True).click()
        page.get_by_label("QUANTITY").fill("none")
        page.get_by_role("button", name="Save and resubmit").click()
        expect(page.get_by_label("QUANTITY")).to_have_attribute("aria-invalid", "true")
        page.get_by_label("QUANTITY").fill("1")
        page.get_by_role("button", name="Save and resubmit").click()
        expect(page.get_by_text("Row 3 is a sale now")).to_be_visible()
    assert running.conn.execute(
        "select count(*) from books.payment where import_id = %s and product_state = 'attributed'",
        [re.findall(r"/offline-sales/(\d+)/", address)[0]],
    ).fetchone() == (2,)


def test_the_exception_report_is_generated_step_by_step(staff: Staff, running: Running) -> None:
    with staff.signed_in("provider", java_script_enabled=False) as provider:
        provider.go("exceptions/")
        page = provider.page
        for label, choice in (("Customer", "rhein"), ("Site", "rhein-halle"), ("Equipment", "VM-30")):
            page.get_by_label(label).select_option(choice)
            page.get_by_role("button", name="Next step").click()
        page.get_by_role("button", name="Generate report").click()
        expect(page.get_by_role("table", name="Exceptions in the order")).to_contain_text("VM-30")
        expect(page.get_by_role("table", name="Exceptions in the order")).not_to_contain_text("VM-31")


def _refresh_until(page: Page, status: str) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while page.get_by_role("status").get_by_text(status).count() == 0:
        assert time.monotonic() < until, page.locator("main").inner_text()
        page.get_by_role("link", name="Refresh").first.click()

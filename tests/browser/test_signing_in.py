"""Airflow's own sign-in and menu lead everybody to their pages, and to nobody else's."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.operators import Staff
from tests.end_to_end.conftest import Running


def test_an_uploader_finds_the_imports_of_their_channel_in_airflows_menu(staff: Staff, running: Running) -> None:
    with staff.at_airflow("uploader") as uploader:
        desk = uploader.open("Offline sales admin")
        expect(desk.get_by_role("row", name="call-centre-orders.csv")).to_contain_text("call-centre")
        assert uploader.page.locator("iframe").get_attribute("sandbox") is not None
        assert uploader.path == "offline-sales/"


def test_somebody_without_the_grant_is_told_so_and_the_history_knows_it(staff: Staff, running: Running) -> None:
    with staff.signed_in("provider") as provider:
        provider.go("offline-sales/")
        expect(provider.page.get_by_role("heading", level=1)).to_contain_text("not granted", ignore_case=True)
    denied = running.conn.execute(
        "select reason from history.event where action = 'denied' and actor = 'provider' order by id desc limit 1"
    ).fetchone()
    assert denied == ("GET /offline-sales/",)

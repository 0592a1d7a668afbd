"""A whole story without a mouse, from Airflow's sign-in to the resolved row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.operators import Staff
from tests.browser.orders import write_orders
from tests.end_to_end.conftest import Running

pytestmark = pytest.mark.slow

_IS_FOCUSED = "element => element === element.ownerDocument.activeElement"
_MOST_STOPS = 150


@dataclass
class Keyboard:
    """Moves with the keys that everybody has."""

    page: Page

    def to(self, target: Locator, key: str = "Tab") -> None:
        """Press `key` until `target` has the focus."""
        target.wait_for()
        for _ in range(_MOST_STOPS):
            if target.evaluate(_IS_FOCUSED):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} never comes to {target}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        """Go there and press it."""
        self.to(target)
        self.page.keyboard.press(key)

    def write(self, target: Locator, text: str) -> None:
        """Go there and replace what it says."""
        self.to(target)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def choose(self, entry: str) -> None:
        """An entry of an open menu: arrows move, what is chosen is highlighted."""
        for _ in range(_MOST_STOPS):
            self.page.keyboard.press("ArrowDown")
            highlighted = self.page.locator("[role=menuitem][data-highlighted]").last
            if highlighted.count() and highlighted.inner_text().strip() == entry:
                return
        raise AssertionError(f"the arrows never come to {entry}")


def test_a_row_is_resolved_with_the_keyboard_alone(staff: Staff, running: Running, tmp_path: Path) -> None:
    file = write_orders(tmp_path / "keys.csv", 8201, {}, {"QUANTITY": "0"})
    with staff.at_airflow("lottery_admin") as admin:
        keys, desk = Keyboard(admin.page), admin.desk
        # Who begins to listen for a chooser just before the key is pressed often comes too late: the browser opens its
        # own, and nobody hears of it.
        admin.page.on("filechooser", lambda chooser: None)
        keys.press(admin.page.get_by_role("button", name="Plugins"))
        keys.choose("Tillflow")
        admin.page.keyboard.press("ArrowRight")
        keys.choose("Offline sales import")
        admin.page.keyboard.press("Enter")

        keys.press(desk.get_by_role("link", name="Skip to the content"))
        keys.to(desk.get_by_label("Channel"))
        admin.page.keyboard.type("Call")
        keys.to(desk.get_by_label("File", exact=True))
        with admin.page.expect_file_chooser() as chooser:
            admin.page.keyboard.press("Enter")
        chooser.value.set_files(file)
        keys.press(desk.get_by_role("button", name="Import", exact=True))
        admin.heading(file.name).wait_for()
        expect(desk.get_by_role("status").get_by_text("requires action")).to_be_visible(timeout=180_000)

        rows = desk.get_by_role("table", name="In the order of the file")
        keys.press(rows.get_by_role("link", name="3", exact=True))
        keys.write(desk.get_by_label("QUANTITY"), "1")
        keys.press(desk.get_by_role("button", name="Save and resubmit"))
        expect(desk.get_by_text("Row 3 is a sale now")).to_be_visible()
    paid = (
        "select count(*) from books.payment as p"
        " inner join intake.import as i on i.id = p.import_id where i.file_name = %s"
    )
    assert running.conn.execute(paid, [file.name]).fetchone() == (2,)

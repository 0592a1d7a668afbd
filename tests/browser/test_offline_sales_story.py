"""The first of the two stories: a file is uploaded, watched, resolved and paid, all of it inside Airflow."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from tests.browser.operators import Operator, Staff
from tests.browser.orders import write_orders
from tests.browser.pictures import picture
from tests.end_to_end.conftest import SAMPLES, Running

pytestmark = pytest.mark.slow

#: how rows that waited were closed, by whom and why
_CLOSED = """
select h.actor, e.row_no, h.action, h.reason
from history.event as h
inner join books.exception as e on h.subject = 'exception' and h.subject_key = e.id::text
where e.import_id = %s and h.action = e.state
order by h.id
"""


def test_a_file_is_uploaded_watched_resolved_and_paid(staff: Staff, running: Running, tmp_path: Path) -> None:
    refused = write_orders(
        tmp_path / "stall-draft.csv", 8001, {"ORDER_ID": "eight"}, {"DRAW_NO": "soon"}, {"PAYMENT_TYPE": "BARTER"}
    )
    good = write_orders(
        tmp_path / "stall-orders.csv",
        8011,
        {},
        {"PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok_ok-stall"},
        {"PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "000418"},
        {"QUANTITY": "0"},
        {"PRODUCT": "TICKET-9"},
    )
    with staff.at_airflow("uploader") as uploader:
        _is_shown_all_errors(uploader, refused)
        number = _uploads(uploader, good)
        _cannot_resolve(uploader)
    with staff.at_airflow("lottery_admin") as admin:
        _opens_the_import(admin, good.name)
        _downloads_what_waits(admin, tmp_path)
        _resolves_row_5(admin)
        _approves_the_cheque(admin)
        _abandons_row_6(admin)
        # what was decided is carried out by the sweep that comes every 15 minutes
        assert running.run("admin", "retry_payments") == "success"
        admin.desk.get_by_role("link", name="Refresh").first.click()
        expect(admin.desk.get_by_role("status").get_by_text("completed")).to_be_visible()
    _books_are_as_told(running, number)


def _is_shown_all_errors(uploader: Operator, file: Path) -> None:
    """Of a file that cannot be read as a table at once; of one with wrong values once its rows were judged."""
    uploader.open("Offline sales import")
    _hands_in(uploader, SAMPLES / "refused" / "wrong-header.csv")
    expect(uploader.desk.get_by_role("alert")).to_contain_text("It has 3 errors")
    expect(uploader.desk.get_by_role("table", name="All errors").get_by_role("row")).to_have_count(1 + 3)

    _hands_in(uploader, file)
    uploader.heading(file.name).wait_for()
    errors = uploader.desk.get_by_role("table", name="Errors of the file")
    errors.wait_for(timeout=180_000)
    for row, column, code in (
        ("2", "ORDER_ID", "order_id_not_integer"),
        ("3", "DRAW_NO", "draw_no_invalid"),
        ("4", "PAYMENT_TYPE", "payment_type_unknown"),
    ):
        line = errors.get_by_role("row").filter(has_text=code)
        expect(line.get_by_role("cell")).to_contain_text([row, column])
    errors.scroll_into_view_if_needed()
    picture(uploader.page, "file-errors")
    uploader.turn_to("Offline sales import")


def _hands_in(uploader: Operator, file: Path) -> None:
    uploader.desk.get_by_label("File", exact=True).set_input_files(file)
    uploader.desk.get_by_role("button", name="Import", exact=True).click()


def _uploads(uploader: Operator, file: Path) -> int:
    desk = uploader.desk
    _hands_in(uploader, file)
    uploader.heading(file.name).wait_for()
    expect(desk.get_by_text("5 rows; they are being processed")).to_be_visible()
    # the page follows the import by itself
    expect(desk.get_by_role("status").get_by_text("requires action")).to_be_visible(timeout=180_000)
    expect(desk.get_by_role("link", name="Requires action 2")).to_be_visible()
    picture(uploader.page, "import")
    return int(uploader.path.split("/")[1])


def _cannot_resolve(uploader: Operator) -> None:
    desk = uploader.desk
    expect(desk.get_by_role("link", name="Undo the import")).to_have_count(0)
    _rows(desk).get_by_role("link", name="5", exact=True).click()
    uploader.heading("Row 5 of").wait_for()
    expect(desk.get_by_role("heading", name="Its fields")).to_be_visible()
    expect(desk.get_by_role("button")).to_have_count(0)


def _opens_the_import(admin: Operator, name: str) -> None:
    admin.open("Offline sales admin").get_by_role("row", name=name).get_by_role("link").first.click()
    admin.heading(name).wait_for()


def _downloads_what_waits(admin: Operator, folder: Path) -> None:
    path = admin.keep(admin.desk.get_by_role("link", name="Rows that wait").click, folder)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["ROW"], row["ORDER_ID"], row["ERROR_COLUMN"]) for row in rows] == [
        ("5", "8014", "QUANTITY"),
        ("6", "8015", "PRODUCT"),
    ]


def _resolves_row_5(admin: Operator) -> None:
    desk = admin.desk
    desk.get_by_role("link", name="Requires action").click()
    _rows(desk).get_by_role("link", name="5", exact=True).click()
    quantity = desk.get_by_label("QUANTITY")
    expect(quantity).to_have_accessible_description(re.compile("no whole number"))
    quantity.fill("two")
    desk.get_by_role("button", name="Save and resubmit").click()
    expect(desk.get_by_role("alert")).to_contain_text("this is left")
    expect(quantity).to_have_attribute("aria-invalid", "true")
    picture(admin.page, "resolve")
    quantity.fill("1")
    desk.get_by_role("button", name="Save and resubmit").click()
    expect(desk.get_by_text("Row 5 is a sale now")).to_be_visible()


def _approves_the_cheque(admin: Operator) -> None:
    _decides(admin, "Funds pending approval", 4, "approve funds", "on the statement of 11 June")


def _abandons_row_6(admin: Operator) -> None:
    _decides(admin, "Requires action", 6, "abandon row", "the buyer wants his money back")


def _decides(admin: Operator, tab: str, row: int, decision: str, reason: str) -> None:
    desk = admin.desk
    desk.get_by_role("link", name=tab).click()
    _rows(desk).get_by_role("link", name=str(row), exact=True).click()
    desk.get_by_label("Decision").select_option(decision)
    desk.get_by_label("Reason").fill(reason)
    desk.get_by_role("button", name="Decide").click()
    expect(desk.get_by_text(f"Row {row}: {decision} - it is done")).to_be_visible()


def _rows(desk: FrameLocator) -> Locator:
    return desk.get_by_role("table", name="In the order of the file")


def _books_are_as_told(running: Running, number: int) -> None:
    payments = running.conn.execute(
        "select row_no, payment_type, state, product_state from books.payment where import_id = %s order by row_no",
        [number],
    ).fetchall()
    assert payments == [
        (2, "CASH", "succeeded", "attributed"),
        (3, "CC", "succeeded", "attributed"),
        (4, "CHQ", "cleared", "attributed"),
        (5, "CASH", "succeeded", "attributed"),
    ]
    closed = running.conn.execute(_CLOSED, [number]).fetchall()
    assert closed == [("lottery_admin", 6, "abandoned", "the buyer wants his money back")]

"""Rows of an import by clicking: under their tabs, corrected with each error at its field, decided, taken back."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.web.conftest import Site
from tests.web.situations import CARD, CASH, CHEQUE, WAITING, four_orders
from tests.web.test_offline_sales_pages import words


@pytest.fixture
def rows(site: Site) -> str:
    """The address of an import with a row that waits, a card, a cheque and cash."""
    return f"/tillflow/offline-sales/{four_orders(site)}/"


@pytest.mark.parametrize(
    ("tab", "row"),
    [("requires_action", WAITING), ("processing", CARD), ("funds_pending", CHEQUE), ("successful", CASH)],
)
def test_each_tab_has_its_rows(site: Site, rows: str, tab: str, row: int) -> None:
    page = site.as_("uploader").get(f"{rows}?tab={tab}")
    assert re.findall(r"rows/(\d+)/", page.text) == [str(row)]
    assert "tok_secret" not in page.text
    assert "<b>" not in page.text


def test_a_tab_is_read_in_pages(site: Site, rows: str) -> None:
    assert site.as_("uploader").get(f"{rows}?tab=requires_action&after={WAITING}").text.count("rows/") == 0


def test_no_page_shows_a_card_token(site: Site, rows: str) -> None:
    page = site.as_("lottery_admin").get(f"{rows}rows/{CARD}/")
    assert page.status_code == 200
    assert "tok_secret" not in page.text


def test_every_error_stands_at_its_field_until_the_row_is_a_sale(site: Site, rows: str) -> None:
    client, address = site.as_("lottery_admin"), f"{rows}rows/{WAITING}/"
    form = client.get(address)
    assert '<a href="#quantity">QUANTITY</a>' in form.text
    assert 'aria-describedby="quantity-error"' in form.text
    assert 'value="N&lt;b&gt;"' in form.text
    shown = dict(re.findall(r'<input id="(\w+)" name="\w+" type="text" value="([^"]*)"', form.text))
    assert shown["quantity"] == "two"
    shown["last_name"] = "Nguyen"
    checked = client.post(address, data=shown | {"quantity": "3", "action": "check"})
    assert checked.status_code == 422
    assert "Not yet: nothing was saved" in words(checked)
    assert '<a href="#amount">AMOUNT</a>' in checked.text
    assert 'value="3"' in checked.text
    assert 'value="two"' in client.get(address).text, "a check keeps nothing"
    right = shown | {"quantity": "3", "amount": "15.00"}
    assert "would be a sale" in words(client.post(address, data=right | {"action": "check"}))
    saved = client.post(address, data=right | {"action": "save", "corrections": "0"})
    assert saved.status_code == 303
    assert f"Row {WAITING} is a sale now." in words(client.get(saved.headers["location"]))
    again = client.post(address, data=right | {"action": "save"})
    assert again.status_code == 409


def test_who_comes_second_is_told_and_nothing_is_changed(site: Site, rows: str) -> None:
    client, address = site.as_("lottery_admin"), f"{rows}rows/{WAITING}/"
    first = client.post(address, data={"quantity": "4", "action": "save", "corrections": "0"})
    assert first.status_code == 422
    assert "The corrections were kept; this is left" in words(first)
    late = client.post(address, data={"quantity": "5", "action": "save", "corrections": "0"})
    assert late.status_code == 409
    assert "corrected by somebody else meanwhile" in words(late)
    assert 'value="4"' in client.get(address).text


def test_a_card_number_is_never_kept_nor_shown(site: Site, rows: str) -> None:
    number = "4111 1111 1111 1111"
    refused = site.as_("lottery_admin").post(
        f"{rows}rows/{WAITING}/", data={"card_token": number, "action": "save", "corrections": "0"}
    )
    assert refused.status_code == 422
    assert '<a href="#card_token">' in refused.text
    assert number not in refused.text
    told = {"decision": "abandon row", "reason": f"was {number}"}
    assert number not in site.as_("lottery_admin").post(f"{rows}rows/{WAITING}/decide/", data=told).text


def test_a_cheque_is_approved_and_then_its_money_can_be_given_back(site: Site, rows: str) -> None:
    client, address = site.as_("lottery_admin"), f"{rows}rows/{CHEQUE}/"

    def offered() -> set[str]:
        return set(re.findall(r'<option value="([a-z ]+)"', client.get(address).text))

    assert offered() == {"approve funds", "return funds", "abandon"}
    done = client.post(f"{address}decide/", data={"decision": "approve funds", "reason": "it cleared"})
    assert done.status_code == 303
    assert "approve funds - it is done." in words(client.get(done.headers["location"]))
    assert offered() == {"refund"}
    late = client.post(f"{address}decide/", data={"decision": "return funds", "reason": "no"})
    assert late.status_code == 409
    assert client.post(f"{address}decide/", data={"decision": "refund", "reason": " "}).status_code == 422
    assert client.post(f"{address}decide/", data={"decision": "refund", "reason": "asked"}).status_code == 303
    assert offered() == {"confirm paid out"}
    assert "it cleared" in words(client.get(address))


def test_a_waiting_row_is_abandoned_with_a_reason(site: Site, rows: str) -> None:
    client, address = site.as_("lottery_admin"), f"{rows}rows/{WAITING}/decide/"
    assert client.post(address, data={"decision": "abandon row", "reason": ""}).status_code == 422
    done = client.post(address, data={"decision": "abandon row", "reason": "a test order"})
    assert done.headers["location"] == f"{rows}?tab=abandoned"
    assert "a test order" in words(client.get(f"{rows}rows/{WAITING}/"))


@pytest.mark.parametrize("person", ["uploader", "auditor"])
def test_who_may_only_look_is_offered_nothing_and_refused_everything(site: Site, rows: str, person: str) -> None:
    client = site.as_(person)
    for row in (WAITING, CARD, CHEQUE, CASH):
        assert "<button" not in client.get(f"{rows}rows/{row}/").text
    assert "Undo" not in client.get(rows).text
    assert client.post(f"{rows}rows/{WAITING}/", data={"quantity": "1", "action": "save"}).status_code == 403
    approve = {"decision": "approve funds", "reason": "x"}
    assert client.post(f"{rows}rows/{CHEQUE}/decide/", data=approve).status_code in {403, 404}
    assert client.get(f"{rows}undo/").status_code == 403
    assert client.post(f"{rows}undo/", data={"reason": "x"}).status_code == 403
    assert site.conn.execute("select count(*) from books.payment where state = 'cleared'").fetchone() == (0,)


def test_another_channels_rows_are_not_there(site: Site, rows: str) -> None:
    client = site.as_("other_admin")
    for path in ("", f"rows/{WAITING}/", "errors.csv", "undo/"):
        assert client.get(rows + path).status_code == 404
    assert client.post(f"{rows}rows/{WAITING}/", data={"action": "save"}).status_code == 404


def test_the_rows_that_wait_are_a_file_to_correct(site: Site, rows: str) -> None:
    found = site.as_("uploader").get(f"{rows}errors.csv")
    assert found.headers["content-disposition"].startswith('attachment; filename="orders-errors.csv"')
    (row,) = csv.DictReader(io.StringIO(found.content.decode("utf-8-sig")))
    assert (row["ORDER_ID"], row["ROW"]) == ("9001", str(WAITING))


def test_an_import_is_undone_after_its_preview(site: Site, rows: str) -> None:
    client = site.as_("lottery_admin")
    asked = client.get(f"{rows}undo/")
    assert "What would become of its rows" in words(asked)
    assert client.post(f"{rows}undo/", data={"reason": " "}).status_code == 422
    done = client.post(f"{rows}undo/", data={"reason": "the wrong file"})
    assert done.status_code == 303
    assert "were taken back" in words(client.get(rows))

"""An import taken back through REST: what would go and stay, then as far as it can go, once."""

from __future__ import annotations

import pytest
from httpx import Response

from tests.web.conftest import Site, messages
from tests.web.situations import CARD, CASH, CHEQUE, WAITING, an_exception, an_import, four_orders

API = "/tillflow/api/v1"


def undo(site: Site, import_id: int, person: str = "lottery_admin", reason: str = "the wrong file") -> Response:
    return site.as_(person).post(f"{API}/imports/{import_id}/undo", json={"reason": reason})


def states(site: Site) -> list[tuple[str]]:
    return site.conn.execute("select state from books.payment order by id").fetchall()


def test_what_would_go_and_what_stays_is_told_and_nothing_is_kept(site: Site) -> None:
    number = four_orders(site)
    before = states(site)
    asked = site.as_("lottery_admin").get(f"{API}/imports/{number}/undo")
    assert (asked.status_code, asked.json()["messages"]) == (200, [])
    told = asked.json()["result"]
    assert (told["is_whole"], told["counts"]) == (False, {"reversed": 3, "kept": 0, "refused": 1})
    assert {(one["outcome"], one["why"], one["counted_as"], one["rows"]) for one in told["totals"]} == {
        ("reversed", "not_paid", "sale", 2), ("reversed", "waiting", "exception", 1), ("refused", "paid", "sale", 1),
    }  # fmt: skip
    assert [row["row"] for row in told["rows"]["reversed"]] == [WAITING, CARD, CHEQUE]
    assert told["rows"]["refused"] == [
        {"id": f"{number}-{CASH}", "row": CASH, "why": "paid", "counted_as": "sale"}
        | {"currency": "AUD", "amount": "5.00"}
    ]
    assert states(site) == before
    assert site.as_("lottery_admin").get(f"{API}/transactions/{number}-{WAITING}").json()["result"]["history"] == []


def test_what_is_paid_stays_with_a_warning_and_the_rest_goes(site: Site) -> None:
    number = four_orders(site)
    done = undo(site, number)
    assert (done.status_code, messages(done)) == (200, [("warning", "undone_in_part")])
    assert done.json()["result"]["counts"] == {"reversed": 3, "kept": 0, "refused": 1}
    (line,) = site.as_("auditor").get(f"{API}/balance?import={number}").json()["result"]
    assert (line["rows"]["sales"], line["rows"]["rejected"]) == (1, 3)
    again = undo(site, number)
    assert (again.status_code, messages(again)) == (200, [("warning", "undo_refused")])
    assert again.json()["result"]["counts"] == {"reversed": 0, "kept": 0, "refused": 1}
    said = site.conn.execute(
        "select actor, action, reason from history.event where subject = 'intake.import' order by id desc limit 2"
    ).fetchall()
    assert said == [
        ("lottery_admin", "undo refused", "the wrong file"), ("lottery_admin", "undone in part", "the wrong file"),
    ]  # fmt: skip


def test_an_import_is_undone_once(site: Site) -> None:
    number = an_import(site)["import_id"]
    done = undo(site, number)
    assert (done.status_code, done.json()["messages"], done.json()["result"]["is_whole"]) == (200, [], True)
    assert site.as_("uploader").get(f"{API}/imports/{number}").json()["result"]["status"] == "rejected"
    for refused in (undo(site, number), site.as_("lottery_admin").get(f"{API}/imports/{number}/undo")):
        assert (refused.status_code, messages(refused)) == (409, [("error", "not_undoable")])


@pytest.mark.parametrize("reason", ["", "   ", "it was 4111 1111 1111 1111"])
def test_a_reason_is_needed_and_holds_no_card_number(site: Site, reason: str) -> None:
    number = four_orders(site)
    before = states(site)
    refused = undo(site, number, reason=reason)
    assert refused.status_code == 422
    assert "4111" not in refused.text
    assert states(site) == before


def test_a_dump_is_taken_back_by_the_provider_alone(site: Site) -> None:
    exception = an_exception(site)["number"]
    (number,) = site.conn.execute("select import_id from books.exception where id = %s", [exception]).fetchone()  # type: ignore[misc]
    assert undo(site, number, "lottery_admin").status_code == 404
    assert undo(site, number, "auditor").status_code == 403
    done = undo(site, number, "provider")
    assert (done.status_code, done.json()["result"]["counts"]) == (200, {"reversed": 1, "kept": 0, "refused": 0})


def test_another_channels_import_is_not_there_and_the_try_is_in_the_history(site: Site) -> None:
    number = four_orders(site)
    address = f"{API}/imports/{number}/undo"
    assert site.as_("other_admin").get(address).status_code == 404
    assert undo(site, number, "other_admin").status_code == 404
    route = "/api/v1/imports/{import_id}/undo"
    assert site.denials() == [
        ("other_admin", f"import {number}", f"GET {route}"), ("other_admin", f"import {number}", f"POST {route}"),
    ]  # fmt: skip

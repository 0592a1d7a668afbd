"""Each rule of the equipment sync, by hand: one machine in Sydney that moved to Berlin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tillflow.codes import Verdict
from tillflow.samples.model import (
    Access,
    Allocation,
    Equipment,
    PortalSample,
    Selection,
    Site,
    User,
)
from tillflow.samples.oracle import Expected, SyncOracle, balance


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


NOW = datetime(2026, 7, 1, tzinfo=UTC)
MOVED = at("2026-06-01T00:00:00+10:00")
PORTAL = PortalSample(
    sites=(
        Site("depot", "harbour", "Depot", "Australia/Sydney"),
        Site("halle", "rhein", "Halle", "Europe/Berlin"),
    ),
    equipment=(Equipment("VM-1", "Entrance"), Equipment("VM-2", "In the store room")),
    allocations=(
        Allocation("VM-1", "depot", at("2026-01-01T00:00:00+11:00"), MOVED),
        Allocation("VM-1", "halle", at("2026-06-03T00:00:00+02:00")),
    ),
    planograms=(
        Selection("VM-1", at("2026-01-01T00:00:00+11:00"), MOVED, "000C", "1005", "2.50", "AUD"),
        Selection("VM-1", MOVED, None, "000C", "1006", "2.50", "EUR"),
    ),
    users=(
        User("harbour", "ann", "Ann", None, "Consumer", "0042", "57"),
        User("harbour", "bob", "Bob", None, "CONSUMER", None, None, "AC1", "0007"),
        User("harbour", "cho", "Cho", None, "Consumer", "0043", ""),
        User("harbour", "dee", "Dee", None, "Consumer", "0044", "0"),
        User("harbour", "eve", "Eve", None, "Technician", "0045", "57"),
        User("harbour", "fay", "Fay", None, "Consumer", "0046", "57"),
        User("harbour", "gus", "Gus", None, "Technician", "0047", "57"),
        User("rhein", "ida", "Ida", None, "Consumer", "0042", "57"),
    ),
    access=(
        Access("harbour", "ann", "VM-1"),
        Access("harbour", "bob", "VM-1"),
        Access("harbour", "cho", "VM-1"),
        Access("harbour", "dee", "VM-1"),
        Access("harbour", "eve", "VM-1"),
        Access("harbour", "fay", "VM-1", at("2026-03-01T00:00:00+11:00"), at("2026-04-05T03:00:00+10:00")),
        Access("rhein", "ida", "VM-1"),
    ),
)
GOOD = {
    "equipment": "VM-1",
    "txn_seq": "1",
    "vended_at": "2026-03-10T08:00:00+11:00",
    "selection": "000C",
    "product_code": "1005",
    "unit_price": "2.50",
    "currency": "AUD",
    "card_no": "0042",
    "facility_id": "57",
    "result": "vend",
}


def judge(*rows: dict[str, str] | None, first_row: int = 2) -> list[Expected]:
    return SyncOracle(PORTAL, NOW).judge_file(rows, first_row=first_row)


def reasons(**fields: str) -> set[str]:
    (row,) = judge(GOOD | fields)
    assert (row.verdict == Verdict.EXCEPTION) == bool(row.reasons)
    return set(row.reasons)


def test_a_good_vend_is_a_sale_with_its_money() -> None:
    assert judge(GOOD | {"quantity": "3"}) == [Expected(2, Verdict.SALE, frozenset(), "AUD", 750)]


def test_headers_in_any_case_blank_values_and_unknown_columns_change_nothing() -> None:
    row = {f" {name.title()}\t": f"\u00a0{value} " for name, value in GOOD.items()}
    assert [r.verdict for r in judge(row | {"quantity": "\t", "firmware": "9"})] == [Verdict.SALE]


def test_blank_lines_are_counted_and_skipped() -> None:
    rows = judge(GOOD, None, None, GOOD | {"txn_seq": "2"})
    assert [(row.row_no, row.verdict) for row in rows] == [(2, Verdict.SALE), (5, Verdict.SALE)]


def test_json_lines_begin_at_row_one() -> None:
    assert judge(GOOD, first_row=1)[0].row_no == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"selection": "000D"}, {"unknown_product_selection"}),
        ({"selection": "000c"}, {"unknown_product_selection"}),
        ({"selection": ""}, {"unknown_product_selection"}),
        ({"selection": "", "product_code": ""}, {"unknown_product_selection"}),
        ({"product_code": "1006"}, {"unknown_product_selection"}),
        ({"product_code": ""}, set()),
        ({"card_no": "42"}, {"unknown_user"}),
        ({"facility_id": ""}, {"unknown_user"}),
        ({"facility_id": "0"}, {"unknown_user"}),
        ({"override_facility": "1"}, {"unknown_user"}),
        ({"card_no": "0043", "facility_id": ""}, set()),
        ({"card_no": "0043", "facility_id": "0"}, {"unknown_user"}),
        ({"card_no": "0044", "facility_id": "57", "override_facility": "yes"}, set()),
        ({"card_no": "0044", "facility_id": ""}, {"unknown_user"}),
        ({"card_no": "", "access_code": "AC1", "pin": "0007"}, set()),
        ({"card_no": "", "access_code": "AC1", "pin": "7"}, {"unknown_user"}),
        ({"card_no": "", "access_code": "AC1"}, {"unknown_user"}),
        ({"card_no": "9", "access_code": "AC1", "pin": "0007"}, {"unknown_user"}),
        ({"card_no": ""}, {"unknown_user"}),
        ({"card_no": "0045"}, {"user_role_mismatch"}),
        ({"card_no": "0046", "vended_at": "2026-02-28T23:59:59.999999+11:00"}, {"user_access_issue"}),
        ({"card_no": "0046", "vended_at": "2026-03-01T00:00:00+11:00"}, set()),
        ({"card_no": "0046", "vended_at": "2026-04-05T02:59:59.999999+10:00"}, set()),
        ({"card_no": "0046", "vended_at": "2026-04-05T03:00:00+10:00"}, {"user_access_issue"}),
        ({"card_no": "0047"}, {"user_role_mismatch", "user_access_issue"}),
        ({"equipment": "VM-3"}, {"unknown_equipment"}),
        ({"equipment": "VM-3", "vended_at": "?"}, {"unknown_equipment", "malformed_row"}),
        # known, never allocated, without planogram
        ({"equipment": "VM-2"}, {"unknown_equipment", "unknown_product_selection"}),
    ],
)
def test_rule(fields: dict[str, str], expected: set[str]) -> None:
    assert reasons(**fields) == expected


def test_a_vend_is_judged_at_its_own_time_across_a_move_and_a_planogram_change() -> None:
    last_moment = {"vended_at": "2026-05-31T23:59:59.999999+10:00"}
    assert reasons(**last_moment) == set()
    moved = {"vended_at": "2026-06-01T00:00:00+10:00", "product_code": "1006"}
    assert reasons(**moved) == {"unknown_equipment"}
    arrived = {"vended_at": "2026-06-03T00:00:00+02:00", "product_code": "1006"}
    assert reasons(**arrived) == set()  # Ida has the same card at the new customer
    assert reasons(**arrived, card_no="0044") == {"unknown_user"}


def test_both_instants_of_the_hour_that_repeats_are_their_own() -> None:
    first = {"vended_at": "2026-04-05T02:30:00+11:00"}
    again = {"vended_at": "2026-04-05T02:30:00+10:00"}
    rows = judge(GOOD | first, GOOD | again)
    assert rows[1].reasons == {"sync_conflict"}


def test_ten_minutes_ahead_are_fine_and_no_microsecond_more() -> None:
    lasting = {"product_code": "1006", "currency": "EUR"}
    assert reasons(vended_at="2026-07-01T00:10:00Z", **lasting) == set()
    assert reasons(vended_at="2026-07-01T00:10:00.000001Z", **lasting) == {"bad_timestamp"}


def test_before_the_first_allocation_nothing_is_known() -> None:
    assert reasons(vended_at="2025-12-31T23:59:59+11:00") == {
        "bad_timestamp",
        "unknown_equipment",
        "unknown_product_selection",
    }


@pytest.mark.parametrize("result", ["test", "FREE", "Failed"])
def test_what_is_not_billable_is_not_judged(result: str) -> None:
    (row,) = judge(GOOD | {"result": result, "card_no": "nobody", "selection": ""})
    assert row == Expected(2, Verdict.NOT_BILLABLE, frozenset(), "AUD", 250)


def test_an_unreadable_test_vend_is_an_exception() -> None:
    assert reasons(result="test", unit_price="free") == {"malformed_row"}


def test_a_refund_is_a_negative_sale_and_judged() -> None:
    assert judge(GOOD | {"result": "refund"})[0].amount_minor == -250
    assert reasons(result="refund", card_no="0045") == {"user_role_mismatch"}


@pytest.mark.parametrize(
    ("field", "value", "amount", "currency"),
    [
        ("txn_seq", "", 250, "AUD"),
        ("txn_seq", "-1", 250, "AUD"),
        ("txn_seq", "1" * 16, 250, "AUD"),
        ("txn_seq", "١", 250, "AUD"),
        ("boot_id", "b" * 41, 250, "AUD"),
        ("quantity", "0", 0, "AUD"),
        ("quantity", "10000", 0, "AUD"),
        ("quantity", "1.0", 0, "AUD"),
        ("unit_price", "", 0, "AUD"),
        ("unit_price", "2.505", 0, "AUD"),
        ("unit_price", "-2.50", 0, "AUD"),
        ("unit_price", "1" * 13, 0, "AUD"),
        ("currency", "", 0, "XXX"),
        ("currency", "XXX", 0, "XXX"),
        ("result", "", 250, "AUD"),
        ("result", "sold", 250, "AUD"),
        ("accept_any_card", "2", 250, "AUD"),
    ],
)
def test_a_value_that_cannot_be_read(field: str, value: str, amount: int, currency: str) -> None:
    (row,) = judge(GOOD | {field: value})
    assert row == Expected(2, Verdict.EXCEPTION, frozenset({"malformed_row"}), currency, amount)


@pytest.mark.parametrize("name", ["equipment", "vended_at"])
def test_nothing_is_said_about_what_cannot_be_looked_up(name: str) -> None:
    assert reasons(**{name: "", "selection": "none", "card_no": "none"}) == {"malformed_row"}


def test_an_asset_number_of_forty_characters_can_be_read() -> None:
    assert reasons(equipment="M" * 40) == {"unknown_equipment"}
    assert reasons(equipment="M" * 41) == {"malformed_row"}


def test_other_reasons_stand_beside_malformed_row() -> None:
    assert reasons(unit_price="?", card_no="0047", selection="none") == {
        "malformed_row",
        "user_role_mismatch",
        "user_access_issue",
        "unknown_product_selection",
    }


def test_an_unreadable_override_hides_the_card_but_not_the_access_code() -> None:
    assert reasons(override_facility="?", card_no="none") == {"malformed_row"}
    assert reasons(override_facility="?", card_no="", access_code="AC1") == {"malformed_row", "unknown_user"}


def test_the_same_row_again_is_a_duplicate_however_it_is_spelt() -> None:
    spelt = {
        "txn_seq": "001",
        "vended_at": "2026-03-09 21:00Z",
        "unit_price": "2.5",
        "currency": "aud",
        "quantity": "1",
        "result": "VEND",
        "override_facility": "no",
        "product_name": "Ear plugs",
    }
    assert judge(GOOD, GOOD | spelt)[1] == Expected(3, Verdict.DUPLICATE, frozenset(), "AUD", 250)


@pytest.mark.parametrize("field", ["selection", "product_code", "card_no", "facility_id", "access_code", "pin"])
def test_other_content_under_a_key_is_a_conflict_and_judged_no_further(field: str) -> None:
    row = judge(GOOD, GOOD | {field: "other", "unit_price": "9"})[1]
    assert (row.verdict, row.reasons, row.amount_minor) == (Verdict.EXCEPTION, {"sync_conflict"}, 900)


def test_a_conflict_sent_again_is_a_duplicate() -> None:
    other = GOOD | {"unit_price": "9"}
    verdicts = [row.verdict for row in judge(GOOD, other, other, GOOD)]
    assert verdicts == [Verdict.SALE, Verdict.EXCEPTION, Verdict.DUPLICATE, Verdict.DUPLICATE]


def test_an_unreadable_row_stands_too() -> None:
    unreadable = GOOD | {"unit_price": "n/a"}
    rows = judge(unreadable, unreadable, GOOD)
    assert [row.verdict for row in rows] == [Verdict.EXCEPTION, Verdict.DUPLICATE, Verdict.EXCEPTION]
    assert rows[2].reasons == {"sync_conflict"}


def test_a_row_whose_key_cannot_be_read_is_known_by_all_it_says() -> None:
    nameless = GOOD | {"txn_seq": "n/a"}
    rows = judge(nameless, nameless | {"quantity": "1"}, nameless | {"quantity": "2"})
    assert [row.verdict for row in rows] == [Verdict.EXCEPTION, Verdict.DUPLICATE, Verdict.EXCEPTION]
    assert rows[2].reasons == {"malformed_row"}


def test_a_restarted_machine_counts_anew() -> None:
    rows = judge(GOOD, GOOD | {"boot_id": "B2"}, GOOD | {"boot_id": "B2"})
    assert [row.verdict for row in rows] == [Verdict.SALE, Verdict.SALE, Verdict.DUPLICATE]


def test_files_in_any_order_are_judged_against_what_stands() -> None:
    oracle = SyncOracle(PORTAL, NOW)
    late = GOOD | {"txn_seq": "9"}
    assert oracle.judge_file([late])[0].verdict == Verdict.SALE
    assert [row.verdict for row in oracle.judge_file([GOOD, late])] == [Verdict.SALE, Verdict.DUPLICATE]


def test_mended_portal_data_clears_the_reason() -> None:
    oracle = SyncOracle(PORTAL, NOW)
    row = GOOD | {"selection": "000D", "product_code": "1007", "card_no": "0047"}
    assert "unknown_product_selection" in oracle.judge_file([row])[0].reasons
    line = Selection("VM-1", at("2026-01-01T00:00:00+11:00"), MOVED, "000D", "1007", "1.00", "AUD")
    mended = {**vars(PORTAL), "planograms": (*PORTAL.planograms, line)}
    oracle.portal = PortalSample(**mended)
    assert oracle.reasons_of(row) == {"user_role_mismatch", "user_access_issue"}


def test_the_balance_adds_up_in_rows_and_money() -> None:
    rows = judge(
        GOOD,
        GOOD,
        GOOD | {"txn_seq": "2", "result": "refund"},
        GOOD | {"txn_seq": "3", "currency": "JPY", "unit_price": "120", "card_no": "0047"},
        GOOD | {"txn_seq": "4", "result": "test"},
    )
    total = balance(rows)
    assert total.rows == {"sale": 2, "duplicate": 1, "exception": 1, "not_billable": 1}
    assert total.money == {
        "sale": {"AUD": 0},
        "duplicate": {"AUD": 250},
        "exception": {"JPY": 120},
        "not_billable": {"AUD": 250},
    }
    assert (total.read, total.by_currency()) == (5, {"AUD": 500, "JPY": 120})
    assert total.reasons == {"user_role_mismatch": 1, "user_access_issue": 1}

"""The exception report over the samples: every suggested fix to the letter, filters, totals, and what stays secret."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

import pytest

from tests.integration.equipment_sync.conftest import NOW, Machines
from tillflow.equipment_sync.exception_facts import FixCode
from tillflow.equipment_sync.exception_report import ExceptionFilter, OpenException, Total, open_exceptions, totals
from tillflow.equipment_sync.judge import CATALOGUE
from tillflow.equipment_sync.suggested_fixes import REASONS
from tillflow.settings import REPOSITORY

ADD_000C = ("add_selection", "add selection 000C -> product 1005 to planogram of VM-17")
OVERRIDE = ("override_facility", "card **11 exists with facility 57; unit reports 0: Override FAC ID is on")

#: (import, row) -> a code and a sentence for each reason, in alphabetical order of the reasons
FIXES = {
    (1, 5): [ADD_000C],
    (1, 6): [ADD_000C],
    (1, 7): [OVERRIDE],
    (1, 8): [
        (
            "accept_any_card",
            "harbour has no user with card ****9999 and facility 57; the unit takes any card: Accept Any Card is on. "
            "Add the user or turn it off",
        )
    ],
    (1, 9): [("change_role", "user h19 has the role Technician: only a Consumer may vend")],
    (1, 10): [
        (
            "add_access",
            "user h20 has no access to VM-17: give it, without dates or so that it covers "
            "2026-06-09 11:12:13 Australia/Sydney",
        )
    ],
    (1, 12): [
        (
            "extend_access",
            "access of user h18 to VM-17 ended 2026-06-10 00:00 Australia/Sydney: give access that covers "
            "2026-06-10 00:00 Australia/Sydney",
        )
    ],
    (1, 18): [
        (
            "choose_row",
            "row 3 of import 1 has this running number and stands (sale, 4.00 AUD; here 4.20 AUD): "
            "find out which is right, then write one off",
        )
    ],
    (1, 19): [
        (
            "repair_row",
            "unit_price: the price is no amount of the row's currency, or the row's money is above all measure; "
            "find out from the machine what was charged",
        )
    ],
    (1, 20): [
        (
            "repair_row",
            "vended_at: the time of the vend is no ISO 8601 instant with an offset; "
            "repair the machine's clock format, or write the vend off",
        )
    ],
    (1, 21): [
        (
            "correct_clock",
            "the unit's clock said 2099-01-01 00:00 Australia/Sydney, but it was synced "
            "2026-06-11 18:00 Australia/Sydney: "
            "set the clock, then find out when the vend took place, or write it off",
        )
    ],
    (1, 22): [
        (
            "correct_clock",
            "the unit's clock said 2019-06-09 22:00 UTC, but VM-17 was first allocated 2025-01-01 00:00 "
            "Australia/Sydney: set the clock, then find out when the vend took place, or write it off",
        ),
        (
            "allocate_equipment",
            "VM-17 was allocated to no site at 2019-06-09 22:00 UTC; it was at harbour-depot (harbour) from "
            "2025-01-01 00:00 Australia/Sydney: allocate it for that time",
        ),
        (
            "add_planogram",
            "VM-17 had no planogram at 2019-06-09 22:00 UTC (one begins 2025-01-01 00:00 Australia/Sydney): "
            "add one that covers it, with selection 0001 -> product 1001",
        ),
    ],
    (1, 23): [
        ("add_selection", "add selection 0009 -> product 1001 to planogram of VM-17"),
        (
            "other_customers_user",
            "card ***010 belongs to user r10 of rhein, but VM-17 stood with harbour: add the user to harbour",
        ),
    ],
    (1, 24): [
        ("add_selection", "add selection 0009 -> product 1005 to planogram of VM-17"),
        ("change_role", "user h19 has the role Technician: only a Consumer may vend"),
    ],
    (1, 31): [
        (
            "correct_facility",
            "card ***816 exists with facility 0; unit reports none: correct the user's facility or the card reader",
        )
    ],
    (1, 33): [
        (
            "correct_pin",
            "access code ***07 is of user h07, but another PIN was typed: correct the user's PIN or write it off",
        )
    ],
    (2, 4): [
        (
            "choose_row",
            "row 29 of import 1 has this running number and stands (sale, 4.50 AUD; here 4.00 AUD): "
            "find out which is right, then write one off",
        )
    ],
    (2, 5): [ADD_000C, OVERRIDE],
    (2, 8): [
        (
            "add_access",
            "user h02 has no access to VM-18: give it, without dates or so that it covers "
            "2026-06-12 06:02 Australia/Perth",
        )
    ],
    (2, 10): [
        (
            "allocate_equipment",
            "VM-21 was allocated to no site at 2026-06-09 00:00 UTC; it was at harbour-depot (harbour) until "
            "2026-06-08 00:00 Australia/Sydney and at rhein-halle (rhein) from 2026-06-10 00:00 Europe/Berlin: "
            "allocate it for that time",
        ),
        (
            "add_planogram",
            "VM-21 had no planogram at 2026-06-09 00:00 UTC (one ended 2026-06-08 00:00 Australia/Sydney and one "
            "begins 2026-06-10 00:00 Europe/Berlin): add one that covers it, with selection 0002 -> product 1003",
        ),
    ],
    (2, 12): [
        (
            "other_customers_user",
            "card ****0001 belongs to user h01 of harbour, but VM-21 stood with rhein: add the user to rhein",
        )
    ],
    (2, 14): [
        (
            "change_selection",
            "selection 0001 of VM-30 was product 2002 then, the unit reports 2001: "
            "correct the planogram, or the unit's",
        )
    ],
    (2, 17): [
        (
            "correct_pin",
            "access code **08 is of user r08, but another PIN was typed: correct the user's PIN or write it off",
        )
    ],
    (2, 18): [("change_role", "user r10 has the role Technician: only a Consumer may vend")],
    (2, 20): [
        (
            "add_access",
            "user r01 has no access to VM-31: give it, without dates or so that it covers "
            "2026-06-16 12:00 Europe/Berlin",
        )
    ],
    (2, 23): [("add_equipment", "machine VM-99 is not in the portal: add it and allocate it to its site")],
    (2, 24): [
        (
            "repair_row",
            "txn_seq: the running number is no whole number of up to 15 digits; "
            "ask for the machine's firmware to be repaired",
        )
    ],
}


def said(one: OpenException) -> list[tuple[str, str]]:
    return [(fix.code.value, fix.sentence) for fix in one.fixes]


def places(found: list[OpenException]) -> list[tuple[int, int]]:
    return [(one.vend.import_id, one.vend.row_no) for one in found]


def test_every_exception_of_the_samples_has_its_fix(looked_at: Machines) -> None:
    found = looked_at.open()
    assert {place: said(one) for place, one in zip(places(found), found, strict=True)} == FIXES
    for one in found:
        assert [fix.reason for fix in one.fixes] == one.vend.reasons == [code for code, _ in one.reasons]


def test_a_row_says_where_when_and_how_much(looked_at: Machines) -> None:
    one = next(one for one in looked_at.open() if (one.vend.import_id, one.vend.row_no) == (2, 5))
    vend = one.vend
    assert one.reasons == (("unknown_product_selection", "Unknown Product Selection"), ("unknown_user", "Unknown User"))
    assert one.age_days == 1  # recorded 16 June 20:00, asked 18 June 07:59: not yet two days
    assert (vend.file_name, vend.customer, vend.customer_name) == (
        "all-machines-2026-06-16.jsonl",
        "harbour",
        "Harbour Mining Pty Ltd",
    )
    assert (vend.site, vend.site_name, vend.asset_no) == ("harbour-depot", "Botany depot", "VM-17")
    assert (vend.local_time, vend.zone) == ("2026-06-12 09:00:00+10:00", "Australia/Sydney")
    assert (vend.selection, vend.product_code, vend.product_name) == ("000C", "1005", "Ear plugs, pair")
    assert (vend.quantity, str(vend.amount), vend.amount_minor, vend.currency) == (1, "1.20", 120, "AUD")
    assert vend.identity == "card **11, facility 0"
    about = one.fixes[0].about
    assert {name: about[name] for name in ("equipment", "selection", "product", "at")} == {
        "equipment": "VM-17",
        "selection": "000C",
        "product": "1005",
        "at": "2026-06-11T23:00:00+00:00",
    }
    assert one.fixes[1].about == {"customer": "harbour", "equipment": "VM-17", "user": "h04", "facility": "57"}


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({"customer": "rhein"}, [(2, 12), (2, 14), (2, 17), (2, 18), (2, 20), (2, 24)]),
        ({"site": "harbour-pit"}, [(2, 8)]),
        ({"equipment": "VM-21"}, [(2, 10), (2, 12)]),
        ({"customer": "harbour", "reason": "user_access_issue"}, [(1, 10), (1, 12), (2, 8)]),
        ({"reason": "malformed_row"}, [(1, 19), (1, 20), (2, 24)]),
        # midnight in Berlin is the first moment of the 15th there, and still the 14th in UTC
        ({"equipment": "VM-30", "day_to": date(2026, 6, 14)}, []),
        ({"equipment": "VM-30", "day_from": date(2026, 6, 15)}, [(2, 14), (2, 17), (2, 18)]),
        # row 20 has no time that can be read: it counts on the day it was recorded
        ({"equipment": "VM-17", "day_from": date(2026, 6, 11), "day_to": date(2026, 6, 11)}, [(1, 20), (1, 33)]),
        # without a site the zone is the reader's: 10:05 UTC is the 17th in Kiritimati (UTC+14)
        ({"equipment": "VM-99", "day_from": date(2026, 6, 17)}, []),
        ({"equipment": "VM-99", "day_from": date(2026, 6, 17), "zone": "Pacific/Kiritimati"}, [(2, 23)]),
        ({"customer": "nobody"}, []),
    ],
)  # fmt: skip
def test_filters(looked_at: Machines, wanted: dict[str, object], rows: list[tuple[int, int]]) -> None:
    assert places(looked_at.open(**wanted)) == rows
    counted = totals(looked_at.conn, ExceptionFilter(**wanted), now=NOW)[0]  # type: ignore[arg-type]
    assert counted.exceptions == len(rows)


def test_pages_follow_each_other(looked_at: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = looked_at.open()
    monkeypatch.setattr("tillflow.equipment_sync.exception_report.PAGE", 4)
    assert looked_at.open() == whole
    pages, after = [], 0
    while page := list(open_exceptions(looked_at.conn, ExceptionFilter(), now=NOW, after=after, most=10)):
        assert len(page) <= 10
        pages += page
        after = page[-1].vend.id
    assert pages == whole


def test_closed_exceptions_are_left_out(looked_at: Machines) -> None:
    with looked_at.conn.transaction(force_rollback=True):
        looked_at.conn.execute(
            "update books.exception set state = 'written_off', closed_at = %s where (import_id, row_no) <> (2, 23)",
            [NOW],
        )
        assert places(looked_at.open()) == [(2, 23)]


def test_totals_by_reason(looked_at: Machines) -> None:
    found = totals(looked_at.conn, ExceptionFilter(), now=NOW)
    assert found == [
        Total(None, "All", 27, {"AUD": 5770, "EUR": 2070}, 6),
        Total("bad_timestamp", "Bad Timestamp", 2, {"AUD": 700}, 6),
        Total("malformed_row", "Malformed Row", 3, {"AUD": 250, "EUR": 150}, 6),
        Total("sync_conflict", "Sync Conflict", 2, {"AUD": 820}, 6),
        Total("unknown_equipment", "Unknown Equipment", 3, {"AUD": 600, "EUR": 150}, 6),
        Total("unknown_product_selection", "Unknown Product Selection", 8, {"AUD": 1430, "EUR": 150}, 6),
        Total("unknown_user", "Unknown User", 8, {"AUD": 1920, "EUR": 640}, 6),
        Total("user_access_issue", "User Access Issue", 4, {"AUD": 1070, "EUR": 490}, 6),
        Total("user_role_mismatch", "User Role Mismatch", 3, {"AUD": 520, "EUR": 490}, 6),
    ]
    rhein = totals(looked_at.conn, ExceptionFilter(customer="rhein"), now=NOW)
    assert (rhein[0].exceptions, rhein[0].oldest_days) == (6, 1)
    assert totals(looked_at.conn, ExceptionFilter(customer="nobody"), now=NOW) == [Total(None, "All", 0, {}, 0)]


def test_no_pin_and_no_whole_card_leaves_the_database(looked_at: Machines) -> None:
    everything = "\n".join(repr((asdict(one.vend), one.fixes)) for one in looked_at.open())
    shown = looked_at.conn.execute(
        "select distinct x from intake.transaction as t, lateral unnest(array["
        " t.raw ->> 'card_no', t.raw ->> 'access_code', t.raw ->> 'pin_hash']) as x where x <> ''"
    ).fetchall()
    assert len(shown) > 15
    for (secret,) in shown:
        assert secret not in everything
    assert "pin_hash" not in everything


@pytest.mark.parametrize(
    ("card", "masked"),
    [("1", "*"), ("12", "*2"), ("471", "**1"), ("4712", "**12"), ("1234567", "****567"), ("12345678", "****5678"),
     ("9" * 30 + "1234", "************1234")],
)  # fmt: skip
def test_a_short_card_is_never_shown_whole(machines: Machines, card: str, masked: str) -> None:
    machines.vends({"card_no": card})
    one = machines.only()
    assert one.vend.card == masked
    assert said(one) == [("add_user", f"harbour has no user with card {masked} and facility 57: add the user")]


def test_every_reason_and_every_fix_is_explained() -> None:
    assert {rule.code for rule in CATALOGUE.rules} == REASONS
    page = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [code.value for code in FixCode if f"`{code.value}`" not in page] == []

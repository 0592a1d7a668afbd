"""Suggested fixes at the edges: things that moved, ended, exist twice, or were corrected since."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.equipment_sync.conftest import Machines
from tillflow.equipment_sync.exception_report import OpenException

USERS = "customer,user,name,email,role,card_no,facility_id,access_code,pin\n"
ACCESS = "customer,user,equipment,valid_from,valid_to\n"
PLANOGRAMS = "equipment,valid_from,valid_to,selection,product,price,currency\n"
CORRECTED = [("reconcile", "the portal data has been corrected: reconcile")]


def said(one: OpenException) -> list[tuple[str, str]]:
    return [(fix.code.value, fix.sentence) for fix in one.fixes]


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        (
            {"selection": "0001", "product_code": "7777"},
            "add_product",
            "product 7777 is not in the portal: add it, then selection 0001 -> product 7777 to planogram of VM-17",
        ),
        (
            {"selection": "0009", "product_code": None},
            "find_product",
            "add selection 0009 to planogram of VM-17; the unit does not say which product",
        ),
        (
            {"selection": " "},
            "find_selection",
            "the unit sent no selection: find out from the machine what was vended, or write it off",
        ),
        (
            {"selection": "0001", "product_code": "1002"},
            "change_selection",
            "selection 0001 of VM-17 was product 1001 then, the unit reports 1002: "
            "correct the planogram, or the unit's",
        ),
        (
            {"card_no": None, "facility_id": None},
            "no_identity",
            "the unit sent neither card nor access code: find out from the machine who vended, or write it off",
        ),
        (
            {"card_no": None, "access_code": "AC011"},
            "correct_pin",
            "access code ***11 is of user h11, but no PIN was typed: correct the user's PIN or write it off",
        ),
        (
            {"card_no": None, "access_code": "AC999", "pin": "1407"},
            "add_user",
            "harbour has no user with access code ***99: add the user",
        ),
        (
            {"card_no": None, "access_code": "RW07", "pin": "9007"},
            "other_customers_user",
            "access code **07 belongs to user r07 of rhein, but VM-17 stood with harbour: add the user to harbour",
        ),
        (
            {"card_no": "4711", "facility_id": None},
            "correct_facility",
            "card **11 exists with facility 57; unit reports none: correct the user's facility or the card reader",
        ),
        (
            # the unit hides the facility, so that of the other customer cannot be compared
            {"card_no": "770010", "facility_id": "12", "override_facility": "yes"},
            "other_customers_user",
            "card ***010 belongs to user r10 of rhein, but VM-17 stood with harbour: add the user to harbour",
        ),
        (
            # the same number under another facility is another card
            {"card_no": "770010", "facility_id": "99"},
            "add_user",
            "harbour has no user with card ***010 and facility 99: add the user",
        ),
        (
            {"card_no": "000815", "facility_id": "57"},
            "correct_facility",
            "card ***815 exists with no facility; unit reports 57: correct the user's facility or the card reader",
        ),
    ],
)  # fmt: skip
def test_one_thing_is_wrong(machines: Machines, fields: dict[str, str], code: str, sentence: str) -> None:
    machines.vends(fields)
    assert said(machines.only()) == [(code, sentence)]


def test_two_cards_of_the_customer_match(machines: Machines) -> None:
    machines.correct(users=USERS + "harbour,h21,Second Card,,Consumer,4711,58,,\n")
    machines.vends({"card_no": "4711", "override_facility": "1"}, {"card_no": "4711", "facility_id": "59"})
    overridden, other = machines.open()
    assert said(overridden) == [
        ("override_facility", "card **11 exists with facilities 57 and 58; unit reports 0: Override FAC ID is on")
    ]
    assert overridden.fixes[0].about == {"customer": "harbour", "equipment": "VM-17"}  # whose it was is not guessed
    assert said(other)[0][1].startswith("card **11 exists with facilities 57 and 58; unit reports 59:")


def test_access_ended_yesterday_and_begins_again(machines: Machines) -> None:
    machines.vends({"card_no": "00040018", "vended_at": "2026-06-11T07:00:00+10:00"})
    ended = "access of user h18 to VM-17 ended 2026-06-10 00:00 Australia/Sydney"
    covers = "give access that covers 2026-06-11 07:00 Australia/Sydney"
    assert said(machines.only()) == [("extend_access", f"{ended}: {covers}")]
    machines.correct(access=ACCESS + "harbour,h18,VM-17,2026-06-20,\n")
    begins = "begins 2026-06-20 00:00 Australia/Sydney"
    assert said(machines.only()) == [("extend_access", f"{ended} and {begins}: {covers}")]
    assert machines.only().fixes[0].about == {
        "customer": "harbour", "user": "h18", "equipment": "VM-17",
        "ended": "2026-06-09T14:00:00+00:00", "begins": "2026-06-19T14:00:00+00:00",
    }  # fmt: skip


def test_access_that_only_begins_later(machines: Machines) -> None:
    machines.correct(access=ACCESS + "harbour,h20,VM-17,2026-06-20,\n")
    machines.vends({"card_no": "00040020"})
    assert said(machines.only()) == [
        (
            "extend_access",
            "access of user h20 to VM-17 begins 2026-06-20 00:00 Australia/Sydney: "
            "give access that covers 2026-06-12 09:00 Australia/Sydney",
        )
    ]


def test_a_machine_that_moved_is_judged_where_it_stood(machines: Machines) -> None:
    at_harbour = {"equipment": "VM-21", "vended_at": "2026-06-07T23:59:00+10:00", "product_code": "1001"}
    at_rhein = {"equipment": "VM-21", "vended_at": "2026-06-10T00:00:00+02:00", "product_code": "2001"}
    machines.vends(
        at_harbour | {"card_no": "770001", "facility_id": "12"},
        at_rhein | {"card_no": "00040001", "facility_id": "57"},
    )
    before, after = machines.open()
    assert [before.vend.customer, after.vend.customer] == ["harbour", "rhein"]
    assert said(before) == [
        (
            "other_customers_user",
            "card ***001 belongs to user r01 of rhein, but VM-21 stood with harbour: add the user to harbour",
        )
    ]
    assert said(after) == [
        (
            "other_customers_user",
            "card ****0001 belongs to user h01 of harbour, but VM-21 stood with rhein: add the user to rhein",
        )
    ]
    assert [one.vend.row_no for one in machines.open(customer="rhein", day_from=date(2026, 6, 10))] == [2]


def test_a_customers_reader_learns_no_names_of_others(machines: Machines) -> None:
    machines.vends(
        {"card_no": "770001", "facility_id": "12"},
        {"equipment": "VM-21", "vended_at": "2026-06-09T10:00:00+10:00"},
    )
    card, moving = machines.open(viewer="harbour")
    assert said(card) == [
        (
            "other_customers_user",
            "card ***001 belongs to another customer, but VM-17 stood with harbour: add the user to harbour",
        )
    ]
    assert card.fixes[0].about == {"customer": "harbour", "equipment": "VM-17"}
    assert said(moving)[0][1] == (
        "VM-21 was allocated to no site at 2026-06-09 00:00 UTC; it was at harbour-depot (harbour) until 2026-06-08 "
        "00:00 Australia/Sydney and with another customer from 2026-06-10 00:00 Europe/Berlin: "
        "allocate it for that time"
    )


def test_a_machine_that_never_stood_anywhere(machines: Machines) -> None:
    machines.correct(equipment="equipment,name,silent_after_hours\nVM-50,In the box,48\n")
    machines.vends({"equipment": "VM-50"})
    assert said(machines.only()) == [
        (
            "allocate_equipment",
            "VM-50 was allocated to no site at 2026-06-11 23:00 UTC; it never was at one: allocate it for that time",
        ),
        (
            "add_planogram",
            "VM-50 had no planogram at 2026-06-11 23:00 UTC: "
            "add one that covers it, with selection 0001 -> product 1001",
        ),
    ]


def test_a_row_with_two_values_that_cannot_be_read(machines: Machines) -> None:
    machines.vends({"quantity": "0", "result": "sold"})
    one = machines.only()
    assert [(fix.code, fix.reason, fix.about["column"]) for fix in one.fixes] == [
        ("repair_row", "malformed_row", "quantity"),
        ("repair_row", "malformed_row", "result"),
    ]
    assert one.vend.quantity is None
    assert one.fixes[1].sentence == (
        "result: the result is none of vend, test, free, failed, refund; ask for the machine's firmware to be repaired"
    )


def test_the_row_that_stands_may_wait_itself(machines: Machines) -> None:
    first = machines.vends({"txn_seq": "7", "card_no": "1", "unit_price": "3.50"})
    machines.vends({"txn_seq": "7", "unit_price": "9.00"})
    machines.vends({"txn_seq": "7", "unit_price": "8.00"})
    _, second, third = machines.open()
    assert said(second) == [
        (
            "choose_row",
            f"row 1 of import {first} has this running number and stands (exception, 3.50 AUD; here 9.00 AUD): "
            "find out which is right, then write one off",
        )
    ]
    assert third.fixes[0].about == {"standing_import": first, "standing_row": 1}


def test_what_was_corrected_since_only_needs_reconciliation(machines: Machines) -> None:
    machines.vends(
        {"selection": "000C", "product_code": "1005"},
        {"card_no": "new-card"},
        {"card_no": "00040019"},
        {"card_no": "00040020"},
        {"equipment": "VM-99"},
    )
    assert CORRECTED not in [said(one) for one in machines.open()]
    machines.correct(
        planograms=PLANOGRAMS
        + "VM-17,2025-01-01,,0001,1001,3.50,AUD\nVM-17,2025-01-01,,000C,1005,1.20,AUD\n"
        + "VM-99,2026-01-01,,0001,1001,3.50,AUD\n",
        users=USERS + "harbour,h30,New Card,,Consumer,new-card,57,,\nharbour,h19,Tom Fixit,,CONSUMER,00040019,57,,\n",
        access=ACCESS + "harbour,h20,VM-17,2026-06-12,2026-06-13\n",
        equipment="equipment,name,silent_after_hours\nVM-99,New,48\n",
        allocations="equipment,site,valid_from,valid_to\nVM-99,harbour-depot,2026-01-01,\n",
    )
    assert [said(one) for one in machines.open()] == [CORRECTED] * 5

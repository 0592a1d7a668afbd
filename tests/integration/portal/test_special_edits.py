"""Edits that are more than one record: what each leaves, and in which words it refuses what collides with it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.portal.conftest import NOW, SECRET
from tests.racing import at_once
from tillflow.codes import PortalEdit as Edit
from tillflow.db.connection import Connection
from tillflow.portal.edit_records import Editing, RecordRefusedError
from tillflow.portal.forms import describe, describe_edit
from tillflow.portal.record_history import history_of
from tillflow.portal.records import NoSuchRecordError, Record, get_record, list_records
from tillflow.portal.special_edits import SPECIAL_EDITS, carry_out
from tillflow.portal.tables import TABLES

# mypy: the fixtures' class stands in conftest.py
Portal = Any

PAT = Editing(actor="pat", now=NOW, pin_secret=SECRET)
HQ_SINCE = "2024-12-31T13:00:00+00:00"
PLANOGRAMS = (
    "select e.asset_no, g.valid::text, x.code, p.code, x.price_minor from portal.planogram as g"
    " join portal.equipment as e on e.id = g.equipment_id join portal.selection as x on x.planogram_id = g.id"
    " join portal.product as p on p.id = x.product_id where e.asset_no = %s order by g.valid, x.code"
)
OLD, COLA, CHIPS = '["2024-12-31 13:00:00+00",', ("0001", "1005", 250), ("000C", "1006", 300)
NEW_WATER = {"equipment": "VM-1", "selection": "0002", "product": "1005", "price": "1.20", "currency": "AUD"}


def do(portal: Portal, edit: Edit, **arguments: str) -> Record:
    return carry_out(portal.conn, edit, arguments, PAT)


def refused(portal: Portal, edit: Edit, **arguments: str) -> list[tuple[str | None, str, str]]:
    """Its errors; nothing may be left of it."""
    before = portal.everything()
    with pytest.raises(RecordRefusedError) as refusal:
        do(portal, edit, **arguments)
    assert portal.everything() == before
    return [(error.column, error.code, error.message) for error in refusal.value.errors]


def planograms(portal: Portal, equipment: str = "VM-1") -> list[tuple[Any, ...]]:
    return [row[1:] for row in portal.rows(PLANOGRAMS, equipment)]


def test_a_selection_is_added_for_all_the_time_of_the_version_in_force(filled: Portal) -> None:
    record = do(filled, Edit.REPAIR_SELECTION, **NEW_WATER, at="2026-02-10T09:40:12+11:00")
    assert record.key == ("VM-1", HQ_SINCE, "0002")
    assert planograms(filled) == [(f"{OLD})", *COLA), (f"{OLD})", "0002", "1005", 120), (f"{OLD})", *CHIPS)]
    (event,) = history_of(filled.conn, "planograms", record.key)
    assert (event.actor, event.happened_at, event.action, event.before) == ("pat", NOW, "added", None)
    assert event.reason == "into the planogram in force at 2026-02-09 22:40:12 UTC"
    assert event.after == dict(record.fields)


def test_a_selection_from_a_day_on_splits_the_version(filled: Portal) -> None:
    record = do(filled, Edit.CHANGE_SELECTION_FROM, **NEW_WATER, valid_from="2026-02-01")
    assert record.key == ("VM-1", "2026-01-31T13:00:00+00:00", "0002")
    before, since = f'{OLD}"2026-01-31 13:00:00+00")', '["2026-01-31 13:00:00+00",)'
    assert planograms(filled) == [
        (before, *COLA), (before, *CHIPS), (since, *COLA), (since, "0002", "1005", 120), (since, *CHIPS),
    ]  # fmt: skip


def test_a_version_that_ends_is_split_within_its_time(filled: Portal) -> None:
    water = NEW_WATER | {"equipment": "VM-2", "currency": "EUR"}
    do(filled, Edit.CHANGE_SELECTION_FROM, **water, valid_from="2025-06-01")
    assert {row[0] for row in planograms(filled, "VM-2")} == {
        '["2024-12-31 23:00:00+00","2025-05-31 22:00:00+00")',
        '["2025-05-31 22:00:00+00","2025-12-31 23:00:00+00")',
    }


def test_from_the_beginning_of_a_version_there_is_nothing_to_split(filled: Portal) -> None:
    do(filled, Edit.CHANGE_SELECTION_FROM, **NEW_WATER, valid_from="2025-01-01")
    assert {row[0] for row in planograms(filled)} == {f"{OLD})"}


def test_what_a_selection_is_already_is_not_overwritten_unseen(filled: Portal) -> None:
    wanted = NEW_WATER | {"selection": "000C", "at": "2026-02-10"}
    assert refused(filled, Edit.REPAIR_SELECTION, **wanted) == [
        (
            "selection",
            "taken_value",
            "selection 000C of VM-1 is product 1006 for 3.00 AUD from 2024-12-31 13:00 UTC; "
            "say that it replaces 1006, or leave it",
        )
    ]
    assert refused(filled, Edit.REPAIR_SELECTION, **wanted, replaces="1004")[0][:2] == ("selection", "taken_value")
    do(filled, Edit.REPAIR_SELECTION, **wanted | {"price": "", "currency": ""}, replaces="1006")
    assert planograms(filled)[1] == (f"{OLD})", "000C", "1005", 300)
    assert refused(filled, Edit.REPAIR_SELECTION, **NEW_WATER, at="2026-02-10", replaces="1006") == [
        ("replaces", "bad_value", "selection 0002 of VM-1 is not product 1006 any more")
    ]


def test_a_repair_that_is_there_already_changes_nothing(filled: Portal) -> None:
    do(filled, Edit.REPAIR_SELECTION, **NEW_WATER, at="2026-02-10")
    before = filled.everything()
    do(filled, Edit.REPAIR_SELECTION, **NEW_WATER, at="2026-02-10")
    assert filled.everything() == before


def test_there_is_no_version_to_repair(filled: Portal) -> None:
    water = NEW_WATER | {"equipment": "VM-2", "currency": "EUR"}
    assert refused(filled, Edit.REPAIR_SELECTION, **water, at="2026-02-01T00:00Z") == [
        (
            "equipment",
            "unknown_reference",
            "VM-2 had no planogram at 2026-02-01 00:00 UTC (one ended 2025-12-31 23:00 UTC): add one that covers it",
        )
    ]
    assert (
        "(one begins 2024-12-31 13:00 UTC)"
        in refused(filled, Edit.REPAIR_SELECTION, **NEW_WATER, at="2020-01-01")[0][2]
    )


def test_everything_that_is_wrong_with_an_edit_is_said_before_it_begins(filled: Portal) -> None:
    assert [
        error[:2] for error in refused(filled, Edit.REPAIR_SELECTION, equipment="VM-1", at="soon", colour="red")
    ] == [
        ("selection", "missing_value"),
        ("product", "missing_value"),
        ("at", "bad_value"),
        (None, "unknown_header"),
    ]
    assert refused(filled, Edit.REPAIR_SELECTION, **NEW_WATER | {"product": "9"}, at="2026-02-10") == [
        ("product", "unknown_reference", 'there is no product "9"')
    ]


def test_a_planogram_is_copied_to_another_machine(filled: Portal) -> None:
    filled.load(equipment="equipment\nVM-3\n", allocations="equipment,site,valid_from\nVM-3,HQ,2025-01-01\n")
    do(filled, Edit.CLONE_PLANOGRAM, equipment="VM-1", at="2026-02-01", to_equipment="VM-3", valid_from="2026-03-01")
    since = '["2026-02-28 13:00:00+00",)'
    assert planograms(filled, "VM-3") == [(since, *COLA), (since, *CHIPS)]
    event = history_of(filled.conn, "planograms", ("VM-3", "2026-02-28T13:00:00+00:00", "0001"))[-1]
    assert (event.action, event.reason) == ("added", "copied from VM-1 as of 2026-01-31 13:00 UTC")


def test_a_planogram_is_copied_from_a_date_and_ends_the_open_one(filled: Portal) -> None:
    do(filled, Edit.CLONE_PLANOGRAM, equipment="VM-1", at="2026-02-01", valid_from="2026-03-01")
    assert [row[0] for row in planograms(filled)] == [f'{OLD}"2026-02-28 13:00:00+00")'] * 2 + [
        '["2026-02-28 13:00:00+00",)'
    ] * 2


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "there"),
    [
        ("2025-06-01T00:00Z", "", "2025-06-01 00:00 UTC"),
        ("2025-01-01", "", "2024-12-31 23:00 UTC"),
        ("2024-06-01T00:00Z", "2025-06-01T00:00Z", "2024-06-01 00:00 UTC to 2025-06-01 00:00 UTC"),
    ],
)
def test_a_copy_into_the_time_of_another_version_names_that(
    filled: Portal, valid_from: str, valid_to: str, there: str
) -> None:
    arguments = {"equipment": "VM-1", "at": "2026-02-01", "to_equipment": "VM-2"}
    assert refused(filled, Edit.CLONE_PLANOGRAM, **arguments, valid_from=valid_from, valid_to=valid_to) == [
        (
            "valid_from",
            "overlapping_period",
            "VM-2 has a planogram from 2024-12-31 23:00 UTC to 2025-12-31 23:00 UTC, "
            f"the copy would be in force from {there}",
        )
    ]


def test_a_machine_is_allocated_and_moved(filled: Portal) -> None:
    allocated = do(filled, Edit.ALLOCATE, equipment="VM-2", site="HQ", valid_from="2026-02-01")
    moved = do(filled, Edit.MOVE, equipment="VM-2", site="PAR", at="2026-03-01")
    assert moved.fields["valid_from"] == "2026-02-28T23:00:00+00:00"  # a day of the new site
    ended = get_record(filled.conn, "allocations", allocated.key)
    assert ended.fields["valid_to"] == moved.fields["valid_from"]
    event = history_of(filled.conn, "allocations", allocated.key)[-1]
    assert (event.actor, event.action, event.before, event.after) == (
        "pat", "changed", dict(allocated.fields), dict(ended.fields),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "arguments", "said"),
    [
        (
            Edit.ALLOCATE,
            {"equipment": "VM-1", "site": "PAR", "valid_from": "2026-02-01"},
            "VM-1 is allocated to HQ from 2024-12-31 13:00 UTC: move it from there, or end that first",
        ),
        (
            Edit.ALLOCATE,
            {"equipment": "VM-2", "site": "HQ", "valid_from": "2024-01-01", "valid_to": "2025-02-01"},
            "VM-2 is allocated to PAR from 2024-12-31 23:00 UTC to 2025-12-31 23:00 UTC: "
            "move it from there, or end that first",
        ),
        (
            Edit.MOVE,
            {"equipment": "VM-2", "site": "HQ", "at": "2026-02-01"},
            "VM-2 is allocated to no site at 2026-01-31 13:00 UTC: allocate it",
        ),
        (
            Edit.MOVE,
            {"equipment": "VM-2", "site": "HQ", "at": "2025-02-01"},
            "VM-2 is allocated to PAR from 2024-12-31 23:00 UTC to 2025-12-31 23:00 UTC: "
            "allocate it from then, or end that first",
        ),
        (
            Edit.MOVE,
            {"equipment": "VM-1", "site": "HQ", "at": "2026-02-01"},
            "VM-1 is allocated to HQ from 2024-12-31 13:00 UTC: there is nothing to move",
        ),
    ],
)
def test_a_machine_stands_in_one_place(filled: Portal, edit: Edit, arguments: dict[str, str], said: str) -> None:
    assert refused(filled, edit, **arguments) == [("equipment", "overlapping_period", said)]


@pytest.mark.parametrize(
    ("edit", "arguments"),
    [
        (Edit.ALLOCATE, {"equipment": "VM-2", "site": "HQ"}),
        (Edit.GIVE_ACCESS, {"customer": "BETA", "user": "u1", "equipment": "VM-2"}),
        (Edit.CLONE_PLANOGRAM, {"equipment": "VM-1", "at": "2026-01-01", "to_equipment": "VM-2"}),
    ],
)
def test_a_period_ends_after_it_begins(filled: Portal, edit: Edit, arguments: dict[str, str]) -> None:
    found = refused(filled, edit, **arguments, valid_from="2026-03-01T00:00Z", valid_to="2026-02-01T00:00Z")
    said = "the period ends 2026-02-01 00:00 UTC, not after its beginning 2026-03-01 00:00 UTC"
    assert found == [("valid_to", "bad_value", said)]


def test_an_open_allocation_ends_where_the_next_one_begins(filled: Portal) -> None:
    record = do(filled, Edit.ALLOCATE, equipment="VM-2", site="HQ", valid_from="2024-06-01T00:00Z")
    assert record.fields["valid_to"] == "2024-12-31T23:00:00+00:00"


def test_a_role_is_changed(filled: Portal) -> None:
    record = do(filled, Edit.CHANGE_ROLE, customer="BETA", user="u1", role="Consumer")
    assert (record.fields["role"], record.fields["name"]) == ("Consumer", "Cy")
    with pytest.raises(NoSuchRecordError, match="there is no such user: BETA/u9"):
        do(filled, Edit.CHANGE_ROLE, customer="BETA", user="u9", role="Consumer")


def test_access_is_given_and_ended(filled: Portal) -> None:
    given = do(filled, Edit.GIVE_ACCESS, customer="BETA", user="u1", equipment="VM-2")
    assert given.key == ("BETA", "u1", "VM-2", "")
    ended = do(filled, Edit.END_ACCESS, customer="BETA", user="u1", equipment="VM-2", at="2026-03-01")
    assert (ended.fields["valid_from"], ended.fields["valid_to"]) == (None, "2026-02-28T23:00:00+00:00")
    again = do(filled, Edit.GIVE_ACCESS, customer="BETA", user="u1", equipment="VM-2", valid_from="2026-03-01")
    assert again.fields["valid_to"] is None
    assert [event.action for event in history_of(filled.conn, "access", given.key)] == ["added", "changed"]


@pytest.mark.parametrize(
    ("edit", "arguments", "said"),
    [
        (
            Edit.GIVE_ACCESS,
            {"user": "u1", "valid_from": "2026-02-01"},
            "user u1 has access to VM-1 for all time already",
        ),
        (
            Edit.GIVE_ACCESS,
            {"user": "u2", "valid_to": "2026-01-02"},
            "user u2 has access to VM-1 from 2025-12-31 13:00 UTC to 2026-01-31 13:00 UTC already",
        ),
        (
            Edit.GIVE_ACCESS,
            {"user": "u2"},
            "user u2 has access to VM-1 from 2025-12-31 13:00 UTC to 2026-01-31 13:00 UTC already",
        ),
        (Edit.END_ACCESS, {"user": "u2", "at": "2025-12-01"}, "user u2 has no access to VM-1 at 2025-11-30 13:00 UTC"),
        (Edit.END_ACCESS, {"user": "u2", "at": "2026-02-01"}, "the access of user u2 to VM-1 begins then: remove it"),
    ],
)
def test_access_that_collides_names_the_other(filled: Portal, edit: Edit, arguments: dict[str, str], said: str) -> None:
    found = refused(filled, edit, customer="ACME", equipment="VM-1", **arguments)
    assert [(code, message) for _, code, message in found] == [("overlapping_period", said)]


def test_a_product_is_excluded_from_invoicing_and_taken_back(filled: Portal) -> None:
    excluded = do(filled, Edit.EXCLUDE_PRODUCT, product="1005", valid_from="2026-05-01")
    assert excluded.fields["not_invoiced_from"] == "2026-05-01T00:00:00+00:00"
    assert refused(filled, Edit.EXCLUDE_PRODUCT, product="1005", valid_from="2026-06-01") == [
        (
            "valid_from",
            "taken_value",
            "product 1005 is not invoiced from 2026-05-01 00:00 UTC on already: undo that first",
        )
    ]
    assert do(filled, Edit.INCLUDE_PRODUCT, product="1005").fields["not_invoiced_from"] is None
    events = history_of(filled.conn, "products", ("1005",))
    assert [event.after["not_invoiced_from"] for event in events if event.after] == [
        None, "2026-05-01T00:00:00+00:00", None,
    ]  # fmt: skip
    with pytest.raises(NoSuchRecordError):
        do(filled, Edit.INCLUDE_PRODUCT, product="9")


def test_two_who_move_the_same_machine_at_once_do_not_both(filled: Portal, database: str) -> None:
    filled.load(sites="site,customer,name,zone\nLAB,ACME,Lab,UTC\n")

    def try_to_move(conn: Connection) -> str:
        try:
            carry_out(conn, Edit.MOVE, {"equipment": "VM-1", "site": "LAB", "at": "2026-04-01"}, PAT)
        except RecordRefusedError as refusal:
            return refusal.errors[0].message
        return ""

    told = "VM-1 is allocated to LAB from 2026-04-01 00:00 UTC: there is nothing to move"
    assert sorted(at_once(database, try_to_move, callers=3)) == ["", told, told]
    assert len(list_records(filled.conn, "allocations", filters={"equipment": "VM-1"})) == 2


def test_forms_are_made_from_the_tables() -> None:
    users = {column.name: column for column in describe("users").columns}
    assert (users["pin"].secret, users["pin"].kind, users["pin"].required) == (True, "pin", False)
    assert (users["customer"].refers_to, users["customer"].required) == ("customers", True)
    lottery = {column.name: column for column in describe("lotteries").columns}
    assert (lottery["address_format"].choices, lottery["address_format"].default) == (
        ("standard", "international"), "standard",
    )  # fmt: skip
    assert describe("access").is_dated
    assert not describe("users").is_dated
    assert all(describe(table.name).key == table.key for table in TABLES)
    assert [(one.name, one.kind, one.required) for one in describe_edit(Edit.MOVE).columns] == [
        ("equipment", "text", True), ("site", "text", True), ("at", "moment", True),
    ]  # fmt: skip
    assert set(SPECIAL_EDITS) == set(Edit) - {Edit.PUT_RECORD}

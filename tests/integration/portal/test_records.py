"""One record at a time: listed, read, put, removed; by the rules of a file, with a history and no secret in it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.portal.conftest import NOW, SECRET
from tests.racing import at_once
from tillflow.db.connection import Connection
from tillflow.portal.edit_records import (
    NEW,
    Editing,
    RecordRefusedError,
    StaleRecordError,
    StillUsedError,
    delete_record,
    put_record,
)
from tillflow.portal.record_history import history_of
from tillflow.portal.records import NoSuchRecordError, Record, get_record, list_records
from tillflow.portal.tables import TABLES
from tillflow.portal.without_pins import without_pins

# mypy: the fixtures' class stands in conftest.py
Portal = Any

PAT = Editing(actor="pat", now=NOW, pin_secret=SECRET)
HQ_SINCE = "2024-12-31T13:00:00+00:00"


def as_csv(conn: Connection, table: str) -> str:
    """What is listed, as a file."""
    text = io.StringIO()
    records = list_records(conn, table, most=None)
    writer = csv.DictWriter(text, list(records[0].fields))
    writer.writeheader()
    writer.writerows(
        {k: str(v).lower() if v is True or v is False else v for k, v in one.fields.items()} for one in records
    )
    return text.getvalue()


def refusal(conn: Connection, table: str, **fields: Any) -> list[tuple[str | None, str, str]]:
    with pytest.raises(RecordRefusedError) as refused:
        put_record(conn, table, fields, editing=PAT)
    assert {(error.row, error.file) for error in refused.value.errors} == {(None, None)}
    return [(error.column, error.code, error.message) for error in refused.value.errors]


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_what_is_listed_can_be_loaded_again_and_changes_nothing(filled: Portal, table: str) -> None:
    before = filled.everything()
    assert {
        unchanged - read for read, _, _, unchanged in filled.counts(**{table: as_csv(filled.conn, table)}).values()
    } == {0}
    assert filled.everything() == before


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_every_record_can_be_read_by_its_key_and_put_as_it_was_seen(filled: Portal, table: str) -> None:
    before = filled.everything()
    for record in list_records(filled.conn, table, most=None):
        assert get_record(filled.conn, table, record.key) == record
        assert put_record(filled.conn, table, record.fields, editing=PAT, expected=record.token) == record
    assert filled.everything() == before


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_pages_follow_each_other_without_gap(filled: Portal, table: str) -> None:
    whole = list_records(filled.conn, table, most=None)
    pages: list[Record] = []
    for _ in whole:
        pages += list_records(filled.conn, table, most=1, after=pages[-1].key if pages else None)
    assert pages == whole
    assert list_records(filled.conn, table, after=whole[-1].key) == []


def test_values_are_those_of_the_file(filled: Portal) -> None:
    def fields(table: str, **filters: str) -> list[Mapping[str, Any]]:
        return [one.fields for one in list_records(filled.conn, table, filters=filters)]

    assert fields("products", product="1006") == [
        {"product": "1006", "name": "Chips", "tax_rate": "7.5", "not_invoiced_from": "2026-07-01T00:00:00+00:00"}
    ]
    assert [one["price"] for one in fields("draw_products")] == ["2.50", "300"]
    assert fields("planograms", equipment="VM-1", selection="000C") == [
        {
            "equipment": "VM-1", "valid_from": HQ_SINCE, "valid_to": None, "selection": "000C", "product": "1006",
            "price": "3.00", "currency": "AUD",
        }
    ]  # fmt: skip
    assert fields("lotteries", active="no")[0]["active"] is False
    assert [one["valid_from"] for one in fields("access", user="u2")] == [
        "2025-12-31T13:00:00+00:00",
        "2026-01-31T13:00:00+00:00",
    ]
    assert "pin" not in fields("users", user="u2")[0]


def test_filters_that_nothing_meets_and_filters_that_are_none(filled: Portal) -> None:
    assert list_records(filled.conn, "draws", filters={"draw_no": "first"}) == []
    assert list_records(filled.conn, "users", filters={"customer": "ACME' or true --"}) == []
    for name in ("pin", "id", "pin_hash", "x; drop table"):
        with pytest.raises(NoSuchRecordError):
            list_records(filled.conn, "users", filters={name: "1"})


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ("users", ("ACME", "u9"), "there is no such user: ACME/u9"),
        ("users", ("ACME",), "there is no such user: ACME"),
        ("draws", ("GOLD", "one"), "there is no such draw: GOLD/one"),
        ("equipment", ("\ud800\0",), "there is no such machine: ??"),
        ("secrets", ("a",), "there is no such table: secrets"),
    ],
)
def test_no_such_record(filled: Portal, table: str, key: tuple[str, ...], said: str) -> None:
    with pytest.raises(NoSuchRecordError) as unknown:
        get_record(filled.conn, table, key)
    assert str(unknown.value) == said


def test_a_record_is_added_and_changed_with_its_history(filled: Portal) -> None:
    added = put_record(
        filled.conn,
        "sites",
        {"site": "LAB", "customer": "ACME", "name": "Lab", "zone": "UTC"},
        editing=PAT,
        expected=NEW,
    )
    assert added.key == ("LAB",)
    why = Editing(actor="ann", now=NOW, pin_secret=SECRET, reason="they moved")
    changed = put_record(filled.conn, "sites", {"site": "LAB", "name": "Laboratory"}, editing=why, expected=added.token)
    assert changed.fields == {"site": "LAB", "customer": "ACME", "name": "Laboratory", "zone": "UTC"}
    assert changed.token != added.token
    first, second = history_of(filled.conn, "sites", ("LAB",))
    assert (first.actor, first.action, first.before, first.after) == ("pat", "added", None, dict(added.fields))
    assert (second.actor, second.action, second.reason, second.happened_at) == ("ann", "changed", "they moved", NOW)
    assert (second.before, second.after) == (dict(added.fields), dict(changed.fields))


def test_an_optional_column_that_is_not_given_stays_and_a_blank_one_is_cleared(filled: Portal) -> None:
    kept = put_record(filled.conn, "customers", {"customer": "ACME", "name": "Acme Ltd"}, editing=PAT)
    assert kept.fields["billing_email"] == "pay@acme.example"
    cleared = put_record(filled.conn, "customers", {"customer": "ACME", "billing_email": None}, editing=PAT)
    assert (cleared.fields["billing_email"], cleared.fields["name"]) == (None, "Acme Ltd")


def test_all_errors_are_told_with_column_and_code(filled: Portal) -> None:
    assert refusal(filled.conn, "sites", site="a b", customer="NONE", zone="Mars/Base") == [
        ("site", "bad_value", '"a b" is not a key of 1-40 letters, digits, - and _'),
        ("customer", "unknown_reference", 'there is no customer "NONE"'),
        ("name", "missing_value", "the value is missing; expected is text of at most 200 printable characters"),
        ("zone", "bad_value", '"Mars/Base" is not an IANA zone such as Australia/Sydney, or UTC'),
    ]
    assert refusal(filled.conn, "sites", site="X", colour="red")[0][:2] == (None, "unknown_header")
    assert [error[:2] for error in refusal(filled.conn, "sites")] == [
        (column, "missing_value") for column in ("site", "customer", "name", "zone")
    ]
    assert refusal(filled.conn, "products", product="1005", name="half \ud83d")[0][:2] == ("name", "bad_value")


def test_the_rules_of_a_file_hold_for_one_record(filled: Portal) -> None:
    assert refusal(filled.conn, "operators", user_name="x", capability="customer_user")[0][:2] == (
        "customer",
        "missing_value",
    )
    assert refusal(filled.conn, "planograms", equipment="VM-1", valid_from=HQ_SINCE, selection="1", product="1005",
                   price="1.234", currency="AUD") == [
        ("price", "bad_value", '"1.234" has more decimal places than AUD (2)')
    ]  # fmt: skip
    assert refusal(filled.conn, "users", customer="ACME", user="u3", name="C", role="Consumer", card_no="4711",
                   facility_id="57") == [
        ("card_no", "taken_value", 'the card ending in 11 with this facility_id is that of user "u1"')
    ]  # fmt: skip
    assert refusal(filled.conn, "access", customer="ACME", user="u1", equipment="VM-1", valid_from="2026-01-01") == [
        (
            "valid_from",
            "overlapping_period",
            "the period 2025-12-31T13:00:00Z to open overlaps the stored period (always to open)",
        )
    ]


def test_no_secret_is_in_an_answer_an_error_or_the_history(filled: Portal) -> None:
    user = {"customer": "ACME", "user": "u2", "access_code": "77", "pin": "8888\n"}
    told = refusal(filled.conn, "users", **user | {"email": "secret address", "card_no": "5" * 41})
    assert [error[:2] for error in told] == [("email", "bad_value"), ("card_no", "bad_value"), ("pin", "bad_value")]
    assert not any(secret in str(told) for secret in ("8888", "secret address", "55"))
    seen = get_record(filled.conn, "users", ("ACME", "u2"))
    put = put_record(filled.conn, "users", user | {"pin": "8888"}, editing=PAT, expected=seen.token)
    assert put.fields == seen.fields
    assert put.token != seen.token  # another PIN is another record
    event = history_of(filled.conn, "users", ("ACME", "u2"))[-1]
    assert (event.action, event.before, event.after) == (
        "changed",
        dict(seen.fields) | {"card_no": "**12", "access_code": "*7"},
        dict(seen.fields) | {"card_no": "**12", "access_code": "*7", "pin": "changed"},
    )
    (stored,) = filled.rows("select pin_hash::text from portal.consumer where key = 'u2'")[0]
    kept = json.dumps([str(row) for row in filled.rows("select * from history.event")])
    assert not any(secret in kept + str(put) for secret in (stored, "8888", "9421"))


def test_who_comes_second_is_told_and_overwrites_nothing(filled: Portal) -> None:
    seen = get_record(filled.conn, "equipment", ("VM-1",))
    put_record(filled.conn, "equipment", {"equipment": "VM-1", "name": "Hall"}, editing=PAT, expected=seen.token)
    with pytest.raises(StaleRecordError) as stale:
        put_record(filled.conn, "equipment", {"equipment": "VM-1", "name": "Door"}, editing=PAT, expected=seen.token)
    assert str(stale.value) == (
        "the machine VM-1 was changed meanwhile (by pat, 2026-03-01 09:00 UTC); nothing was saved: look at it again"
    )
    assert stale.value.current == get_record(filled.conn, "equipment", ("VM-1",))
    assert stale.value.current.fields["name"] == "Hall"
    with pytest.raises(StaleRecordError, match="the machine VM-1 is there already; nothing was saved"):
        put_record(filled.conn, "equipment", {"equipment": "VM-1"}, editing=PAT, expected=NEW)
    with pytest.raises(StaleRecordError, match="the machine VM-7 was removed meanwhile; nothing was saved"):
        put_record(filled.conn, "equipment", {"equipment": "VM-7"}, editing=PAT, expected=seen.token)
    with pytest.raises(StaleRecordError, match="changed meanwhile"):
        delete_record(filled.conn, "equipment", ("VM-1",), editing=PAT, expected=seen.token)


def test_of_two_who_edit_the_same_record_at_once_one_is_told(filled: Portal, database: str) -> None:
    seen = get_record(filled.conn, "equipment", ("VM-1",))
    before = filled.last_event

    def edit(conn: Connection) -> str:
        name = str(conn.info.backend_pid)
        try:
            put_record(conn, "equipment", {"equipment": "VM-1", "name": name}, editing=PAT, expected=seen.token)
        except StaleRecordError:
            return ""
        return name

    (saved,) = [name for name in at_once(database, edit, callers=4) if name]
    assert get_record(filled.conn, "equipment", ("VM-1",)).fields["name"] == saved
    assert len(filled.history("equipment", before)) == 1


def test_a_selection_comes_into_its_version_and_the_others_stay(filled: Portal) -> None:
    """Both as an instant and as the day that it is at the site."""
    for beginning, selection in ((HQ_SINCE, "0002"), ("2025-01-01", "0003")):
        put_record(
            filled.conn,
            "planograms",
            {"equipment": "VM-1", "valid_from": beginning, "selection": selection, "product": "1005", "price": "1",
             "currency": "AUD"},
            editing=PAT,
            expected=NEW,
        )  # fmt: skip
    listed = list_records(filled.conn, "planograms", filters={"equipment": "VM-1"})
    assert [one.fields["selection"] for one in listed] == ["0001", "0002", "0003", "000C"]
    assert {one.fields["valid_from"] for one in listed} == {HQ_SINCE}
    (event,) = history_of(filled.conn, "planograms", ("VM-1", HQ_SINCE, "0003"))
    assert event.after is not None
    assert (event.action, event.after["price"], event.after["selection"]) == ("added", "1.00", "0003")


def test_a_key_is_trimmed_as_in_a_file_and_no_further(filled: Portal) -> None:
    """An em space is part of a code: what it names is another selection, and the first one stays."""
    for selection in ("\u00a0 0001\t", "0001\u2003"):
        fields = {"equipment": " VM-1", "valid_from": f"{HQ_SINCE} ", "selection": selection, "product": "1006"}
        put_record(filled.conn, "planograms", fields | {"price": "1", "currency": "AUD"}, editing=PAT)
    listed = list_records(filled.conn, "planograms", filters={"equipment": "VM-1"})
    assert [(one.fields["selection"], one.fields["product"]) for one in listed] == [
        ("0001", "1006"), ("0001\u2003", "1006"), ("000C", "1006"),
    ]  # fmt: skip


def test_a_selection_whose_code_has_a_slash_has_the_history_of_its_version(filled: Portal) -> None:
    record = put_record(
        filled.conn,
        "planograms",
        {"equipment": "VM-1", "valid_from": HQ_SINCE, "selection": "A/1", "product": "1005", "price": "1",
         "currency": "AUD"},
        editing=PAT,
    )  # fmt: skip
    filled.load(planograms="equipment,valid_from,selection,product,price,currency\nVM-1,2026-02-01,1,1005,1,AUD\n")
    events = history_of(filled.conn, "planograms", record.key)
    assert [(event.action, event.key.count("/")) for event in events] == [("added", 3), ("changed", 1)]


def test_the_end_of_a_version_is_that_of_all_its_selections(filled: Portal) -> None:
    put_record(
        filled.conn,
        "planograms",
        {"equipment": "VM-1", "valid_from": HQ_SINCE, "selection": "0001", "valid_to": "2027-01-01T00:00Z"},
        editing=PAT,
    )
    listed = list_records(filled.conn, "planograms", filters={"equipment": "VM-1"})
    assert [(one.fields["selection"], one.fields["valid_to"]) for one in listed] == [
        ("0001", "2027-01-01T00:00:00+00:00"),
        ("000C", "2027-01-01T00:00:00+00:00"),
    ]


def test_a_later_period_ends_the_open_one_and_its_history_says_so(filled: Portal) -> None:
    filled.load(sites="site,customer,name,zone\nLAB,ACME,Lab,UTC\n")
    put_record(
        filled.conn, "allocations", {"equipment": "VM-1", "site": "LAB", "valid_from": "2026-02-01"}, editing=PAT
    )
    first, second = list_records(filled.conn, "allocations", filters={"equipment": "VM-1"})
    assert (first.fields["valid_to"], second.fields["valid_from"]) == ("2026-02-01T00:00:00+00:00",) * 2
    event = history_of(filled.conn, "allocations", first.key)[-1]
    assert (event.action, event.reason) == ("changed", "ended because the next period begins")


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ("channels", ("cc",), "the channel cc is still used by operators: ann/offline_sales_upload"),
        ("lotteries", ("GOLD",), "the lottery GOLD is still used by draws: 1"),
        ("draws", ("GOLD", "1"), "the draw GOLD/1 is still used by draw_products: T1"),
        (
            "customers",
            ("BETA",),
            "the customer BETA is still used by sites: PAR; users: u1; operators: cy/customer_user",
        ),
        ("sites", ("HQ",), "the site HQ is still used by allocations: VM-1 since 2024-12-31 13:00 UTC"),
        (
            "equipment",
            ("VM-1",),
            "the machine VM-1 is still used by allocations: HQ since 2024-12-31 13:00 UTC; "
            "planograms: since 2024-12-31 13:00 UTC; access: ACME/u1, ACME/u2, ACME/u2",
        ),
        ("products", ("1006",), "the product 1006 is still used by planograms: VM-1/000C since 2024-12-31 13:00 UTC"),
        ("users", ("ACME", "u1"), "the user ACME/u1 is still used by access: VM-1 for all time"),
        (
            "operators",
            ("pat", "provider", "", ""),
            "the grant pat/provider is still used by everybody: it is the last grant of provider, nobody could edit "
            "portal data any more",
        ),
    ],
)
def test_what_is_still_used_stays_and_its_users_are_named(
    filled: Portal, table: str, key: tuple[str, ...], said: str
) -> None:
    before = filled.everything()
    with pytest.raises(StillUsedError) as used:
        delete_record(filled.conn, table, key, editing=PAT)
    assert str(used.value) == said
    assert filled.everything() == before


def test_everything_can_be_removed_from_the_leaves_up_and_is_in_the_history(filled: Portal) -> None:
    order = ["access", "planograms", "allocations", "operators", "users", "sites", "customers", "equipment", "products",
             "provider", "buyers", "draw_products", "draws", "lotteries", "channels"]  # fmt: skip
    assert sorted(order) == sorted(table.name for table in TABLES)
    filled.conn.execute("insert into portal.operator (user_name, capability) values ('zed', 'provider')")
    for table in order:
        records = [one for one in list_records(filled.conn, table, most=None) if one.key[0] != "zed"]
        for record in records:
            delete_record(filled.conn, table, record.key, editing=PAT, expected=record.token)
            event = history_of(filled.conn, table, record.key)[-1]
            assert (event.actor, event.action, event.after) == ("pat", "removed", None)
            assert event.before is not None
            assert event.before.keys() == record.fields.keys()
    for schema_table in ("planogram", "selection", "access", "consumer", "channel", "buyer"):
        assert filled.rows(f"select count(*) from portal.{schema_table}") == [(0,)]


def test_a_removed_record_can_come_back(filled: Portal, small_portal: Mapping[str, str]) -> None:
    delete_record(filled.conn, "buyers", ("C-1", ""), editing=PAT)
    assert filled.counts(buyers=small_portal["buyers"]) == {"buyers": (2, 1, 0, 1)}
    assert [event.action for event in history_of(filled.conn, "buyers", ("C-1", ""))] == ["added", "removed", "added"]


def test_a_listing_for_the_archive_needs_no_blanking(filled: Portal) -> None:
    listed = as_csv(filled.conn, "users").encode()
    assert without_pins({"users.csv": listed}) == {"users.csv": listed}

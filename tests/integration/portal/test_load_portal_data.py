"""All or nothing, added or changed by natural key, every change in the history, safe to run twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.racing import Running, wait_until_blocked
from tillflow.db.connection import APP_ROLE, connect
from tillflow.errors import FileRefusedError
from tillflow.portal import load_portal_data as module
from tillflow.portal.load_portal_data import TableCount, load_portal_data

# mypy: the fixtures' class stands in conftest.py
Portal = Any


def test_every_table_is_loaded(portal: Portal, small_portal: Mapping[str, str]) -> None:
    counts = portal.counts(**small_portal)
    rows = {name: text.count("\n") - 1 for name, text in small_portal.items()}
    assert counts == {name: (n, n, 0, 0) for name, n in rows.items()}
    assert portal.rows("select key, name, zone, max_row_errors from portal.channel order by key") == [
        ("cc", "Call centre", "Australia/Sydney", None),
        ("stall", "Stall", "Europe/Paris", 5),
    ]
    assert portal.rows(
        "select key, currency, address_format, address_required, active from portal.lottery order by key"
    ) == [("GOLD", "AUD", "standard", False, True), ("YEN", "JPY", "international", True, False)]
    assert portal.rows("select draw_no, max_entries from portal.draw order by 1") == [(1, 1000), (7, None)]
    assert portal.rows("select product, price_minor, entries from portal.draw_product order by price_minor") == [
        ("T1", 250, 1),
        ("T1", 300, 5),
    ]
    assert portal.rows("select customer_id, email, first_name from portal.buyer order by first_name") == [
        ("C-1", "ann@x.example", "Ann"),
        (None, "bob@x.example", "Bob"),
    ]
    assert portal.rows("select asset_no, silent_after_hours from portal.equipment order by 1") == [
        ("VM-1", 24),
        ("VM-2", 48),
    ]
    assert portal.rows("select code, tax_rate_bp, not_invoiced_from from portal.product order by code") == [
        ("1005", 1000, None),
        ("1006", 750, datetime(2026, 7, 1, tzinfo=UTC)),
    ]
    assert portal.rows("select code, price_minor, currency from portal.selection order by 2") == [
        ("0001", 200, "EUR"),
        ("0001", 250, "AUD"),
        ("000C", 300, "AUD"),
    ]
    assert portal.rows("select key, card_no, facility_id, access_code from portal.consumer order by id") == [
        ("u1", "4711", "57", None),
        ("u2", "4712", "", "77"),  # a blank facility is a value of its own
        ("u1", None, None, None),
    ]
    assert portal.rows("select valid::text from portal.access order by valid") == [
        ("(,)",),
        ('["2025-12-31 13:00:00+00","2026-01-31 13:00:00+00")',),
        ('["2026-01-31 13:00:00+00",)',),
    ]


def test_running_it_twice_changes_nothing(filled: Portal, small_portal: Mapping[str, str]) -> None:
    before = filled.everything()
    counts = filled.counts(**small_portal)
    assert {(added, changed) for _, added, changed, _ in counts.values()} == {(0, 0)}
    assert all(read == unchanged for read, _, _, unchanged in counts.values())
    assert filled.everything() == before


def test_twice_in_one_transaction(portal: Portal, small_portal: Mapping[str, str]) -> None:
    with portal.conn.transaction():
        portal.load(**small_portal)
        assert portal.counts(customers=small_portal["customers"]) == {"customers": (2, 0, 0, 2)}


def test_a_preview_tells_the_same_and_changes_nothing(portal: Portal, small_portal: Mapping[str, str]) -> None:
    before = portal.everything()
    preview = portal.load(preview=True, **small_portal)
    assert portal.everything() == before
    loaded = portal.load(**small_portal)
    assert preview.counts == loaded.counts
    assert (preview.preview, loaded.preview) == (True, False)


def test_one_bad_row_keeps_every_file_out(portal: Portal, small_portal: Mapping[str, str]) -> None:
    tables = dict(small_portal)
    tables["operators"] += "zoe,root,,\n"
    assert portal.errors(**tables) == [("operators.csv", 5, "capability", "bad_value")]


def test_a_changed_record_is_changed_and_recorded(filled: Portal) -> None:
    start = filled.last_event
    counts = filled.counts(
        customers="customer,name,zone,currency,billing_email\n"
        "ACME,Acme,Australia/Sydney,AUD,pay@acme.example\nBETA,Beta SA,Europe/Paris,EUR,\nNEW,New,UTC,KWD,\n"
    )
    assert counts == {"customers": (3, 1, 1, 1)}
    billing = dict.fromkeys(
        "billing_email address_line_1 address_line_2 city region postcode country tax_id approval_limit_minor"
        " billing_from".split()
    ) | {"payment_days": 14, "billing_calendar": "none"}
    beta = {"customer": "BETA", "name": "Beta", "zone": "Europe/Paris", "currency": "EUR", **billing}
    new = {"customer": "NEW", "name": "New", "zone": "UTC", "currency": "KWD", **billing}
    assert filled.history("customers", start) == [
        ("BETA", "changed", beta, beta | {"name": "Beta SA"}),
        ("NEW", "added", None, new),
    ]
    actors = filled.rows("select distinct actor, happened_at from history.event where id > %s", start)
    assert actors == [("pat", datetime(2026, 3, 1, 9, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("table", "changed", "key"),
    [
        ("channels", "cc,Call centre,Australia/Sydney,0", "cc"),
        ("lotteries", "GOLD,Gold,AUD,standard,no,no", "GOLD"),
        ("draws", "GOLD,1,2026-01-01,2026-02-02T18:00+11:00,1000", "GOLD/1"),
        ("draws", "GOLD,1,2026-01-01,2026-02-01T18:00+11:00,999", "GOLD/1"),
        ("draws", "GOLD,1,2026-01-01,2026-02-01T18:00+11:00,", "GOLD/1"),
        ("draw_products", "GOLD,1,T1,One ticket,2.60,1", "GOLD/1/T1"),
        ("draw_products", "GOLD,1,T1,One ticket,2.50,2", "GOLD/1/T1"),
        ("draw_products", "YEN,7,T1,Book of five,300,", "YEN/7/T1"),
        ("buyers", "C-1,ann@x.example,Anne,Ash", "customer_id/C-1"),
        ("buyers", ",bob@x.example,Robert,Birch", "email/bob@x.example"),
        ("customers", "ACME,Acme,Australia/Perth,AUD,pay@acme.example", "ACME"),
        ("sites", "PAR,ACME,Paris,Europe/Paris", "PAR"),
        ("equipment", "VM-1,Foyer,25", "VM-1"),
        ("allocations", "VM-1,HQ,2025-01-01,2026-06-01", "VM-1/2024-12-31T13:00:00Z"),
        ("allocations", "VM-1,PAR,2024-12-31T13:00Z,", "VM-1/2024-12-31T13:00:00Z"),
        ("products", "1005,Cola,10.01,", "1005"),
        ("planograms", "VM-2,2025-01-01,2026-01-01,0001,1006,2,EUR", "VM-2/2024-12-31T23:00:00Z/0001"),
        ("planograms", "VM-2,2025-01-01,2026-01-01,0001,1005,2.00,USD", "VM-2/2024-12-31T23:00:00Z/0001"),
        ("planograms", "VM-2,2025-01-01,,0001,1005,2,EUR", "VM-2/2024-12-31T23:00:00Z/0001"),
        ("users", "ACME,u1,Ann,ann@acme.example,Consumer,4711,0,,", "ACME/u1"),
        ("users", "BETA,u1,Cy,,Consumer,,,,", "BETA/u1"),
        ("access", "ACME,u1,VM-1,,2026-05-01", "ACME/u1/VM-1/always"),
        ("access", "ACME,u2,VM-1,2026-02-01,2026-05-01", "ACME/u2/VM-1/2026-01-31T13:00:00Z"),
    ],
)
def test_each_value_counts_as_a_change(
    filled: Portal, small_portal: Mapping[str, str], table: str, changed: str, key: str
) -> None:
    start = filled.last_event
    header = small_portal[table].splitlines()[0]
    assert filled.counts(**{table: f"{header}\n{changed}\n"}) == {table: (1, 0, 1, 0)}
    assert [(event[0], event[1]) for event in filled.history(table, start)] == [(key, "changed")]
    before, after = filled.history(table, start)[0][2:]
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in before) == 1
    assert filled.counts(**{table: f"{header}\n{changed}\n"}) == {table: (1, 0, 0, 1)}


def test_a_column_that_is_missing_keeps_what_is_stored_and_a_blank_one_clears_it(filled: Portal) -> None:
    query = "select name, billing_email from portal.customer where key = 'ACME'"
    filled.load(customers="customer,name,zone,currency\nACME,Acme 2,Australia/Sydney,AUD\n")
    assert filled.rows(query) == [("Acme 2", "pay@acme.example")]
    filled.load(customers="customer,name,zone,currency,billing_email\nACME,Acme 2,Australia/Sydney,AUD,\n")
    assert filled.rows(query) == [("Acme 2", None)]


def test_limits_and_entries_that_a_file_does_not_know_stay(filled: Portal) -> None:
    counts = filled.counts(
        draws="lottery,draw_no,opens_at,closes_at\nGOLD,1,2026-01-01,2026-02-01T18:00+11:00\n",
        draw_products="lottery,draw_no,product,name,price\nYEN,7,T1,Book of five,300\nGOLD,1,T2,Two,4\n",
    )
    assert counts == {"draws": (1, 0, 0, 1), "draw_products": (2, 1, 0, 1)}
    assert filled.rows("select product, entries from portal.draw_product order by id") == [
        ("T1", 1), ("T1", 5), ("T2", 1),
    ]  # fmt: skip


def test_a_draw_allows_no_fewer_entries_than_it_has_given(filled: Portal) -> None:
    filled.conn.execute(
        "insert into books.draw_counter select id, 41 from portal.draw where draw_no = 1"  # forty are given
    )
    row = "lottery,draw_no,opens_at,closes_at,max_entries\nGOLD,1,2026-01-01,2026-02-01T18:00+11:00,"
    assert filled.errors(draws=f"{row}39\n") == [("draws.csv", 2, "max_entries", "bad_value")]
    assert filled.messages(draws=f"{row}39\n") == ["the draw has given 40 entries already, more than 39"]
    filled.load(draws=f"{row}40\n")
    filled.load(draws=f"{row}\n")
    assert filled.rows("select max_entries from portal.draw where draw_no = 1") == [(None,)]


def test_whoever_is_giving_entries_is_waited_for(filled: Portal, database: str) -> None:
    filled.conn.execute("insert into books.draw_counter select id, 41 from portal.draw where draw_no = 1")
    row = "lottery,draw_no,opens_at,closes_at,max_entries\nGOLD,1,2026-01-01,2026-02-01T18:00+11:00,45\n"
    with connect(database, role=APP_ROLE) as giver:
        with giver.transaction():
            giver.execute("update books.draw_counter set next_entry = 61")
            late = Running(lambda: filled.messages(draws=row))
            wait_until_blocked(giver, filled.conn)
        assert late.result() == ["the draw has given 60 entries already, more than 45"]


def test_a_blank_value_is_the_default(filled: Portal) -> None:
    query = "select silent_after_hours, name from portal.equipment where asset_no = 'VM-1'"
    filled.load(equipment="equipment,silent_after_hours\nVM-1,\n")
    assert filled.rows(query) == [(48, "Foyer")]
    filled.load(equipment="equipment,name\nVM-1,\n")
    assert filled.rows(query) == [(48, "")]


def test_rows_that_are_not_in_the_file_stay(filled: Portal) -> None:
    assert filled.counts(operators="user_name,capability\nzoe,auditor\n") == {"operators": (1, 1, 0, 0)}
    assert filled.rows("select count(*) from portal.operator") == [(4,)]


def test_a_buyer_with_a_number_is_not_found_by_email(filled: Portal) -> None:
    counts = filled.counts(buyers="email,first_name,last_name\nann@x.example,Ann,Ash\n")
    assert counts == {"buyers": (1, 1, 0, 0)}
    assert filled.rows("select count(*) from portal.buyer where email = 'ann@x.example'") == [(2,)]


def test_money_has_the_places_of_its_currency(filled: Portal) -> None:
    filled.load(
        lotteries="lottery,name,currency\nDINAR,Dinar,KWD\n",
        draws="lottery,draw_no,opens_at,closes_at\nDINAR,1,2026-01-01,2027-01-01\n",
        draw_products="lottery,draw_no,product,name,price\nDINAR,1,a,a,1.25\nDINAR,1,b,b,0.005\nYEN,7,c,c,999999999999\n",
    )
    assert filled.rows("select product, price_minor from portal.draw_product where id > 2 order by 1") == [
        ("a", 1250),
        ("b", 5),
        ("c", 999999999999),
    ]


def test_warnings_come_back_with_the_file_they_are_about(portal: Portal) -> None:
    files = {"customers.csv": "customer,name,zone,currency\nA,Café,UTC,EUR\n".encode("cp1252")}
    loaded = load_portal_data(portal.conn, files, actor="pat", now=datetime.now(UTC), pin_secret=b"s" * 16)
    assert [(note.code, note.file) for note in loaded.warnings] == [("windows_1252", "customers.csv")]
    assert loaded.counts == {"customers": TableCount(read=1, added=1)}
    assert portal.rows("select name from portal.customer") == [("Café",)]


def test_two_loads_at_once_wait_for_each_other(
    database: str, small_portal: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock both would see an empty portal, and the second would break on a unique key."""
    take_steps = module._take_steps

    def take_time(*arguments: Any) -> None:
        time.sleep(0.05)
        take_steps(*arguments)

    monkeypatch.setattr(module, "_take_steps", take_time)
    added: list[int] = []

    def load() -> None:
        with connect(database, role=APP_ROLE) as conn:
            files = {f"{name}.csv": text.encode() for name, text in small_portal.items()}
            loaded = load_portal_data(conn, files, actor="pat", now=datetime.now(UTC), pin_secret=b"s" * 16)
            added.append(sum(count.added for count in loaded.counts.values()))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, sum(text.count("\n") - 1 for text in small_portal.values())]


def test_what_the_database_refuses_names_no_values(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last wall: somebody added the same customer while we were between looking and writing."""
    take_steps = module._take_steps

    def meanwhile(conn: psycopg.Connection[Any], sheet: Any, zone: str) -> None:
        conn.execute("alter table pg_temp.change add check (key <> array['SECRET'])")
        take_steps(conn, sheet, zone)

    monkeypatch.setattr(module, "_take_steps", meanwhile)
    with pytest.raises(FileRefusedError) as refusal:
        portal.load(customers="customer,name,zone,currency\nSECRET,Acme,UTC,AUD\n")
    assert [error.code for error in refusal.value.errors] == ["conflicting_change"]
    assert "change_key_check" in str(refusal.value)
    assert "SECRET" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_how_a_customer_is_billed_and_who_invoices_are_portal_data(filled: Portal) -> None:
    header = "customer,name,zone,currency,country,payment_days,approval_limit,billing_calendar,billing_from\n"
    filled.load(customers=header + "ACME,Acme,Australia/Sydney,AUD,AU,30,1000.00,Monthly,2026-06-01\n")
    limit = "select approval_limit_minor, payment_days, billing_calendar from portal.customer where key = 'ACME'"
    assert filled.conn.execute(limit).fetchone() == (100_000, 30, "monthly")
    filled.load(customers="customer,name,zone,currency\nACME,Acme,Australia/Sydney,AUD\n")  # absent columns stay
    assert filled.conn.execute(limit).fetchone() == (100_000, 30, "monthly")
    provider = "provider,name,city,invoice_prefix\nmain,Southern Vending Ltd,Geelong,SV-2026-\n"
    assert filled.counts(provider=provider) == {"provider": (1, 0, 1, 0)}
    assert filled.counts(provider=provider) == {"provider": (1, 0, 0, 1)}
    found = filled.conn.execute("select name, city, invoice_prefix, credit_prefix from portal.provider").fetchall()
    assert found == [("Southern Vending Ltd", "Geelong", "SV-2026-", "CN-")]

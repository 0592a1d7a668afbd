"""Every error there is, with its file, row and column; and nothing of a refused load is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tillflow.errors import FileRefusedError
from tillflow.portal.load_portal_data import load_portal_data

# mypy: the fixtures' class stands in conftest.py
Portal = Any


#: table, row, column and code of the one error
BAD_ROWS = (
    ("channels", "CC,Call,UTC,", "channel", "bad_value"),
    ("channels", "x,,UTC,", "name", "missing_value"),
    ("channels", "x,X,Mars/Base,", "zone", "bad_value"),
    ("channels", "x,X,UTC,-1", "max_row_errors", "bad_value"),
    ("lotteries", "X,X,XXX,,,", "currency", "bad_value"),
    ("lotteries", "X,X,AUD,odd,,", "address_format", "bad_value"),
    ("lotteries", "X,X,AUD,,maybe,", "address_required", "bad_value"),
    ("lotteries", "X,X,AUD,,,maybe", "active", "bad_value"),
    ("lotteries", "GOLD,Gold,USD,,,", "currency", "bad_value"),
    ("draws", "NONE,1,2026-01-01,2026-02-01,", "lottery", "unknown_reference"),
    ("draws", "GOLD,0,2026-01-01,2026-02-01,", "draw_no", "bad_value"),
    ("draws", "GOLD,2,2026-01-32,2026-02-01,", "opens_at", "bad_value"),
    ("draws", "GOLD,2,2026-01-01,,", "closes_at", "missing_value"),
    ("draws", "GOLD,2,2026-01-01,2026-01-01,", "closes_at", "bad_value"),
    ("draws", "GOLD,2,2026-01-01,2026-02-01,0", "max_entries", "bad_value"),
    ("draws", "GOLD,2,2026-01-01,2026-02-01,1.5", "max_entries", "bad_value"),
    ("draw_products", "GOLD,1,T,T,1,0", "entries", "bad_value"),
    ("draw_products", "NONE,1,T,T,1,", "lottery", "unknown_reference"),
    ("draw_products", "GOLD,9,T,T,1,", "draw_no", "unknown_reference"),
    ("draw_products", "GOLD,1,T,T,0.00,", "price", "bad_value"),
    ("draw_products", "GOLD,1,T,T,2.505,", "price", "bad_value"),
    ("draw_products", "YEN,7,T,T,300.0,", "price", "bad_value"),
    ("buyers", ",,Ann,Ash", "customer_id", "missing_value"),
    ("buyers", "C-9,nobody,Ann,Ash", "email", "bad_value"),
    ("customers", "A B,X,UTC,AUD,", "customer", "bad_value"),
    ("customers", "X,X,UTC,AUD,@", "billing_email", "bad_value"),
    ("sites", "S,NONE,S,UTC", "customer", "unknown_reference"),
    ("equipment", "VM-9,X,0", "silent_after_hours", "bad_value"),
    ("allocations", "VM-9,HQ,2025-01-01,", "equipment", "unknown_reference"),
    ("allocations", "VM-1,NONE,2025-01-01,", "site", "unknown_reference"),
    ("allocations", "VM-1,HQ,,", "valid_from", "missing_value"),
    ("allocations", "VM-1,HQ,2026-01-01T00:00,", "valid_from", "bad_value"),
    ("allocations", "VM-2,HQ,2026-03-01,2026-03-01", "valid_to", "bad_value"),
    ("allocations", "VM-2,HQ,2025-12-01,", "valid_from", "overlapping_period"),
    ("products", "1,X,100.5,", "tax_rate", "bad_value"),
    ("products", "1,X,,soon", "not_invoiced_from", "bad_value"),
    ("planograms", "VM-9,2026-03-01,,1,1005,1,AUD", "equipment", "unknown_reference"),
    ("planograms", "VM-2,2026-03-01,,1,9999,1,AUD", "product", "unknown_reference"),
    ("planograms", "VM-2,2026-03-01,,1,1005,1.234,AUD", "price", "bad_value"),
    ("planograms", "VM-2,2026-03-01,,1,1005,-1,AUD", "price", "bad_value"),
    ("planograms", "VM-2,2026-03-01,2026-03-01,1,1005,1,AUD", "valid_to", "bad_value"),
    ("planograms", "VM-2,2025-12-31,,1,1005,1,AUD", "valid_from", "overlapping_period"),
    ("users", "NONE,u9,X,,Consumer,,,,", "customer", "unknown_reference"),
    ("users", "ACME,u9,X,,,,,,", "role", "missing_value"),
    ("users", "ACME,u9,X,x,Consumer,,,,", "email", "bad_value"),
    ("users", "ACME,u9,X,,Consumer,,57,,", "card_no", "missing_value"),
    ("users", "ACME,u9,X,,Consumer,,,78,", "pin", "missing_value"),
    ("users", "ACME,u9,X,,Consumer,,,,1234", "access_code", "missing_value"),
    ("users", "ACME,u9,X,,Consumer,4711,57,,", "card_no", "taken_value"),
    ("users", "ACME,u9,X,,Consumer,,,77,9421", "access_code", "taken_value"),
    ("access", "NONE,u1,VM-1,,", "customer", "unknown_reference"),
    ("access", "ACME,u9,VM-1,,", "user", "unknown_reference"),
    ("access", "ACME,u1,VM-9,,", "equipment", "unknown_reference"),
    ("access", "ACME,u1,VM-2,2026-01-02,2026-01-01", "valid_to", "bad_value"),
    ("access", "ACME,u1,VM-1,2026-01-01,", "valid_from", "overlapping_period"),
    ("operators", "x,root,,", "capability", "bad_value"),
    ("operators", "x,offline_sales_admin,,", "channel", "missing_value"),
    ("operators", "x,offline_sales_admin,none,", "channel", "unknown_reference"),
    ("operators", "x,provider,cc,", "channel", "bad_value"),
    ("operators", "x,customer_user,,", "customer", "missing_value"),
    ("operators", "x,customer_user,,NONE", "customer", "unknown_reference"),
    ("operators", "x,auditor,,ACME", "customer", "bad_value"),
)


def test_a_bad_row(filled: Portal, small_portal: Mapping[str, str], subtests: pytest.Subtests) -> None:
    """One database for all: a refused load changes nothing, which `errors` makes sure of."""
    for table, row, column, code in BAD_ROWS:
        with subtests.test(table=table, row=row):
            header = small_portal[table].splitlines()[0]
            assert filled.errors(**{table: f"{header}\n\n{row}\n"}) == [(f"{table}.csv", 3, column, code)]


@pytest.mark.parametrize(
    "table", ["channels", "lotteries", "draws", "draw_products", "customers", "sites", "equipment", "products"]
)
def test_a_key_stands_once(portal: Portal, small_portal: Mapping[str, str], table: str) -> None:
    text = small_portal[table]
    repeated = text + text.splitlines()[1] + "\n"
    assert (f"{table}.csv", 4, None, "duplicate_row") in portal.errors(**{**small_portal, table: repeated})


@pytest.mark.parametrize(
    ("table", "repeated", "column"),
    [
        ("buyers", ",BOB@x.example,B,B", None),
        ("users", "ACME,u1,Other,,Consumer,,,,", None),
        ("operators", "pat,Provider,,", None),
        ("allocations", "VM-1,HQ,2024-12-31T13:00Z,", "valid_from"),  # the same instant, written otherwise
        ("access", "ACME,u1,VM-1,,2026-01-01", "valid_from"),
        ("planograms", "VM-1,2025-01-01,,0001,1006,2,AUD", "selection"),
    ],
)
def test_a_key_stands_once_however_it_is_written(
    portal: Portal, small_portal: Mapping[str, str], table: str, repeated: str, column: str | None
) -> None:
    text = f"{small_portal[table]}{repeated}\n"
    errors = portal.errors(**{**small_portal, table: text})
    assert errors == [(f"{table}.csv", text.count("\n"), column, "duplicate_row")]


def test_rows_of_a_planogram_agree_on_its_end(filled: Portal) -> None:
    planograms = (
        "equipment,valid_from,valid_to,selection,product,price,currency\n"
        "VM-2,2026-03-01,2026-05-01,1,1005,1,EUR\nVM-2,2026-03-01,,2,1005,1,EUR\n"
        "VM-2,2026-03-01,2026-04-30T22:00Z,3,1005,1,EUR\nVM-2,2026-03-01,x,4,1005,1,EUR\n"
    )
    assert filled.errors(planograms=planograms) == [
        ("planograms.csv", 3, "valid_to", "bad_value"),
        ("planograms.csv", 5, "valid_to", "bad_value"),
    ]


def test_all_errors_of_all_files_come_at_once_and_in_order(portal: Portal) -> None:
    assert portal.errors(
        users="customer,user,name,role\nACME,u1,,Consumer\nACME,u2,Bob,\nNONE,u3,Cy,Consumer\n",
        sites="site,customer,name,zone\nHQ,ACME,,Mars\n",
        customers="customer,name,zone,currency\nACME,Acme,UTC,XYZ\n",
        foods="a,b\n",
    ) == [
        ("foods.csv", None, None, "unknown_table"),
        ("customers.csv", 2, "currency", "bad_value"),
        ("sites.csv", 2, "name", "missing_value"),
        ("sites.csv", 2, "zone", "bad_value"),
        ("users.csv", 2, "name", "missing_value"),
        ("users.csv", 3, "role", "missing_value"),
        ("users.csv", 4, "customer", "unknown_reference"),
    ]


def test_a_reference_to_a_row_with_an_error_is_no_second_error(portal: Portal) -> None:
    tables = {
        "customers": "customer,name,zone,currency\nACME,Acme,UTC,\n",
        "sites": "site,customer,name,zone\nHQ,ACME,HQ,UTC\n",
        "equipment": "equipment\nVM-1\n",
        "allocations": "equipment,site,valid_from\nVM-1,HQ,2026-01-01\n",
    }
    assert portal.errors(**tables) == [("customers.csv", 2, "currency", "missing_value")]


def test_nothing_is_called_unknown_while_its_own_file_cannot_be_read(portal: Portal) -> None:
    sites = "site,customer,name,zone\nHQ,ACME,HQ,UTC\n"
    for customers in ("customer,name,zone\nACME,Acme,UTC\n", "customer,name,zone,currency\nACME,Acme,UTC\n", ""):
        assert {file for file, *_ in portal.errors(customers=customers, sites=sites)} == {"customers.csv"}


def test_a_period_beside_a_refused_one_is_judged_by_what_is_stored(filled: Portal) -> None:
    allocations = "equipment,site,valid_from,valid_to\nVM-2,PAR,2025-01-01,x\nVM-2,HQ,2025-03-01,\n"
    assert filled.errors(allocations=allocations) == [
        ("allocations.csv", 2, "valid_to", "bad_value"),
        ("allocations.csv", 3, "valid_from", "overlapping_period"),
    ]


def test_past_an_error_nothing_reaches_a_constraint(filled: Portal) -> None:
    allocations = "equipment,site,valid_from,valid_to\nVM-2,PAR,2025-01-01,2024-01-01\nVM-2,HQ,2025-03-01,\n"
    assert filled.errors(
        channels="channel,name,zone\nnew,New,\n",
        allocations=allocations,
        operators="user_name,capability,channel\nx,offline_sales_upload,new\n",
    ) == [("channels.csv", 2, "zone", "missing_value"), ("allocations.csv", 2, "valid_to", "bad_value")]


def test_no_files_at_all(portal: Portal) -> None:
    assert [error.code for error in portal.refusal().errors] == ["empty_file"]


def test_a_table_twice(portal: Portal, small_portal: Mapping[str, str]) -> None:
    content = small_portal["customers"].encode()
    files = {"customers.csv": content, "Customers": content}
    with pytest.raises(FileRefusedError) as refusal:
        load_portal_data(portal.conn, files, actor="pat", now=datetime.now(UTC), pin_secret=b"s" * 16)
    assert [(error.code, error.file) for error in refusal.value.errors] == [("duplicate_table", "Customers")]


def test_the_refusal_names_the_file(portal: Portal) -> None:
    assert str(portal.refusal(customers="customer,name,zone,currency\nA,A,UTC,1\n")) == (
        'customers.csv was refused: bad_value (row 2): "1" is not an ISO 4217 currency such as AUD'
    )


def test_unknown_references_are_named(filled: Portal) -> None:
    access = "customer,user,equipment\nACME,u9,VM-1\nOTHER,u1,VM-1\nACME,u1,VM-9\n"
    assert filled.messages(access=access) == [
        'customer "ACME" has no user "u9"',
        'there is no customer "OTHER"',
        'there is no equipment "VM-9"',
    ]


@pytest.mark.parametrize(
    ("table", "header", "row", "column"),
    [
        ("customers", "customer,name,zone,currency,approval_limit", "X,X,UTC,JPY,100.5", "approval_limit"),
        ("customers", "customer,name,zone,currency,billing_calendar", "X,X,UTC,AUD,daily", "billing_calendar"),
        ("customers", "customer,name,zone,currency,billing_from", "X,X,UTC,AUD,2026-06-01T00:00Z", "billing_from"),
        ("customers", "customer,name,zone,currency,country", "X,X,UTC,AUD,Australia", "country"),
        ("provider", "provider,name,invoice_prefix", "main,X,a prefix", "invoice_prefix"),
        ("provider", "provider,name,invoice_prefix,credit_prefix", "main,X,SV-,sv-", "credit_prefix"),
        ("provider", "provider,name", "other,X", "provider"),
        ("provider", "provider,name,logo", "main,X,../secret", "logo"),
    ],
)
def test_billing_data_that_cannot_be(filled: Portal, table: str, header: str, row: str, column: str) -> None:
    assert filled.errors(**{table: f"{header}\n{row}\n"}) == [(f"{table}.csv", 2, column, "bad_value")]


def test_there_is_one_provider(filled: Portal) -> None:
    assert filled.errors(provider="provider,name\nmain,One\nmain,Two\n") == [("provider.csv", 3, None, "duplicate_row")]

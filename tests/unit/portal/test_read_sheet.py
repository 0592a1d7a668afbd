"""The text of a file: encoding, delimiter, header, rows; and what is said when it is wrong."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tillflow.portal.cells import Reading
from tillflow.portal.read_sheet import Sheet, read_sheet
from tillflow.portal.tables import BY_NAME

READING = Reading(ZoneInfo("UTC"), b"0123456789abcdef")
#: what a customer's optional columns are where the header does not have them
ABSENT = (*[None] * 8, 14, None, "none", None)
ANN = (2, "ACME", "Acme", "Australia/Sydney", "AUD", *ABSENT)


def read(content: str | bytes, table: str = "customers") -> Sheet:
    raw = content if isinstance(content, bytes) else content.encode()
    return read_sheet(BY_NAME[table], f"{table}.csv", raw, READING)


def errors(content: str | bytes, table: str = "customers") -> list[tuple[str, int | None, str | None]]:
    return [(error.code, error.row, error.column) for error in read(content, table).errors]


@pytest.mark.parametrize(
    "content",
    [
        "customer,name,zone,currency\nACME,Acme,Australia/Sydney,AUD\n",
        "customer,name,zone,currency\r\nACME,Acme,Australia/Sydney,AUD",
        "customer,name,zone,currency\rACME,Acme,Australia/Sydney,AUD\r",
        "customer;name;zone;currency\nACME;Acme;Australia/Sydney;AUD\n",
        "customer\tname\tzone\tcurrency\nACME\tAcme\tAustralia/Sydney\tAUD\n",
        "customer|name|zone|currency\nACME|Acme|Australia/Sydney|AUD\n",
        '"Customer", NAME,"Zone",CURRENCY\n ACME ,"Acme",Australia/Sydney\u00a0,\taud\n',
        "zone,currency,customer,name\nAustralia/Sydney,AUD,ACME,Acme\n",
        b"\xef\xbb\xbfcustomer,name,zone,currency\nACME,Acme,Australia/Sydney,AUD\n",
    ],
)
def test_one_table_written_in_many_ways(content: str | bytes) -> None:
    sheet = read(content)
    assert (list(sheet.rows), sheet.errors, sheet.warnings) == ([ANN], [], [])
    assert sheet.absent == [column.name for column in BY_NAME["customers"].columns if column.optional]


def test_quotes_per_rfc_4180() -> None:
    sheet = read('customer,name,zone,currency\nA,"Acme, ""the"" Co",UTC,AUD\n')
    assert list(sheet.rows) == [(2, "A", 'Acme, "the" Co', "UTC", "AUD", *ABSENT)]


def test_row_numbers_are_those_of_a_spreadsheet() -> None:
    sheet = read('customer,name,zone,currency\n\nA,"x""y",UTC,AUD\n,,,\nB,"two\nlines",UTC,AUD\nC,C,UTC,?\n')
    assert [(e.row, e.column) for e in sheet.errors] == [(5, "name"), (6, "currency")]
    assert sheet.read == 3


def test_windows_1252_is_read_and_said() -> None:
    sheet = read("customer,name,zone,currency\nA,Café,UTC,EUR\n".encode("cp1252"))
    assert list(sheet.rows) == [(2, "A", "Café", "UTC", "EUR", *ABSENT)]
    assert [(w.code, w.file) for w in sheet.warnings] == [("windows_1252", "customers.csv")]
    assert "line 2" in sheet.warnings[0].message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [("empty_file", None, None)]),
        (" \n\n", [("empty_file", None, None)]),
        ("customer,name\n".encode("utf-16"), [("not_text", None, None)]),
        (b"customer,na\0me\n", [("not_text", None, None)]),
        (b"customer,name,zone,currency\nA,\x81,UTC,AUD\n", [("not_text", 2, None)]),
        ('customer,name,zone,currency\nA,"x,UTC,AUD\nB,y,UTC,AUD\n', [("unbalanced_quote", 2, None)]),
        ('customer,name,zone,currency\nA,x,UTC,AUD\nB,"x"y,UTC,AUD\n', [("unbalanced_quote", 3, None)]),
        ("customer,name,zone,currency\nA,x,UTC\nB,y,UTC,AUD,\n", [("ragged_row", 2, None), ("ragged_row", 3, None)]),
        ("customer,name,zone\nA,x,UTC\n", [("missing_header", 1, "currency")]),
        ("customer,name,name,zone,currency\nA,x,x,UTC,AUD\n", [("duplicate_header", 1, "name")]),
        ("customer,name,zone,currency,notes\nA,x,UTC,AUD,hi\n", [("unknown_header", 1, None)]),
        ("customer,name,zone,currency,\nA,x,UTC,AUD,\n", [("unknown_header", 1, None)]),
        ("customer,name,zone,currency\n,x,UTC,AUD\n", [("missing_value", 2, "customer")]),
        ("customer,name,zone,currency\nA B,x,Mars,AUD\n", [("bad_value", 2, "customer"), ("bad_value", 2, "zone")]),
    ],
)
def test_what_is_wrong_and_where(content: str | bytes, expected: list[tuple[str, int | None, str | None]]) -> None:
    assert errors(content) == expected


def test_a_wrong_header_does_not_hide_wrong_values() -> None:
    sheet = read("customer,nome,zone,currency\nA,x,Mars,AUD\n")
    assert [(e.code, e.row) for e in sheet.errors] == [("missing_header", 1), ("unknown_header", 1), ("bad_value", 2)]
    assert '"nome" (column 2)' in sheet.errors[1].message
    assert list(sheet.rows) == []  # but no rule is tried on rows whose columns are unsure


def test_a_header_without_rows_is_an_empty_table() -> None:
    sheet = read("customer,name,zone,currency\n")
    assert (sheet.read, list(sheet.rows), sheet.errors) == (0, [], [])


@pytest.mark.parametrize(
    "content",
    [
        "customer,user,name,role,pin\nACME,u1,Ann,Consumer,CANARY\x07\n",
        "customer,user,name,role,pin\nACME,u1,Ann,Consumer," + "CANARY" * 9 + "\n",
        "customer,user,name,role,access_code\nACME,u1,Ann,Consumer," + "CANARY" * 9 + "\n",
        "customer,user,name,role,email\nACME,u1,Ann,Consumer,CANARY\n",
        "customer,user,name,role,card_no\nACME,u1,Ann,Consumer," + "CANARY" * 9 + "\n",
        "customer,user,name,role,pin\nACME,u1,Ann,CANARY\n",
        "ACME,u1,Ann,Consumer,CANARY\nACME,u2,Bob,Consumer,CANARY\n",
        "customer,user,name,role,CANARY1\nACME,u1,Ann,Consumer,1\n",
        'customer,user,name,role,pin\nACME,u1,Ann,Consumer,"CANARY\n',
    ],
)
def test_no_message_about_users_repeats_a_secret(content: str) -> None:
    sheet = read(content, "users")
    assert sheet.errors
    assert "CANARY" not in repr(sheet.errors) + repr(sheet.warnings)
    assert "canary" not in repr(sheet.errors).lower()


def test_a_long_or_unprintable_value_is_shown_safely() -> None:
    (error,) = read("customer,name,zone,currency\nA,x," + "\x1b[2J" * 99 + ",AUD\n").errors
    assert "\x1b" not in error.message
    assert len(error.message) < 120

"""The delimiter and the columns of a CSV by its header line."""

from __future__ import annotations

import pytest

from tillflow.errors import FileError
from tillflow.intake.dialect import MAX_COLUMNS, Layout, is_json_lines, read_header

LAYOUT = Layout(required=("a", "b"), optional=("c",), forbidden=(("channel", "it comes from the uploader"),))


def columns(head: bytes) -> tuple[str, ...]:
    return read_header(head, "utf-8", LAYOUT)[0].columns


def errors(head: bytes) -> list[tuple[str, str | None]]:
    found = read_header(head, "utf-8", LAYOUT)[1]
    assert all(error.row == 1 for error in found)
    return [(error.code, error.column) for error in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter(delimiter: str) -> None:
    dialect, found = read_header(f"a{delimiter}b\n1{delimiter}2\n".encode(), "utf-8", LAYOUT)
    assert (dialect.form, dialect.delimiter, dialect.columns, found) == ("csv", delimiter, ("a", "b"), [])


def test_the_delimiter_that_yields_known_columns_wins() -> None:
    dialect, _ = read_header(b'a;b;"x,y,z,w,v"\n', "utf-8", LAYOUT)
    assert (dialect.delimiter, dialect.columns) == (";", ("a", "b", "x,y,z,w,v"))


@pytest.mark.parametrize("head", [b"A, B ,c\r\n1,2,3\r\n", b'"a","B","c"\n', "\ufeffa,\u00a0b\u00a0,c".encode()])
def test_case_blanks_quotes_and_a_byte_order_mark_do_not_matter(head: bytes) -> None:
    assert columns(head) == ("a", "b", "c")


def test_a_quoted_delimiter_is_part_of_a_name() -> None:
    assert columns(b'a,b,"my, own"\n') == ("a", "b", "my, own")


def test_all_errors_of_a_header_at_once() -> None:
    assert errors(b"c,C,channel,\n") == [
        ("missing_header", "A"),
        ("missing_header", "B"),
        ("duplicate_header", "C"),
        ("forbidden_header", "CHANNEL"),
        ("missing_header", None),
    ]


def test_an_unknown_column_is_no_error_but_a_doubled_one_is() -> None:
    assert errors(b"a,b,memo\n") == []
    assert errors(b"a,b,memo,memo\n") == [("duplicate_header", "MEMO")]


def test_a_million_columns_are_one_error() -> None:
    head = b"a,b," + b",".join(b"x%d" % n for n in range(1_000_000))
    _, found = read_header(head, "utf-8", LAYOUT)
    assert found == [
        FileError("too_many_columns", f"the header has 1,000,002 columns; at most {MAX_COLUMNS} are taken", 1)
    ]


def test_windows_1252_names_are_read_as_such() -> None:
    dialect, _ = read_header("a,b,größe\n".encode("cp1252"), "cp1252", LAYOUT)
    assert dialect.columns == ("a", "b", "größe")


@pytest.mark.parametrize(("head", "expected"), [(b'{"a": 1}\n', True), (b" \r\n{", True), (b"a,b\n{", False)])
def test_json_lines_begin_with_a_brace(head: bytes, *, expected: bool) -> None:
    assert is_json_lines(head) is expected

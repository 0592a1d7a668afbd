"""Where rows begin and end; what is named when they do not."""

from __future__ import annotations

import pytest

from tillflow.intake import source as source_module
from tillflow.intake.source import InMemory, Source
from tillflow.intake.structure import Structure, blank_lines, count_structure


def structure(content: bytes, columns: int = 3) -> Structure:
    return count_structure(Source.of("f.csv", InMemory(content), 1 << 30), ",", columns)


def test_rows_blank_rows_and_ragged_rows() -> None:
    found = structure(b"a,b,c\n1,2,3\n\n4,5\r\n\r\n6,7,8,9\n")
    assert found == Structure(rows=6, blank_rows=[3, 5], ragged=[(4, 2), (6, 4)])
    assert [(e.code, e.row, e.message) for e in found.errors(3)] == [
        ("ragged_row", 4, "the row has 2 fields, the header has 3"),
        ("ragged_row", 6, "the row has 4 fields, the header has 3"),
    ]


def test_the_last_row_needs_no_line_end() -> None:
    assert structure(b"a,b,c\n1,2") == Structure(rows=2, ragged=[(2, 2)])


def test_a_quoted_line_break_belongs_to_its_row() -> None:
    found = structure(b'a,b,c\n1,"two\nlines, and ""quotes""\n",3\n4,5\n')
    assert found == Structure(rows=3, ragged=[(3, 2)])


def test_a_row_of_blanks_is_no_blank_row() -> None:
    assert structure(b"a,b,c\n   \n,,\n").ragged == [(2, 1)]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'a,b,c\n1,"2,3\n4,5,6\n', 2),
        (b'a,b,c\n1,2,3\n4,5,"6\n7,8,9\n', 3),
        # later quoted fields turn inside out: the row that is named is still the one with the lost quote
        (b'a,b,c\n1,2,3\n4,"5,6\n7,"8",9\n10,"11",12\n', 3),
        (b'a,b,c\n"1",2,3\n4,"5,6\n7,"8",9\n', 3),
        (b'a,b,c\n1,"two\nlines",3\n4,5,"6\n', 3),
        (b'"a,b,c\n1,2,3\n', 1),
    ],
)
def test_a_quote_that_is_never_closed_is_named_where_it_opened(content: bytes, row: int) -> None:
    found = structure(content)
    assert found.open_quote_row == row
    assert [(e.code, e.row) for e in found.errors(3)][-1] == ("unbalanced_quote", row)


def test_an_open_quote_in_a_large_file_is_found_without_holding_the_file() -> None:
    row = b"1,2,3\n"
    content = b"a,b,c\n" + row * 10 + b'4,"5,6\n' + row * (10 * (1 << 20) // len(row))
    found = structure(content)
    assert (found.open_quote_row, found.rows) == (12, 11)


def test_blocks_may_end_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'a,b,c\r\n1,"x""\r\ny",3\r\n\r\n4,5\r\n'
    whole = structure(content)
    assert whole == Structure(rows=4, blank_rows=[3], ragged=[(4, 2)])
    for size in range(1, 8):
        monkeypatch.setattr(source_module, "BLOCK", size)
        assert structure(content) == whole


def test_at_most_a_thousand_ragged_rows_are_listed() -> None:
    found = structure(b"a,b,c\n" + b"1,2\n" * 5_000)
    assert (found.rows, len(found.ragged), found.ragged[-1]) == (5_001, 1_000, (1_001, 2))


def test_blank_lines_of_json_lines_are_numbered_from_one() -> None:
    source = Source.of("f.jsonl", InMemory(b'\n{"a":1}\n \r\n{"a":2}\n\n'), 1 << 20)
    assert blank_lines(source) == [1, 3, 5]

"""Files that are odd but right, files that come again, and several that come at once."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.importing import Importer
from tests.strategies import PORTAL
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, connect
from tillflow.errors import FileRefusedError, UnavailableError, UnreadableFileError
from tillflow.intake import booking
from tillflow.intake.source import InMemory
from tillflow.samples.generate import NOW, offline_sales, sync_dump
from tillflow.samples.orders import HEADER as ORDER_HEADER
from tillflow.samples.sample_file import as_csv, as_jsonl
from tillflow.samples.vends import HEADER as DUMP_HEADER

Inbox = Any  # pytest gives it; the class stands in conftest.py
SYNC, OFFLINE = Kind.EQUIPMENT_SYNC, Kind.OFFLINE_SALES
VENDS = sync_dump(PORTAL, 8, 30, bad_share=0, edge_share=0).rows
ORDERS = offline_sales(PORTAL, 8, 6, bad_share=0, edge_share=0).rows


@pytest.fixture(autouse=True)
def without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate has tests of its own and takes seconds."""
    monkeypatch.setattr(booking, "run_gate", lambda *args, **kwargs: [])


def verdicts(importer: Importer, kind: Kind, content: bytes, name: str = "given.csv") -> dict[int, str]:
    """row number -> verdict of a file that is taken and booked."""
    booked = importer.take(kind, content, name)
    return {row.row_no: str(row.verdict) for row in importer.rows(booked.import_id)}


def reading(importer: Importer) -> dict[str, Any]:
    (found,) = importer.conn.execute("select reading from intake.import order by id desc limit 1").fetchone()  # type: ignore[misc]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_dialect_books_the_same(importer: Importer, delimiter: str, line_end: str) -> None:
    content = as_csv(DUMP_HEADER, VENDS[:3], delimiter=delimiter, line_end=line_end, quote_all=True, bom=True)
    assert verdicts(importer, SYNC, content) == dict.fromkeys((2, 3, 4), "sale")


def test_row_numbers_count_blank_rows_and_not_quoted_line_breaks(importer: Importer) -> None:
    first = VENDS[0] | {"product_name": "two\nlines"}
    content = as_csv(DUMP_HEADER, [first, None, VENDS[1], None, None, VENDS[2]])
    assert verdicts(importer, SYNC, content) == dict.fromkeys((2, 4, 7), "sale")
    assert reading(importer)["blank_rows"] == [3, 5, 6]


def test_json_lines_with_blank_lines(importer: Importer) -> None:
    content = as_jsonl([VENDS[0], None, VENDS[1]])
    assert verdicts(importer, SYNC, content, "dump.jsonl") == dict.fromkeys((1, 3), "sale")


def test_gzip_in_a_csv_name(importer: Importer) -> None:
    assert len(verdicts(importer, SYNC, gzip.compress(as_csv(DUMP_HEADER, VENDS)))) == 30
    assert reading(importer)["packing"] == "gzip"


def test_windows_1252_is_read_with_a_warning(importer: Importer) -> None:
    rows = [ORDERS[0] | {"LAST_NAME": "Müller", "FIRST_NAME": "Zoë", "PRODUCT": ORDERS[0]["PRODUCT"]}]
    content = as_csv(ORDER_HEADER, rows).decode().encode("cp1252")
    assert verdicts(importer, OFFLINE, content) == {2: "sale"}
    assert reading(importer)["encoding"] == "cp1252"
    assert reading(importer)["warnings"] == [
        "the file is not UTF-8; it was read as Windows-1252: check names with accents"
    ]
    assert importer.conn.execute("select last_name from books.offline_sale").fetchone() == ("Müller",)


def test_a_workbook_with_dates_numbers_and_blank_rows(importer: Importer) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(ORDER_HEADER)
    for at, order in ((2, ORDERS[0]), (5, ORDERS[1])):
        for column, name in enumerate(ORDER_HEADER, 1):
            value: Any = order[name] or None
            if name in {"ORDER_ID", "QUANTITY"}:
                value = int(order[name])
            if name == "AMOUNT":
                value = float(order[name])
            if name == "SALE_DATE":
                value = date(2026, 6, 20)
            sheet.cell(at, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    assert verdicts(importer, OFFLINE, buffer.getvalue(), "orders.xlsx") == {2: "sale", 5: "sale"}


def test_the_same_file_dropped_twice_is_refused_and_names_the_first(inbox: Inbox) -> None:
    content = as_csv(DUMP_HEADER, VENDS)
    inbox.drop(SYNC, content)
    first = inbox.take(SYNC).import_id
    inbox.drop(SYNC, content, "again.csv")
    with pytest.raises(FileRefusedError, match=rf"already_imported: .* as import {first} \(given\.csv, 2026-07-01"):
        inbox.take(SYNC, "again.csv")
    assert inbox.kept() == ["again.csv.errors.csv"]


def test_the_same_delivery_after_a_crash_is_the_same_import(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.drop(SYNC, as_csv(DUMP_HEADER, VENDS))
    with monkeypatch.context() as crashing:
        crashing.setattr(inbox.importer.storage, "remove", _crash)
        with pytest.raises(ZeroDivisionError):
            inbox.take(SYNC)
    (first,) = inbox.conn.execute("select id from intake.import").fetchone()
    assert inbox.take(SYNC).import_id == first
    assert inbox.conn.execute("select count(*) from intake.import").fetchone() == (1,)


def _crash(key: str) -> None:
    raise ZeroDivisionError(key)


def test_overlapping_dumps_book_each_vend_once_in_any_order(importer: Importer) -> None:
    older, newer = as_csv(DUMP_HEADER, VENDS[:20]), as_csv(DUMP_HEADER, VENDS[10:])
    assert set(verdicts(importer, SYNC, newer).values()) == {"sale"}
    late = verdicts(importer, SYNC, older)
    assert [late[row] for row in range(2, 22)] == ["sale"] * 10 + ["duplicate"] * 10
    assert importer.conn.execute("select count(*) from books.vend_sale").fetchone() == (30,)


def test_a_changed_row_is_a_conflict_and_the_first_stands(importer: Importer) -> None:
    importer.take(SYNC, as_csv(DUMP_HEADER, VENDS[:2]))
    booked = importer.take(SYNC, as_csv(DUMP_HEADER, [VENDS[0] | {"quantity": "77"}, VENDS[1]]))
    assert [(row.verdict, set(row.reasons)) for row in importer.rows(booked.import_id)] == [
        ("exception", {"sync_conflict"}), ("duplicate", set()),
    ]  # fmt: skip
    assert importer.conn.execute("select count(*) from books.vend_sale where quantity = 77").fetchone() == (0,)


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """The results (or errors) of things that begin at the same moment in threads of their own."""
    results: list[Any] = [None] * len(work)
    gate = threading.Barrier(len(work))

    def run(place: int) -> None:
        gate.wait(60)
        try:
            results[place] = work[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def test_two_overlapping_dumps_at_the_same_time_book_each_vend_once(books_url: str, tmp_path: Path) -> None:
    with connect(books_url, role=APP_ROLE) as one, connect(books_url, role=APP_ROLE) as two:
        first, second = Importer(one, tmp_path, now=NOW), Importer(two, tmp_path, now=NOW)
        a, b = at_once(
            lambda: first.take(SYNC, as_csv(DUMP_HEADER, VENDS[:20])),
            lambda: second.take(SYNC, as_csv(DUMP_HEADER, VENDS[10:])),
        )
        rows = [str(row.verdict) for booked in (a, b) for row in first.rows(booked.import_id)]
        assert sorted(rows) == ["duplicate"] * 10 + ["sale"] * 30
        for booked in (a, b):
            assert sum(line["read_rows"] for line in booked.balance) == 20
        assert one.execute("select count(*) from books.vend_sale").fetchone() == (30,)


def test_one_file_uploaded_twice_at_the_same_time_is_one_import(books_url: str, tmp_path: Path) -> None:
    content = as_csv(ORDER_HEADER, ORDERS)
    with connect(books_url, role=APP_ROLE) as one, connect(books_url, role=APP_ROLE) as two:
        first, second = Importer(one, tmp_path, now=NOW), Importer(two, tmp_path, now=NOW)
        results = at_once(lambda: first.take(OFFLINE, content), lambda: second.take(OFFLINE, content))
        refused = [result for result in results if isinstance(result, FileRefusedError)]
        assert [error.code for result in refused for error in result.errors] == ["already_imported"]
        assert one.execute("select count(*) from books.offline_sale").fetchone() == (6,)
        taken = "select count(*) from intake.import where rejected_at is null"
        assert one.execute(taken).fetchone() == (1,)


class Forbidden:
    """A file that may not be read."""

    def open(self) -> Any:
        raise PermissionError(13, "Permission denied")


class Folder:
    def open(self) -> Any:
        raise IsADirectoryError(21, "Is a directory")


@pytest.mark.parametrize("opener", [Forbidden(), Folder()])
def test_a_file_that_cannot_be_opened_is_one_line(importer: Importer, opener: Any) -> None:
    with pytest.raises(UnreadableFileError, match=r"given\.csv could not be read: .*; nothing was booked"):
        importer.receive(SYNC, b"", opener=opener)
    assert importer.conn.execute("select count(*) from intake.import").fetchone() == (0,)
    assert importer.receive(SYNC, as_csv(DUMP_HEADER, VENDS), opener=InMemory(as_csv(DUMP_HEADER, VENDS))).rows == 30


def test_a_full_disk_is_one_line_and_the_file_can_be_taken_afterwards(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop(SYNC, as_csv(DUMP_HEADER, VENDS))

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as filled:
        filled.setattr("tillflow.intake.storage.shutil.move", full)
        with pytest.raises(UnavailableError, match="No space left on device; nothing was booked"):
            inbox.take(SYNC)
    assert inbox.conn.execute("select count(*) from intake.import").fetchone() == (0,)
    assert inbox.take(SYNC).rows == 30


def test_a_database_that_is_away_is_one_line() -> None:
    with pytest.raises(UnavailableError) as error:
        connect("postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert str(error.value).startswith("the database does not answer: ")
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_now_is_when_the_file_was_received(importer: Importer) -> None:
    content = as_csv(DUMP_HEADER, [VENDS[0]])
    received = importer.receive(SYNC, content)
    importer.now = datetime(2020, 1, 1, tzinfo=UTC)
    importer.book(SYNC, received.import_id)
    assert [str(row.verdict) for row in importer.rows(received.import_id)] == ["sale"]

"""Bytes in any packing: what comes out, and what is refused before it fills memory or disk."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from tillflow.errors import FileRefusedError
from tillflow.intake.source import InMemory, LocalFile, Source, still_being_written

LIMIT = 300 << 20


def unpacked(content: bytes, max_bytes: int = LIMIT) -> bytes:
    return b"".join(Source.of("file", InMemory(content), max_bytes).blocks())


def refused(content: bytes, max_bytes: int = LIMIT) -> tuple[str, str]:
    with pytest.raises(FileRefusedError) as error:
        unpacked(content, max_bytes)
    (only,) = error.value.errors
    return only.code, only.message


def workbook(*rows: tuple[object, ...], at: int = 1) -> bytes:
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, at):
        for column, value in enumerate(row, 1):
            book.active.cell(number, column, value)  # type: ignore[union-attr]
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def with_sheet(content: bytes, change: tuple[bytes, bytes]) -> bytes:
    """The workbook with something in its first sheet's XML replaced."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert change[0] in data, data
                data = data.replace(*change)
            new.writestr(name, data)
    return changed.getvalue()


def test_plain_text_comes_as_it_is() -> None:
    assert unpacked(b"a,b\n1,2\n") == b"a,b\n1,2\n"


def test_gzip_is_known_by_its_bytes_not_by_its_name() -> None:
    source = Source.of("given.csv", InMemory(gzip.compress(b"a,b\n1,2\n")), LIMIT)
    assert (source.packing, b"".join(source.blocks())) == ("gzip", b"a,b\n1,2\n")


def test_two_gzip_members_are_one_text() -> None:
    assert unpacked(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n")) == b"a,b\n1,2\n"


def test_a_text_over_the_limit() -> None:
    assert refused(b"x" * (3 << 20), 2 << 20) == ("too_large", "the file is larger than 2 MB; split it")
    assert refused(gzip.compress(b"x" * (3 << 20)), 2 << 20)[0] == "too_large"


def test_a_gzip_bomb_is_stopped_long_before_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (100 << 20))
    assert refused(bomb, 4 << 30) == ("too_large", "the file unpacks to far more than it claims (a zip bomb)")


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:5], lambda b: b[:20] + b"\xff" * 20 + b[40:]])
def test_a_damaged_gzip(damage) -> None:  # type: ignore[no-untyped-def]
    content = gzip.compress(b"".join(b"%d,%d\n" % (n, n * n) for n in range(1_000)))
    code, message = refused(damage(content))
    assert code == "unreadable_file"
    assert message.startswith("the gzip data is damaged or cut off")


def test_a_gzip_with_a_wrong_checksum() -> None:
    content = gzip.compress(b"a,b\n")
    assert refused(content[:-8] + b"\0\0\0\0" + content[-4:])[0] == "unreadable_file"


def test_the_cells_of_a_workbook_as_text() -> None:
    content = workbook(
        ("A", "B", "C", "D", "E", None),
        (1, 2.5, date(2026, 6, 1), datetime(2026, 6, 1, 10, 30), True),  # noqa: DTZ001 - a cell has no zone
        (None,),
        ("0007", 3.0, 'a "b", c', "two\nlines", None),
    )
    assert unpacked(content) == (
        b'A,B,C,D,E\n1,2.5,2026-06-01,2026-06-01T10:30:00,true\n\n0007,3,"a ""b"", c","two\nlines",\n'
    )


def test_a_workbook_whose_data_is_far_down_keeps_its_row_numbers() -> None:
    assert unpacked(workbook(("A",), ("B",), at=5)) == b"\n\n\n\nA\nB\n"


def test_a_workbook_bomb_is_not_unpacked() -> None:
    bomb = with_sheet(workbook(("A",)), (b"</sheetData>", b"</sheetData>" + b" " * (40 << 20)))
    assert len(bomb) < 1 << 20
    assert refused(bomb, 10 << 20) == ("too_large", "the workbook unpacks to over 10 MB")


def test_a_workbook_that_claims_every_cell_there_is_costs_nothing() -> None:
    content = with_sheet(workbook(("A", "B"), (1, 2)), (b'ref="A1:B2"', b'ref="A1:XFD1048576"'))
    assert unpacked(content) == b"A,B\n1,2\n"


def test_a_workbook_row_beyond_the_last_row_of_any_sheet() -> None:
    content = with_sheet(workbook(("A", "B"), (1, 2)), (b'<row r="2"', b'<row r="999999999"'))
    assert refused(content)[0] == "unreadable_file"


@pytest.mark.parametrize(
    "change",
    [
        (b"</sheetData>", b"</sheetDat"),  # no XML
        (b"<sheetData>", b"<sheetData>\x00"),
        (b'r="A1"', b'r="1A"'),  # no cell
        (b"<v>1</v>", b"<v>one</v>"),  # no number
    ],
)
def test_a_damaged_sheet(change: tuple[bytes, bytes]) -> None:
    content = with_sheet(workbook(("A", "B"), (1, 2)), change)
    assert refused(content) == (
        "unreadable_file", "this is no workbook that can be read; save it again, or as CSV",
    )  # fmt: skip


@pytest.mark.parametrize("keep", [10, 600, -30])
def test_a_workbook_that_was_cut_off(keep: int) -> None:
    assert refused(workbook(("A",))[:keep])[0] == "unreadable_file"


def test_a_zip_that_is_no_workbook() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refused(buffer.getvalue())[0] == "unreadable_file"


def test_a_workbook_with_damaged_compressed_data() -> None:
    content = bytearray(workbook(("A", "B"), *((n, n * n) for n in range(500))))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    begin = sheet.header_offset + 30 + len(sheet.filename)
    content[begin + 5 : begin + 60] = b"\xff" * 55
    assert refused(bytes(content))[0] == "unreadable_file"


def test_only_a_plain_local_file_is_read_by_the_engine_itself(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.csv", tmp_path / "packed.csv"
    plain.write_bytes(b"a\n")
    packed.write_bytes(gzip.compress(b"a\n"))
    assert Source.of("f", LocalFile(plain), LIMIT).local_path == plain
    assert Source.of("f", LocalFile(packed), LIMIT).local_path is None
    assert Source.of("f", InMemory(b"a\n"), LIMIT).local_path is None


def test_a_file_that_somebody_writes_is_known_as_such(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"a\n")
    assert not still_being_written(path)
    with path.open("ab"):
        assert still_being_written(path)
    assert not still_being_written(path)
    assert not still_being_written(tmp_path / "nowhere")

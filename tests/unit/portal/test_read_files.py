"""What is taken from an upload, and which hazards of zips are refused."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from tillflow.errors import FileRefusedError
from tillflow.portal.read_files import read_files

CSV = b"customer,name,zone,currency\nA,Acme,UTC,AUD\n"


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def refused(content: bytes, name: str = "portal.zip", max_bytes: int = 1 << 20) -> list[tuple[str, str | None]]:
    with pytest.raises(FileRefusedError) as error:
        read_files(content, name=name, max_bytes=max_bytes)
    return [(found.code, found.file) for found in error.value.errors]


def test_one_table_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "Customers.CSV"
    path.write_bytes(CSV)
    assert read_files(path) == {"customers.csv": CSV}
    assert read_files(CSV, name="customers.csv") == {"customers.csv": CSV}


def test_a_zip_of_tables_in_a_folder_as_people_make_it() -> None:
    content = zipped(
        ("export/", b""),
        ("export/Customers.csv", CSV),
        ("export/sites.csv", b"x"),
        ("__MACOSX/export/._Customers.csv", b"\0"),
        ("export/.DS_Store", b"\0"),
    )
    assert read_files(content, name="Portal.ZIP") == {"customers.csv": CSV, "sites.csv": b"x"}


def test_a_stored_zip_and_an_empty_table() -> None:
    content = zipped(("sites.csv", b""), method=zipfile.ZIP_STORED)
    assert read_files(content, name="p.zip") == {"sites.csv": b""}


@pytest.mark.parametrize("name", ["sales.csv", "customers.xlsx", "customers.csv.gz", "customers", ""])
def test_a_name_that_is_no_table(name: str) -> None:
    assert refused(CSV, name) == [("unknown_table", name)]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", CSV, zipped(("sites.csv", CSV))[:-30]])
def test_a_zip_that_is_none(content: bytes) -> None:
    assert refused(content) == [("unreadable_file", None)]


def test_a_zip_without_tables() -> None:
    assert refused(zipped()) == [("empty_file", None)]
    assert refused(zipped(("folder/", b""), (".hidden", b"x"))) == [("empty_file", None)]


def test_damaged_content_is_noticed() -> None:
    content = bytearray(zipped(("sites.csv", CSV), method=zipfile.ZIP_STORED))
    content[content.index(b"Acme")] ^= 1
    assert refused(bytes(content)) == [("unreadable_file", None)]


@pytest.mark.parametrize(
    "name",
    ["../customers.csv", "a/../../customers.csv", "/etc/customers.csv", "..\\customers.csv", "C:/customers.csv"],
)
def test_a_name_that_leaves_the_zip(name: str) -> None:
    assert refused(zipped((name, CSV))) == [("unsafe_name", name)]


def test_a_name_with_a_hidden_half() -> None:
    content = zipped(("customers.csvX.exe", CSV)).replace(b"customers.csvX.exe", b"customers.csv\0.exe")
    assert [code for code, _ in refused(content)] == ["unsafe_name"]


def test_a_link_is_no_table() -> None:
    link = zipfile.ZipInfo("customers.csv")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert refused(zipped((link, b"/etc/passwd"))) == [("unsafe_name", "customers.csv")]


def test_everything_wrong_in_the_directory_is_listed() -> None:
    content = zipped(
        ("readme.txt", b"hi"),
        ("inner.zip", zipped(("sites.csv", CSV))),
        ("a/sites.csv", CSV),
        ("b/Sites.csv", CSV),
        ("../users.csv", CSV),
    )
    assert refused(content) == [
        ("unknown_table", "readme.txt"),
        ("unknown_table", "inner.zip"),
        ("unsafe_name", "../users.csv"),
        ("duplicate_table", "b/Sites.csv"),
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice() -> None:
    assert refused(zipped(("sites.csv", CSV), ("sites.csv", b"other"))) == [("duplicate_table", "sites.csv")]


def test_an_encrypted_zip() -> None:
    content = bytearray(zipped(("sites.csv", CSV)))
    content[6] |= 1  # the flag in the file's own header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(content)) == [("encrypted_zip", "sites.csv")]


def test_an_unusual_packing() -> None:
    assert refused(zipped(("sites.csv", CSV), method=zipfile.ZIP_LZMA)) == [("unreadable_file", "sites.csv")]


def test_too_large_as_it_is() -> None:
    assert refused(CSV, "customers.csv", max_bytes=10) == [("too_large", None)]
    assert refused(zipped(("sites.csv", CSV)), max_bytes=10) == [("too_large", None)]


def test_too_large_when_unpacked() -> None:
    half = bytes(range(256)) * 3000
    assert refused(zipped(("sites.csv", half), ("users.csv", half))) == [("too_large", None)]


def test_a_bomb_by_its_ratio() -> None:
    bomb = zipped(("sites.csv", b"\n" * (8 << 20)))
    assert len(bomb) < 10_000
    assert refused(bomb, max_bytes=64 << 20) == [("too_large", "sites.csv")]


def test_a_bomb_that_lies_about_its_size() -> None:
    bomb = bytearray(zipped(("sites.csv", b"\n" * (8 << 20))))
    directory = bomb.index(b"PK\x01\x02")
    for at in (22, directory + 24):
        bomb[at : at + 4] = struct.pack("<I", 100)
    assert refused(bytes(bomb), max_bytes=64 << 20) == [("unreadable_file", None)]


def test_too_many_files() -> None:
    assert refused(zipped(*((f"{number}.csv", b"") for number in range(101)))) == [("too_large", None)]

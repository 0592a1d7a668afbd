"""Names of people become keys of the store only where they lead to a file of the inbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tillflow.codes import Kind
from tillflow.errors import UnavailableError
from tillflow.intake.storage import NotInInboxError, Storage, safe_name

KEY = "inbox/equipment_sync/dump.csv"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    inbox = tmp_path / "storage" / "inbox" / "equipment_sync"
    inbox.mkdir(parents=True)
    (inbox / "dump.csv").write_bytes(b"a\n")
    (inbox / "folder").mkdir()
    (tmp_path / "storage" / "secret.csv").write_bytes(b"s\n")
    (tmp_path / "outside.csv").write_bytes(b"o\n")
    return Storage(str(tmp_path / "storage"))


@pytest.mark.parametrize(
    "name",
    ["dump.csv", "inbox/equipment_sync/dump.csv", "{root}/inbox/equipment_sync/dump.csv",
     "file://{root}/inbox/equipment_sync/dump.csv"],
)  # fmt: skip
def test_a_file_of_the_inbox_by_name_or_path(storage: Storage, name: str) -> None:
    assert storage.inbox_key(Kind.EQUIPMENT_SYNC, name.format(root=storage.root)) == KEY


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "/", "../../secret.csv", "../equipment_sync/dump.csv", "inbox/equipment_sync/../../secret.csv",
        "{root}/inbox/equipment_sync/../../secret.csv", "{root}/secret.csv", "{root}/../outside.csv", "/etc/passwd",
        "file:///etc/passwd", "..\\..\\secret.csv", "C:\\dump.csv", "dump.csv\0", "\0", "folder", "folder/dump.csv",
        "nowhere.csv", "s3://bucket/dump.csv", "dump.csv/", "equipment_sync/dump.csv",
    ],
)  # fmt: skip
def test_nothing_else_is(storage: Storage, name: str) -> None:
    with pytest.raises(NotInInboxError):
        storage.inbox_key(Kind.EQUIPMENT_SYNC, name.format(root=storage.root))


def test_a_file_of_another_channel_is_not_reached(storage: Storage) -> None:
    folder = Path(storage.root) / "inbox" / "offline_sales" / "club-stall"
    folder.mkdir(parents=True)
    (folder / "f.csv").write_bytes(b"a\n")
    assert storage.inbox_key(Kind.OFFLINE_SALES, "f.csv", "club-stall").endswith("club-stall/f.csv")
    for name, channel in (("f.csv", "call-centre"), ("../club-stall/f.csv", "call-centre"), ("club-stall/f.csv", None)):
        with pytest.raises(NotInInboxError):
            storage.inbox_key(Kind.OFFLINE_SALES, name, channel)


@pytest.mark.parametrize("channel", ["..", "../equipment_sync", "call-centre/..", ".", ""])
def test_a_channel_does_not_lead_out_of_the_inbox(storage: Storage, channel: str) -> None:
    with pytest.raises(NotInInboxError):
        storage.inbox_key(Kind.OFFLINE_SALES, "dump.csv", channel)


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("dump 2026-06 (1).csv", "dump 2026-06 (1).csv"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".hidden.csv", "hidden.csv"),
        ("...", "file"),
        ("", "file"),
        ("a\0b\nc\x1b[31m.csv", "a_b_c__31m.csv"),
        ("größe-小明.csv", "größe-小明.csv"),
        ("a;rm -rf $HOME`x`.csv", "a_rm -rf _HOME_x_.csv"),
        ("x" * 300 + ".csv", "x" * 116 + ".csv"),
    ],
)
def test_a_safe_name(given: str, safe: str) -> None:
    assert safe_name(given) == safe


@pytest.mark.parametrize("name", ["小" * 300, "é" * 120 + ".csv", "𝒳" * 119 + "x"])
def test_a_safe_name_can_be_stored(tmp_path: Path, name: str) -> None:
    """A file system counts bytes: 255 of them, with our number, ending and temporary name around it."""
    storage = Storage(str(tmp_path))
    key = f"refused/offline_sales/1234567890-{safe_name(name)}.errors.csv"
    storage.write(key, b"x")
    assert (tmp_path / key).read_bytes() == b"x"


def test_temporary_and_hidden_files_and_folders_do_not_wait(storage: Storage) -> None:
    folder = Path(storage.root) / "inbox" / "equipment_sync"
    for name in ("b.csv.part", ".c.csv", "a.csv"):
        (folder / name).write_bytes(b"a\n")
    assert [Path(key).name for key in storage.waiting("inbox/equipment_sync")] == ["a.csv", "dump.csv"]
    assert storage.waiting("inbox/nowhere") == []


def test_the_version_changes_with_the_file(storage: Storage) -> None:
    before = storage.version(KEY)
    assert storage.version(KEY) == before
    (Path(storage.root) / KEY).write_bytes(b"b\n")
    assert storage.version(KEY) != before


def test_what_is_put_appears_whole_and_leaves_nothing_else(storage: Storage, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"content")
    storage.put(local, "archive/x/f.bin")
    storage.put(_again(local), "archive/x/f.bin")
    assert [path.name for path in (Path(storage.root) / "archive" / "x").iterdir()] == ["f.bin"]
    storage.remove("archive/x/f.bin")
    storage.remove("archive/x/f.bin")


def _again(local: Path) -> Path:
    local.write_bytes(b"content")
    return local


def test_a_full_store_is_one_line(storage: Storage, tmp_path: Path) -> None:
    (Path(storage.root) / "refused").write_bytes(b"a file where a folder should be")
    with pytest.raises(UnavailableError, match=r"the storage does not work: .*; nothing was booked, try again"):
        storage.write("refused/x.csv", b"x")


def test_an_object_store_works_alike(tmp_path: Path) -> None:
    storage = Storage("memory://unit-of-storage")
    storage.write("inbox/equipment_sync/a.csv", b"a\n")
    assert storage.waiting("inbox/equipment_sync") == ["inbox/equipment_sync/a.csv"]
    assert storage.inbox_key(Kind.EQUIPMENT_SYNC, "a.csv") == "inbox/equipment_sync/a.csv"
    with storage.opener("inbox/equipment_sync/a.csv").open() as file:
        assert file.read() == b"a\n"
    with storage.local_copy("inbox/equipment_sync/a.csv", tmp_path) as copy:
        assert copy.read_bytes() == b"a\n"
    assert list(tmp_path.iterdir()) == []
    storage.remove("inbox/equipment_sync/a.csv")
    assert not storage.exists("inbox/equipment_sync/a.csv")

"""Whatever is wrong with a file as a whole: one clear error, where it is, and nothing of it anywhere in the books."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.importing import CHANNEL
from tests.strategies import PORTAL
from tillflow.codes import Kind
from tillflow.errors import FileRefusedError, StillBeingWrittenError
from tillflow.intake.refused import unseal
from tillflow.samples.generate import offline_sales, sync_dump
from tillflow.samples.orders import HEADER as ORDER_HEADER
from tillflow.samples.sample_file import as_csv
from tillflow.samples.vends import HEADER as DUMP_HEADER

from .conftest import codes

Inbox = Any  # pytest gives it; the class stands in conftest.py
SYNC, OFFLINE, PORTAL_DATA = Kind.EQUIPMENT_SYNC, Kind.OFFLINE_SALES, Kind.PORTAL_DATA
DUMP = sync_dump(PORTAL, 7, 6, bad_share=0, edge_share=0).content()
ORDERS = offline_sales(PORTAL, 7, 6, bad_share=0, edge_share=0)
ORDER = ORDERS.rows[0]
LINES = ORDERS.content().splitlines(keepends=True)
HEADER_LINE = ",".join(ORDER_HEADER).encode() + b"\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\x02\0\0\0\x90wS\xde"
CARD = "4111111111111111"


def orders(*changes: dict[str, str]) -> bytes:
    """A file of orders; each row with its changes."""
    return as_csv(ORDER_HEADER, [row | change for row, change in zip(ORDERS.rows, changes, strict=False)])


def one_error(inbox: Inbox, kind: Kind, content: bytes, name: str = "given.csv") -> tuple[str, int | None, str | None]:
    (error,) = inbox.errors(kind, content, name)
    assert error.message
    assert "Traceback" not in error.message
    return error.code, error.row, error.column


@pytest.mark.parametrize("kind", [SYNC, OFFLINE])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ("empty_file", None, None)),
        (b"\xef\xbb\xbf", ("empty_file", None, None)),
        (b" \r\n\t\n\n", ("empty_file", None, None)),
        (PNG, ("not_text", 3, None)),
        (b"\x81\x8d\x8f\x90\x9d,\xff\n", ("not_text", 1, None)),
        ("a,b\n1,2\n".encode("utf-16"), ("not_text", None, None)),
        (b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"), ("not_text", None, None)),
        ("a,b\n1,2\n".encode("utf-16-le"), ("not_text", 1, None)),
        ("a,b\n1,2\n".encode("utf-16-be"), ("not_text", 1, None)),
        ("a,b\n1,2\n".encode("utf-32"), ("not_text", None, None)),
        (b"a,b\n1,\0\n", ("not_text", 2, None)),
        (b"a,b," + b",".join(b"x%d" % n for n in range(300)) + b"\n", ("too_many_columns", 1, None)),
        (b",".join(b"%d" % n for n in range(1_000_000)) + b"\n", ("line_too_long", 1, None)),
        (b"x" * (50 << 20), ("line_too_long", 1, None)),
        (b"a,b\n" + b"y" * (3 << 20) + b"\n", ("line_too_long", 2, None)),
        (gzip.compress(b"a,b\n" * 9999)[:-20], ("unreadable_file", None, None)),
        (gzip.compress(PNG), ("not_text", 3, None)),
        (gzip.compress(b""), ("empty_file", None, None)),
        (gzip.compress(b"0" * (100 << 20)), ("line_too_long", 1, None)),
        (gzip.compress(b"\n" * (100 << 20)), ("too_large", None, None)),
        (b"\x1f\x8b" + b"\xff" * 50, ("unreadable_file", None, None)),
        (b"PK\x03\x04" + b"\xff" * 50, ("unreadable_file", None, None)),
    ],
    ids=[
        "empty", "only a BOM", "only blanks", "PNG", "binary", "UTF-16 LE", "UTF-16 BE", "UTF-16 LE without BOM",
        "UTF-16 BE without BOM", "UTF-32", "NUL", "302 columns", "a million columns", "50 MB line", "3 MB second line",
        "truncated gzip", "gzip of PNG", "gzip of nothing", "gzip of one line", "gzip bomb", "gzip of garbage",
        "zip of garbage",
    ],
)  # fmt: skip
def test_what_is_no_file_of_rows(
    inbox: Inbox, kind: Kind, content: bytes, expected: tuple[str, int | None, str | None]
) -> None:
    assert one_error(inbox, kind, content) == expected


def test_random_bytes_are_refused(inbox: Inbox) -> None:
    import random

    (error,) = inbox.errors(SYNC, random.Random(1).randbytes(100_000))
    assert error.code == "not_text"


def test_a_workbook_bomb(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = dict.fromkeys(Kind, 10 << 20)
    object.__setattr__(inbox.importer.settings, "max_file_bytes", limits)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (20 << 20))
    assert one_error(inbox, OFFLINE, buffer.getvalue(), "orders.xlsx") == ("too_large", None, None)
    assert inbox.kept() == ["orders.xlsx.errors.csv", "orders.xlsx.sealed"]


def test_only_a_header(inbox: Inbox) -> None:
    assert one_error(inbox, OFFLINE, HEADER_LINE) == ("empty_file", None, None)
    assert inbox.kept() == ["given.csv", "given.csv.errors.csv"]


def test_a_wrong_header_lists_everything_at_once(inbox: Inbox) -> None:
    header = HEADER_LINE.replace(b"LOTTERY,", b"").replace(b"PHONE", b"CHANNEL").replace(b"TITLE", b"EMAIL")
    assert codes(inbox.errors(OFFLINE, header + b"x\n")) == [
        ("missing_header", 1, "LOTTERY"),
        ("missing_header", 1, "TITLE"),
        ("duplicate_header", 1, "EMAIL"),
        ("forbidden_header", 1, "CHANNEL"),
    ]


def test_a_header_over_two_lines_is_one_clear_error_not_a_crash(inbox: Inbox) -> None:
    content = HEADER_LINE.replace(b"PHONE", b'"PHO\nNE"') + LINES[1]
    assert {error.code for error in inbox.errors(OFFLINE, content)} <= {"missing_header", "unbalanced_quote"}


def test_every_ragged_row_is_listed(inbox: Inbox) -> None:
    content = b"".join([HEADER_LINE, LINES[1], b"1,2\n", LINES[2], b"\n", LINES[3][:-1] + b",x\n"])
    assert codes(inbox.errors(OFFLINE, content)) == [("ragged_row", 3, None), ("ragged_row", 6, None)]


@pytest.mark.parametrize("later", [b"", LINES[2], LINES[2].replace(b"Hobart", b'"Hobart"') * 3])
def test_an_unbalanced_quote_is_named_where_it_opened(inbox: Inbox, later: bytes) -> None:
    fields = LINES[1].split(b",")
    fields[10] = b'"12a Harbour'
    errors = inbox.errors(OFFLINE, HEADER_LINE + LINES[2] + b",".join(fields) + later)
    assert ("unbalanced_quote", 3, None) in codes(errors)
    assert {error.row for error in errors} == {3}


def test_json_lines_where_a_csv_is_wanted(inbox: Inbox) -> None:
    assert one_error(inbox, OFFLINE, b'{"ORDER_ID": "1"}\n') == ("unreadable_file", None, None)


@pytest.mark.parametrize("line", [b"{", b"[1]", b"nonsense", b'{"equipment": "VM"} x'])
def test_a_line_that_is_no_json_object_is_named(inbox: Inbox, line: bytes) -> None:
    good = sync_dump(PORTAL, 7, 2, bad_share=0, format="jsonl").content()
    assert one_error(inbox, SYNC, good + line + b"\n" + good) == ("unreadable_file", 3, None)


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fetc", "a;rm -rf x.csv", "$(reboot).csv", "-rf.csv", "小明 größe.csv", "x" * 250 + ".csv",
     "a\x1b[31m\n.csv", "=cmd()|x.csv", "<script>.csv", "..\\..\\boot.csv"],
)  # fmt: skip
def test_a_name_that_is_a_trap_is_stored_safely(inbox: Inbox, name: str) -> None:
    inbox.drop(OFFLINE, HEADER_LINE, name)
    with pytest.raises(FileRefusedError):
        inbox.take(OFFLINE, name)
    (stored,) = inbox.conn.execute("select file_name from intake.import").fetchone()
    assert stored.isprintable()
    assert "\\" not in stored
    files = [path for path in inbox.root.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert path.parent == inbox.root / "refused" / "offline_sales"
        assert path.name.isprintable()
        assert not set(path.name) & set("\\/;$<>|\n")
        assert len(path.name.encode()) <= 200


def test_an_uploaded_name_does_not_lead_out_of_the_storage(inbox: Inbox) -> None:
    for name in ("../../../escape.csv", "/escape.csv", "..\\escape.csv"):
        with pytest.raises(FileRefusedError):
            inbox.importer.receive(OFFLINE, HEADER_LINE, name)
    assert not list(inbox.importer.home.rglob("escape*"))
    assert inbox.conn.execute("select distinct file_name from intake.import").fetchall() == [("escape.csv",)]


def test_a_file_that_is_still_written_stays_and_is_taken_later(inbox: Inbox) -> None:
    path = inbox.drop(SYNC, DUMP[:300])
    with path.open("ab") as file:
        with pytest.raises(StillBeingWrittenError, match=r"given\.csv is still being written"):
            inbox.take(SYNC)
        assert path.exists()
        assert inbox.conn.execute("select count(*) from intake.import").fetchone() == (0,)
        file.write(DUMP[300:])
    assert inbox.take(SYNC).rows == 6
    assert not path.exists()


def test_a_file_that_grows_while_it_is_read_stays(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from tillflow.intake import receive

    path, original = inbox.drop(SYNC, DUMP), receive.scan

    def scan_and_write(source: Any) -> Any:
        path.write_bytes(DUMP + b"more\n")
        return original(source)

    monkeypatch.setattr(receive, "scan", scan_and_write)
    with pytest.raises(StillBeingWrittenError):
        inbox.take(SYNC)
    assert path.exists()
    assert inbox.conn.execute("select count(*) from intake.import").fetchone() == (0,)


@pytest.mark.parametrize("place", ["ADD_LINE_2", "PHONE", "ORDER_ID", "CARD_TOKEN", "FIRST_NAME"])
@pytest.mark.parametrize("number", [CARD, "4111 1111 1111 1111", "４１１１１１１１１１１１１１１１"])
def test_a_card_number_in_any_field_keeps_the_file_out(inbox: Inbox, place: str, number: str) -> None:
    errors = inbox.errors(OFFLINE, orders({}, {place: f"x {number}"}, {}))
    assert codes(errors) == [("card_number_present", 3, place)]
    assert inbox.kept() == ["given.csv.errors.csv"]
    assert number.encode() not in inbox.everything_stored()


def _extra_column(content: bytes) -> bytes:
    first, second, *rest = content.splitlines()
    return b"\n".join([first + b",MEMO", second + b"," + CARD.encode(), *(line + b"," for line in rest)]) + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        _extra_column(ORDERS.content()),
        HEADER_LINE.replace(b"PHONE", CARD.encode()) + LINES[1],
        HEADER_LINE[:-1] + b"," + CARD.encode() + b"\n" + LINES[1][:-1] + b",x\n",
        ORDERS.content() + b"1,2," + CARD.encode() + b"\n",
        ORDERS.content() + b'1,"open ' + CARD.encode() + b"\n",
        b"wrong,header\n" + CARD.encode() + b",x\n",
        gzip.compress(_extra_column(ORDERS.content())),
        orders({"PHONE": "é"}).decode().encode("cp1252", errors="replace") + CARD.encode() + b"\xe9\n",
    ],
    ids=["extra column", "header", "extra header", "ragged", "open quote", "wrong header", "gzip", "cp1252 ragged"],
)
def test_a_card_number_is_nowhere_afterwards_whatever_else_is_wrong(inbox: Inbox, content: bytes) -> None:
    assert inbox.errors(OFFLINE, content)
    assert CARD.encode() not in inbox.everything_stored()
    assert "given.csv" not in inbox.kept()


def test_a_card_number_in_a_dump(inbox: Inbox) -> None:
    rows = sync_dump(PORTAL, 7, 3, bad_share=0, edge_share=0).rows
    rows[1]["card_no"] = CARD
    assert codes(inbox.errors(SYNC, as_csv(DUMP_HEADER, rows))) == [("card_number_present", 3, "CARD_NO")]
    assert CARD.encode() not in inbox.everything_stored()


@pytest.mark.parametrize("name", [f"{CARD}.csv", "4111-1111-1111-1111.csv"])
def test_a_card_number_as_a_file_name(inbox: Inbox, name: str) -> None:
    inbox.drop(OFFLINE, HEADER_LINE, name)
    with pytest.raises(FileRefusedError):
        inbox.take(OFFLINE, name)
    assert name.removesuffix(".csv").encode() not in inbox.everything_stored()


PIN = "73910482"


def test_a_pin_is_nowhere_after_a_success(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    rows = sync_dump(PORTAL, 7, 3, bad_share=0, edge_share=0).rows
    rows[0] |= {"card_no": "", "access_code": "AC00002", "pin": PIN}
    inbox.drop(SYNC, as_csv(DUMP_HEADER, rows))
    received = inbox.take(SYNC)
    inbox.importer.book(SYNC, received.import_id)
    assert inbox.booked_rows() > 0
    assert PIN.encode() not in inbox.everything_stored()
    assert PIN not in caplog.text


@pytest.mark.parametrize("form", ["ragged", "wrong header", "jsonl", "xlsx", "gzip"])
def test_a_pin_is_nowhere_after_a_refusal_and_the_sealed_file_can_be_opened(
    inbox: Inbox, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    rows = sync_dump(PORTAL, 7, 3, bad_share=0, edge_share=0).rows
    rows[0] |= {"card_no": "", "access_code": "AC00002", "pin": PIN}
    csv = as_csv(DUMP_HEADER, rows)
    content = {
        "ragged": csv + b"a,b\n",
        "wrong header": csv.replace(b"equipment", b"machine"),
        "jsonl": b'{"equipment": "x", "pin": "%s"}\n{"pin": "%s", \n' % (PIN.encode(), PIN.encode()),
        "xlsx": workbook([("machine", "pin"), ("x", PIN)]),
        "gzip": gzip.compress(csv + b"a,b\n"),
    }[form]
    errors = inbox.errors(SYNC, content)
    assert not [error for error in errors if PIN in error.message]
    assert PIN.encode() not in inbox.everything_stored()
    assert PIN not in caplog.text
    assert inbox.kept() == ["given.csv.errors.csv", "given.csv.sealed"]
    (sealed,) = inbox.root.rglob("*.sealed")
    opened = unseal(sealed.read_bytes().splitlines(), inbox.importer.settings.pin_secret)
    assert b"".join(opened) == content


def workbook(rows: list[tuple[object, ...]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_portal_file_that_is_refused_loads_nothing_and_leaves_no_pin(inbox: Inbox) -> None:
    header = "customer,user,name,email,role,card_no,facility_id,access_code,pin\n"
    users = f"{header}nobody,u1,Ann,,Consumer,,,77,{PIN}\n"
    inbox.drop(PORTAL_DATA, users.encode(), "users.csv")
    with pytest.raises(FileRefusedError) as refused:
        inbox.take(PORTAL_DATA, "users.csv")
    assert [(error.code, error.file, error.row) for error in refused.value.errors] == [
        ("unknown_reference", "users.csv", 2)
    ]
    assert inbox.conn.execute("select count(*) from portal.consumer where key = 'u1'").fetchone() == (0,)
    assert PIN.encode() not in inbox.everything_stored()


@pytest.mark.parametrize(
    ("channel", "said"),
    [("nowhere", "there is no channel 'nowhere'; name the"), (None, "no channel was named; name the")],
)
def test_an_unknown_channel(inbox: Inbox, channel: str | None, said: str) -> None:
    with pytest.raises(FileRefusedError, match=f"unknown_channel: {said} channel"):
        inbox.importer.receive(OFFLINE, ORDERS.content(), channel=channel)
    assert inbox.booked_rows() == 0


def test_an_uploader_without_a_grant(inbox: Inbox) -> None:
    for kind, content in ((OFFLINE, ORDERS.content()), (SYNC, DUMP)):
        inbox.drop(kind, content)
        with pytest.raises(FileRefusedError, match="uploader_not_allowed: mallory may not upload files"):
            inbox.take(kind, uploader="mallory")
    assert inbox.kept() == ["given.csv.errors.csv"] * 2
    assert inbox.booked_rows() == 0


def test_more_row_errors_than_the_channel_allows(inbox: Inbox) -> None:
    inbox.conn.execute("update portal.channel set max_row_errors = 1 where key = %s", [CHANNEL])
    wrong = {"LAST_NAME": "1"}
    inbox.drop(OFFLINE, orders({}, wrong, wrong))
    received = inbox.take(OFFLINE)
    with pytest.raises(FileRefusedError, match="too_many_row_errors: 2 rows are in error, more than the channel"):
        inbox.importer.book(OFFLINE, received.import_id)
    counts = "select read_rows, rejected_rows, sale_rows, exception_rows from intake.balance"
    assert (
        inbox.conn.execute(counts).fetchall() == [(3, 3, 0, 0)]
        or sum(row[1] for row in inbox.conn.execute(counts)) == 3
    )
    assert inbox.conn.execute("select count(*) from books.sale").fetchone() == (0,)
    assert not list((inbox.root / "archive").rglob("*.parquet"))
    inbox.drop(OFFLINE, orders({}, wrong, {}))
    assert inbox.importer.book(OFFLINE, inbox.take(OFFLINE).import_id).balance


def test_critical_errors_of_all_rows_are_listed_with_their_places(inbox: Inbox) -> None:
    inbox.drop(OFFLINE, orders({}, {"ORDER_ID": "1x"}, {"DRAW_NO": "soon", "PAYMENT_TYPE": "IOU"}))
    received = inbox.take(OFFLINE)
    with pytest.raises(FileRefusedError) as refused:
        inbox.importer.book(OFFLINE, received.import_id)
    assert codes(refused.value.errors) == [
        ("order_id_not_integer", 3, "ORDER_ID"),
        ("draw_no_invalid", 4, "DRAW_NO"),
        ("payment_type_unknown", 4, "PAYMENT_TYPE"),
    ]
    assert inbox.kept() == ["given.csv", "given.csv.errors.csv"]
    kept = Path(next(path for path in inbox.root.rglob("*-given.csv"))).read_text()
    assert kept.splitlines()[2].startswith("1x,")

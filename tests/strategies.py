"""Hypothesis strategies: files of both kinds over a small portal, full of edges, as bytes and as rows.

A row is mostly a generated one (good, at an edge, or wrong in a known way) with a few of its values
replaced by other telling values or by arbitrary text; rows come from a small pool, so that keys repeat
with the same and with other content, within a file and across files.

    @given(sync_dumps())
    def test_...(dumps):
        oracle = SyncOracle(PORTAL, NOW)
        for dump in dumps:
            expected = oracle.judge_file(dump.rows, first_row=dump.first_row)
            ... import dump.content as dump.name, received at NOW ...
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from tillflow.samples.generate import NOW, offline_sales, portal, sync_dump
from tillflow.samples.orders import HEADER as ORDER_HEADER
from tillflow.samples.sample_file import as_csv, gzipped
from tillflow.samples.vends import HEADER as DUMP_HEADER

PORTAL = portal(seed=11)
CHANNEL = "call-centre"

Row = dict[str, str]

DUMP_REQUIRED = ("equipment", "txn_seq", "vended_at", "selection", "unit_price", "currency", "result")
#: columns of the orders that every file must have
ORDER_REQUIRED = tuple(
    name for name in ORDER_HEADER if name not in {"CUSTOMER_ID", "ADD_LINE_2", "ADD_COUNTRY", "PHONE", "CURRENCY"}
)


@dataclass(frozen=True)
class GivenFile:
    """A file as bytes, and its rows as the oracle takes them: None is a blank line."""

    name: str
    content: bytes
    rows: list[Row | None]
    first_row: int


#: no control characters: they end lines or cannot be stored; no halves of surrogate pairs
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
_BLANKS = st.sampled_from(["", " ", "\t", "\u00a0", " \u00a0"])


def _moments() -> list[str]:
    """Every boundary of a period in the portal, and the moments beside it; now and ten minutes on."""
    periods = [*PORTAL.allocations, *PORTAL.planograms, *PORTAL.access]
    edges = {moment for p in periods for moment in (p.valid_from, p.valid_to) if moment is not None}
    edges |= {NOW, NOW + timedelta(minutes=10)}
    near = sorted({
        (edge + timedelta(microseconds=step)).astimezone(UTC) for edge in edges for step in (-1, 0, 1)
    })  # fmt: skip
    return [moment.isoformat().replace("+00:00", "Z") for moment in near]


_DUMP_VALUES: dict[str, list[str]] = {
    "equipment": [m.equipment for m in PORTAL.equipment] + ["", "vm-0001", "nowhere", "M" * 40, "M" * 41],
    "txn_seq": ["1", "01", "2", "", "-1", "1.0", "1e3", "9" * 15, "9" * 16, "１", "٣", "0x1"],
    "boot_id": ["", "B1", "b1", "x" * 40, "x" * 41],
    "vended_at": [
        *_moments(), "", "now", "2026-02-29T10:00Z", "2026-04-05T02:30:00+11:00", "2026-04-05T02:30:00+10:30",
        "2026-03-29 02:30+0100", "2026-03-29T02:30:00.5-0930", "2026-06-01T10:00", "2026-06-01T24:00:00Z",
        "2026-06-01T10:00:60Z", "2026-06-01T10:00:00.1234567Z", "2026-06-01T10:00:00.Z", "2026-6-1T10:00Z",
        "20260601T100000Z", "2026-06-01T10Z", "2026-06-01T10:00:00+5", "2026-06-01T10:00:00 +05:00",
        "1000-01-01T00:00:00Z", "0999-12-31T00:00Z",
        "2026-06-02T01:00+23:59", "2026-06-01T10:00+24:00", "2999-12-31T23:59:59Z", "3000-01-01T00:00Z", "2026-06-01",
        "1780000000", "infinity",
    ],
    "selection": ["", "0000", "0", "000B", "000b", "0002", "000D", "9999", "s" * 60],
    "product_code": ["", "1001", "1002", "1003", "01001", "9", "p" * 60],
    "product_name": ["", "Water", 'a "quoted", name; with | all\tof them', "two\nlines"],
    "quantity": ["", "1", "01", "2", "0", "9999", "10000", "1.0", "-1", "+1", "1_0", "１"],
    "unit_price": ["0", "0.00", "2", "2.5", "2.50", "2.500", "2.5000", "02.50", ".5", "5.", "-1", "+1", "",
                   "1,00", "1e2", "NaN", "Infinity", "1_000", "٢", "1234567890.12", "1" * 13],
    "currency": ["", "AUD", "aud", "Eur", "JPY", "KWD", "XXX", "AU", "USDT", "ÅUD"],
    "card_no": ["", "04000000", "4000000", "04000004", "04000006", "04000008", "nobody", "c" * 50],
    "facility_id": ["", "0", "00", "57", "057", "12"],
    "access_code": ["", "AC00002", "ac00002", "AC00003", "nobody"],
    "pin": ["", "0002", "2", "0003", "9999"],
    "result": ["vend", "VEND", "Refund", "test", "Free", "failed", "", "sold", "vend."],
    "accept_any_card": ["", "0", "1", "TRUE", "f", "no", "Y", "2", "on"],
    "override_facility": ["", "0", "1", "true", "F", "No", "yes", "2", "null"],
    "meter": ["", "0", "007", "41200", "12.5", "-1", "n/a", "9" * 15, "9" * 16, "１"],
    "board_id": ["", "K7", "k7", "b" * 40, "b" * 41],
}  # fmt: skip

_ORDER_VALUES: dict[str, list[str]] = {
    "ORDER_ID": ["1", "001", "2", "3", "999999999"],
    "LOTTERY": ["", "coast", "Coast", "sakura", "gulf", "dry", "gone", "nowhere"],
    "DRAW_NO": ["next", "NEXT", "1", "2", "02", "3", "4", "99", "0"],
    "CUSTOMER_ID": ["", "000000", "0", "000001", "000002", "x" * 100, "x" * 101],
    "TITLE": ["", "Ms", "ms.", "MISS", "Dr.", "Mr..", "Sir", "."],
    "FIRST_NAME": ["", "A", "Bo", "Zoë", "Zoe\u0308", "小明", "D’Arcy", "J4ne", "x" * 44, "x" * 45, "--", "a_b",
                   "Ann\u2010Li"],
    "LAST_NAME": ["", "王", "王伟", "O'Brien", "St. John", "y" * 36, "y" * 37, "Li,", "Ng-\u0301"],
    "ADD_UNIT": ["", "3", "u" * 90],
    "ADD_STREET_NUMBER": ["", "12a", "n" * 50],
    "ADD_STREET_NAME": ["", "Harbour Street", "s" * 46, "s" * 97],
    "ADD_LINE_1": ["", "12a Harbour Street", "l" * 97, "l" * 98],
    "ADD_LINE_2": ["", "c/o Li", "two\nlines"],
    "ADD_SUBURB": ["", "Hobart", "ü" * 44, "ü" * 45],
    "ADD_STATE": ["", "TAS", "t" * 44, "t" * 45],
    "ADD_POSTCODE": ["", "7000", "0800", "700", "70000", "７０００", "SW1A 1AA", "p" * 10, "p" * 11],
    "ADD_COUNTRY": ["", "AU", "NZ", "JP", "ZZ", "AUS", "XK", "UK"],
    "EMAIL": ["", "a@b.co", "A@B.co", "a@b", "a b@c.de", "zoë@example.com", "@b.co", "a@b.",
              "o" * 249 + "@b.co", "o" * 250 + "@b.co"],
    "PHONE": ["", "123456", "12345", "+61 (2) 5550-0101", "call me", "555/1234"],
    "PRODUCT": ["", "T1", "t1", "T5", "ÉTÉ-25", "T9"],
    "QUANTITY": ["", "1", "01", "2", "0", "9999", "10000", "1.0", "-1", "two"],
    "AMOUNT": ["", "0", "0.00", "7.00", "7", "07.00", "700", "0.700", "7.000", "7.0001", "-7", "7,00", "1e1", "NaN"],
    "CURRENCY": ["", "AUD", "JPY", "KWD", "EUR", "XXX", "$"],
    "PAYMENT_TYPE": ["CASH", "CC", "CHQ", "MO", "BD"],
    "PAYMENT_REF": ["", "000417", "r" * 200],
    "CARD_TOKEN": ["", "tok_ok", "tok_hard"],
    "SALE_DATE": [
        "", "2026-06-30", "2026-07-01", "2026-07-02", "2026-02-30", "30/06/2026", "2026-6-1", "2026-04-05",
        "2026-07-01T00:00:00Z", "2026-07-01T10:00:00+10:00", "2026-07-01T10:00:00.000001+10:00",
        "2026-06-30T00:00:00+10:00", "2026-07-01T00:00", "today",
    ],
}  # fmt: skip

_VENDS = sync_dump(PORTAL, 3, 160, bad_share=0.4, edge_share=0.3).rows
_ORDERS = offline_sales(PORTAL, 3, 160, bad_share=0.4, edge_share=0.3).rows


def sync_dumps(*, max_files: int = 3, max_rows: int = 14) -> st.SearchStrategy[list[GivenFile]]:
    """Dumps that arrive one after the other at NOW, over PORTAL: CSV in any dialect, or JSON Lines."""
    row = _rows(_VENDS, _DUMP_VALUES, _TEXT)
    rows = _with_repeats(row, max_rows, key=("equipment", "boot_id", "txn_seq"))
    csv_files = _csv_files(rows, (*DUMP_HEADER, "meter", "board_id"), DUMP_REQUIRED, may_gzip=True, may_cp1252=False)
    one = st.one_of(csv_files, _jsonl_files(rows))
    return st.lists(one, min_size=1, max_size=max_files)


def order_files(*, max_files: int = 3, max_rows: int = 14) -> st.SearchStrategy[list[GivenFile]]:
    """Files of CHANNEL that arrive one after the other at NOW, over PORTAL, none with a file error."""
    arbitrary = _TEXT.filter(lambda text: not _could_be_a_card(text))
    row = _rows(_ORDERS, _ORDER_VALUES, arbitrary, fixed=("ORDER_ID", "DRAW_NO", "PAYMENT_TYPE"))
    rows = _with_repeats(row, max_rows, key=("LOTTERY", "ORDER_ID"))
    one = _csv_files(rows, ORDER_HEADER, ORDER_REQUIRED, may_gzip=False, may_cp1252=True)
    return st.lists(one, min_size=1, max_size=max_files)


def _could_be_a_card(text: str) -> bool:
    digits = [c for c in unicodedata.normalize("NFKC", text) if c.isdigit()]
    return len(digits) >= 6  # and no two fields are ever joined


def _rows(
    pool: list[Row], values: dict[str, list[str]], arbitrary: st.SearchStrategy[str], fixed: tuple[str, ...] = ()
) -> st.SearchStrategy[Row]:
    """A row of the pool, as it is or with up to three of its values replaced."""

    def value_of(column: str) -> st.SearchStrategy[str]:
        telling = st.sampled_from(values[column])
        if column in fixed:
            return telling
        padded = st.builds(lambda before, text, after: before + text + after, _BLANKS, telling, _BLANKS)
        return st.one_of(telling, telling, padded, arbitrary)

    change = st.sampled_from(sorted(values)).flatmap(lambda c: st.tuples(st.just(c), value_of(c)))
    changes = st.lists(change, max_size=3)
    return st.builds(lambda row, changed: {**row, **dict(changed)}, st.sampled_from(pool), changes)


@st.composite
def _with_repeats(
    draw: st.DrawFn, row: st.SearchStrategy[Row], max_rows: int, key: tuple[str, ...]
) -> list[Row | None]:
    """Rows, some of which bear an earlier row's key or are that row again, and blank lines."""
    rows: list[Row | None] = []
    made: list[Row] = []
    for drawn in draw(st.lists(row, min_size=1, max_size=max_rows)):
        turn = draw(st.sampled_from(["new", "new", "new", "same key", "same row", "blank line"]))
        if turn == "same row":
            rows.append(dict(drawn))
        elif turn == "same key" and made:
            earlier = draw(st.sampled_from(made))
            drawn |= {column: earlier[column] for column in key}
        elif turn == "blank line":
            rows.append(None)
        rows.append(drawn)
        made.append(drawn)
    return rows


@st.composite
def _csv_files(
    draw: st.DrawFn,
    rows_of: st.SearchStrategy[list[Row | None]],
    columns: tuple[str, ...],
    required: tuple[str, ...],
    *,
    may_gzip: bool,
    may_cp1252: bool,
) -> GivenFile:
    left_out = draw(st.sets(st.sampled_from([c for c in columns if c not in required]), max_size=3))
    kept = [column for column in columns if column not in left_out]
    Random(draw(st.integers(0, 9))).shuffle(kept)
    spell = draw(st.sampled_from([str, str.lower, str.upper, lambda column: f" {column.title()}\u00a0"]))
    spelt = {column: spell(column) for column in kept}
    rows = [None if row is None else {spelt[column]: row.get(column, "") for column in kept} for row in draw(rows_of)]
    content = as_csv(
        list(spelt.values()),
        rows,
        delimiter=draw(st.sampled_from(",;\t|")),
        quote_all=draw(st.booleans()),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        bom=draw(st.booleans()),
    )
    if may_cp1252 and draw(st.booleans()):
        content = _as_cp1252(content)
    if may_gzip and draw(st.booleans()):
        return GivenFile("given.csv.gz", gzipped(content), rows, 2)
    return GivenFile("given.csv", content, rows, 2)


def _as_cp1252(content: bytes) -> bytes:
    """The same text in Windows-1252, where it has all its characters and cannot be taken for UTF-8."""
    try:
        encoded = content.decode("utf-8-sig").encode("cp1252")
    except UnicodeEncodeError:
        return content
    try:
        encoded.decode()
    except UnicodeDecodeError:
        return encoded
    return content


@st.composite
def _jsonl_files(draw: st.DrawFn, rows_of: st.SearchStrategy[list[Row | None]]) -> GivenFile:
    """Required fields stand in every line; an absent value is left out, null or empty."""
    rows = draw(rows_of)
    lines = ["" if row is None else json.dumps(draw(_json_object(row)), ensure_ascii=False) for row in rows]
    content = "".join(line + draw(st.sampled_from(["\n", "\r\n"])) for line in lines).encode()
    if draw(st.booleans()):
        return GivenFile("given.jsonl.gz", gzipped(content), rows, 1)
    return GivenFile("given.jsonl", content, rows, 1)


@st.composite
def _json_object(draw: st.DrawFn, row: Row) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for name, value in row.items():
        if value:
            written[name] = draw(st.sampled_from(_json_values(value)))
        elif name in DUMP_REQUIRED:
            written[name] = draw(st.sampled_from(["", None]))
        elif draw(st.booleans()):
            written[name] = None
    return written


def _json_values(text: str) -> list[Any]:
    """The text itself, and the number or boolean that reads the same."""
    if text in {"true", "false"}:
        return [text, text == "true"]
    plain_number = text.isascii() and text.isdigit() and len(text) < 16 and str(int(text)) == text
    return [text, int(text)] if plain_number else [text]

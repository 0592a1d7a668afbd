"""Vends as text: the columns of a dump, ready to be written."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tillflow.samples.bulk_rows import FIRST_SECOND, RESULTS, Chunk, Kind
from tillflow.samples.bulk_tables import BulkTables, Integers
from tillflow.samples.portal_data import FIRST_DAY

_UNKNOWN_MACHINES: Final = 97
#: columns that nobody judges, as real machines send them
_HISTORY: Final = {
    "firmware": "connex 4.18.2 build 20251104",
    "reader": "HID OMNIKEY 5027CK rev B",
    "signal": "-71",
}
#: the header
COLUMNS: Final = (
    "equipment", "txn_seq", "boot_id", "vended_at", "selection", "product_code", "product_name",
    "quantity", "unit_price", "currency", "card_no", "facility_id", "access_code", "pin", "result",
    "accept_any_card", "override_facility", "sync_id", *_HISTORY,
)  # fmt: skip


class TextWriter:
    """Turns the arrays of a chunk into the text columns of a dump."""

    def __init__(self, tables: BulkTables, days: int) -> None:
        self._t = tables
        users, lines = tables.users, len(tables.selections)
        self._nobody_by_card, self._nobody_by_code = len(users), len(users) + 1
        self._no_selection = self._no_price = lines
        self._cards = pa.array([user.card_no or "" for user in users] + ["9999999999", ""])
        self._facilities = pa.array([user.facility_id or "" for user in users] + ["57", ""])
        by_code = [("", "") if u.card_no else (u.access_code or "", u.pin or "") for u in users]
        self._codes = pa.array([code for code, _ in by_code] + ["", "AC-none"])
        self._pins = pa.array([pin for _, pin in by_code] + ["", "0000"])
        self._selections = pa.array([*tables.selections, "9999"])
        self._products = pa.array(tables.products)
        self._names = pa.array([f"Product {product}" for product in tables.products])
        self._prices = pa.array([*tables.prices, "n/a"])
        self._currencies = pa.array(tables.line_currencies)
        self._machines = pa.array(tables.machines + [f"XX-{number:04d}" for number in range(_UNKNOWN_MACHINES)])
        self._offsets = tables.offsets(FIRST_DAY, days + 1)
        self._minutes = sorted({0, *self._offsets.ravel().tolist()})
        self._offset_texts = pa.array([_offset_text(minutes) for minutes in self._minutes])
        self.schema = pa.schema([(name, pa.string()) for name in COLUMNS])

    def batch(self, chunk: Chunk) -> Any:
        """An Arrow record batch of COLUMNS, all text."""
        kind, line, row = chunk.kind, chunk.line, chunk.row
        unknown_selection = chunk.is_kind(Kind.UNKNOWN_SELECTION, Kind.TWO_REASONS)
        selection = np.where(unknown_selection, self._no_selection, line)
        unknown_card = chunk.is_kind(Kind.UNKNOWN_CARD, Kind.TWO_REASONS)
        user = np.where(unknown_card, self._nobody_by_card, chunk.user)
        user = np.where(kind == Kind.UNKNOWN_CODE, self._nobody_by_code, user)
        unknown_machine = len(self._t.machines) + row % _UNKNOWN_MACHINES
        machine = np.where(kind == Kind.UNKNOWN_MACHINE, unknown_machine, chunk.machine)
        quantity = np.where(kind == Kind.BAD_QUANTITY, 0, chunk.quantity)
        columns = [
            self._machines.take(pa.array(machine)),
            pa.array(chunk.seq).cast(pa.string()),
            _constant("B1", len(row)),
            self._instants(chunk),
            self._selections.take(pa.array(selection)),
            self._products.take(pa.array(line)),
            self._names.take(pa.array(line)),
            pa.array(quantity).cast(pa.string()),
            self._prices.take(pa.array(np.where(kind == Kind.BAD_PRICE, self._no_price, line))),
            self._currencies.take(pa.array(line)),
            self._cards.take(pa.array(user)),
            self._facilities.take(pa.array(user)),
            self._codes.take(pa.array(user)),
            self._pins.take(pa.array(user)),
            pa.array(RESULTS).take(pa.array(chunk.result)),
            _constant("0", len(row)),
            _constant("0", len(row)),
            _sync_ids(chunk.seq, row),
            *(_constant(text, len(row)) for text in _HISTORY.values()),
        ]
        return pa.record_batch(columns, schema=self.schema)

    def _instants(self, chunk: Chunk) -> Any:
        """Local time with its offset; the few in other years in UTC."""
        second = chunk.second
        elsewhere = chunk.is_kind(Kind.FUTURE, Kind.BEFORE_ALLOCATION)
        day = np.where(elsewhere, 0, (second - FIRST_SECOND) // 86_400)
        minutes = np.where(elsewhere, 0, self._offsets[self._t.zone[chunk.spell], day])
        clock = pa.array(second + 60 * minutes).cast(pa.timestamp("s")).cast(pa.string())
        offset = self._offset_texts.take(pa.array(np.searchsorted(self._minutes, minutes)))
        written = pc.binary_join_element_wise(clock, offset, "")
        return pc.if_else(pa.array(chunk.is_kind(Kind.BAD_INSTANT)), "yesterday", written)


def _offset_text(minutes: int) -> str:
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _constant(text: str, length: int) -> Any:
    return pa.repeat(text, length)


def _sync_ids(seq: Integers, row: Integers) -> Any:
    """Thirty-two hexadecimal digits that look random and follow from the place in the file."""
    golden = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: spreads small numbers
    mixed = np.stack([row.astype("u8") * golden, (seq ^ row << 20).astype("u8") * golden], axis=1)
    digits = mixed.astype(">u8").tobytes().hex().encode()
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(row), [None, pa.py_buffer(digits)])
    return fixed.cast(pa.binary()).cast(pa.string())

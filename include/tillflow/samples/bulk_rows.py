"""Vends as arrays: good ones drawn at random, some bent into one known kind of bad row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tillflow.samples.bulk_tables import BulkTables, Integers
from tillflow.samples.portal_data import FIRST_DAY, local

#: rows that are made at a time; even, so that a row and its repetition stay together
CHUNK: Final = 262_144
FIRST_SECOND: Final = int(local(FIRST_DAY, "UTC").timestamp())


class Kind(IntEnum):
    """What a row is made to be. Every kind but the first stands behind a good row, at odd places."""

    GOOD = 0
    UNKNOWN_SELECTION = 1
    UNKNOWN_CARD = 2
    UNKNOWN_CODE = 3
    TECHNICIAN = 4
    VISITOR = 5
    UNKNOWN_MACHINE = 6
    FUTURE = 7
    BEFORE_ALLOCATION = 8
    BAD_PRICE = 9
    BAD_INSTANT = 10
    BAD_QUANTITY = 11
    TWO_REASONS = 12
    DUPLICATE = 13
    CONFLICT = 14


#: the reasons of each kind; what is not here has none
REASONS: Final = {
    Kind.UNKNOWN_SELECTION: ("unknown_product_selection",),
    Kind.UNKNOWN_CARD: ("unknown_user",),
    Kind.UNKNOWN_CODE: ("unknown_user",),
    Kind.TECHNICIAN: ("user_role_mismatch",),
    Kind.VISITOR: ("user_access_issue",),
    Kind.UNKNOWN_MACHINE: ("unknown_equipment",),
    Kind.FUTURE: ("bad_timestamp",),
    Kind.BEFORE_ALLOCATION: ("bad_timestamp", "unknown_equipment", "unknown_product_selection"),
    Kind.BAD_PRICE: ("malformed_row",),
    Kind.BAD_INSTANT: ("malformed_row",),
    Kind.BAD_QUANTITY: ("malformed_row",),
    Kind.TWO_REASONS: ("unknown_product_selection", "unknown_user"),
    Kind.CONFLICT: ("sync_conflict",),
}
RESULTS: Final = ("vend", "refund", "test", "free", "failed")
#: places in RESULTS
REFUND, FIRST_NOT_BILLABLE = 1, 2
#: share of rows with each result but `vend`
_RESULT_SHARES: Final = (0.003, 0.004, 0.003, 0.003)
_IN_2099: Final = int(datetime(2099, 1, 1, tzinfo=UTC).timestamp())
_IN_2019: Final = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp())


@dataclass
class Chunk:
    """Consecutive rows; every array has one number per row, most of them places in BulkTables."""

    row: Integers
    kind: Integers
    machine: Integers
    spell: Integers
    #: since 1970 UTC
    second: Integers
    user: Integers
    line: Integers
    quantity: Integers
    result: Integers
    seq: Integers

    def is_kind(self, *kinds: Kind) -> NDArray[np.bool_]:
        """A mask of the rows of these kinds."""
        return np.isin(self.kind, kinds)


def chunks(tables: BulkTables, seed: int, rows: int, bad_share: float, first_seq: int, days: int) -> Iterator[Chunk]:
    """All rows, in order of time."""
    rng = np.random.default_rng(seed)
    next_seq = np.full(len(tables.machines), first_seq)
    turn = 0
    for start in range(0, rows, CHUNK):
        row = np.arange(start, min(start + CHUNK, rows))
        kind = _kinds(rng, row, bad_share, turn)
        turn += int(np.count_nonzero(kind))
        chunk = _draw(tables, rng, row, kind, FIRST_SECOND + row * (days * 86_400) // rows)
        _number(chunk, next_seq)
        yield chunk


def _kinds(rng: np.random.Generator, row: Integers, bad_share: float, turn: int) -> Integers:
    """Bad kinds in turn at random odd places."""
    kind = np.zeros(len(row), dtype=np.int64)
    places = np.flatnonzero((rng.random(len(row)) < 2 * bad_share) & (row % 2 == 1))
    kind[places] = 1 + (turn + np.arange(len(places))) % (len(Kind) - 1)
    return kind


def _draw(tables: BulkTables, rng: np.random.Generator, row: Integers, kind: Integers, second: Integers) -> Chunk:
    machine, spell = _machines_that_stand_somewhere(tables, rng, second)
    future, early = kind == Kind.FUTURE, kind == Kind.BEFORE_ALLOCATION
    spell = np.where(future, tables.last_spell[machine], spell)
    second = np.where(future, _IN_2099 + row, np.where(early, _IN_2019 + row % 86_400, second))
    dice = rng.integers(0, 1 << 40, (3, len(row)))
    user = tables.good.pick(spell, dice[0])
    for special, slices in ((Kind.TECHNICIAN, tables.technician), (Kind.VISITOR, tables.visitor)):
        user = np.where(kind == special, slices.pick(spell, dice[0]), user)
    line = tables.line_of.pick(spell, dice[2])
    quantity = np.where(dice[1] % 10 < 9, 1, 2 + dice[1] % 3)
    result = np.searchsorted(np.cumsum(_RESULT_SHARES), rng.random(len(row)), "right") + 1
    result[(result == len(RESULTS)) | (kind != Kind.GOOD)] = 0
    seq = row.copy()
    chunk = Chunk(row, kind, machine, spell, second, user, line, quantity, result, seq)
    repeated = np.flatnonzero(chunk.is_kind(Kind.DUPLICATE, Kind.CONFLICT))
    for numbers in (machine, spell, second, user, line, quantity, result):
        numbers[repeated] = numbers[repeated - 1]
    quantity[kind == Kind.CONFLICT] = 9
    return chunk


def _machines_that_stand_somewhere(
    tables: BulkTables, rng: np.random.Generator, second: Integers
) -> tuple[Integers, Integers]:
    machine = rng.integers(0, len(tables.machines), len(second))
    spell = tables.spell_at(machine, second)
    while len(away := np.flatnonzero(spell < 0)):
        machine[away] = rng.integers(0, len(tables.machines), len(away))
        spell[away] = tables.spell_at(machine[away], second[away])
    return machine, spell


def _number(chunk: Chunk, next_seq: Integers) -> None:
    """Running numbers per machine; a repeated row has the number of the row before it, and one of a
    machine nobody knows keeps its place in the file.
    """
    repeated = np.flatnonzero(chunk.is_kind(Kind.DUPLICATE, Kind.CONFLICT))
    own = ~chunk.is_kind(Kind.DUPLICATE, Kind.CONFLICT, Kind.UNKNOWN_MACHINE)
    machine = chunk.machine[own]
    order = np.argsort(machine, kind="stable")
    used = np.bincount(machine, minlength=len(next_seq))
    rank = np.empty(len(machine), dtype=np.int64)
    rank[order] = np.arange(len(machine)) - np.repeat(np.cumsum(used) - used, used)
    chunk.seq[own] = next_seq[machine] + rank
    chunk.seq[repeated] = chunk.seq[repeated - 1]
    next_seq += used

"""Portal data as arrays, so that millions of vends can be drawn from it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tillflow.money import to_minor
from tillflow.samples.machine_floor import Cast, MachineFloor, Spell
from tillflow.samples.model import PortalSample, Selection, User

Integers = NDArray[np.int64]

#: beyond every instant, in seconds; machine number x this + second is one sortable key
MACHINE: Final = 1 << 40


@dataclass(frozen=True)
class Slices:
    """For each spell a slice of one long list."""

    start: Integers
    count: Integers

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Slices:
        """Slices of these lengths, one behind the other."""
        count = np.array(lengths, dtype=np.int64)
        return cls(np.cumsum(count) - count, count)

    def pick(self, spell: Integers, random: Integers) -> Integers:
        """One place of each spell's slice."""
        places: Integers = self.start[spell] + random % self.count[spell]
        return places


class BulkTables:
    """Spells sorted by machine and start, and for each its lines and users.

    Raises ValueError where a machine's customer lacks one kind of user.
    """

    def __init__(self, portal: PortalSample) -> None:
        floor = MachineFloor(portal)
        number = {row.equipment: place for place, row in enumerate(portal.equipment)}
        spells = sorted(floor.spells, key=lambda spell: (number[spell.machine], spell.starts))
        self.machines = list(number)
        self.machine = np.array([number[spell.machine] for spell in spells])
        self.starts = np.array([int(spell.starts.timestamp()) for spell in spells])
        self.ends = np.array([_seconds(spell.ends) for spell in spells])
        self.zones = sorted({spell.zone for spell in spells})
        self.zone = np.array([self.zones.index(spell.zone) for spell in spells])
        self._set_lines(spells)
        self._set_users([floor.cast(spell) for spell in spells])
        self._keys = self.machine * MACHINE + self.starts
        first = np.searchsorted(self.machine, np.arange(len(self.machines)))
        self.first_spell = first
        self.last_spell = np.append(first[1:], len(spells)) - 1

    def spell_at(self, machine: Integers, second: Integers) -> Integers:
        """The spell of each machine that holds at that second, or -1."""
        spell = np.searchsorted(self._keys, machine * MACHINE + second, "right") - 1
        inside = (spell >= 0) & (self.machine[spell] == machine) & (second < self.ends[spell])
        return np.where(inside, spell, -1)

    def offsets(self, first: date, days: int) -> Integers:
        """Minutes ahead of UTC of each zone at the start of each day: [zone, day]."""
        moments = [
            datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(days=day) for day in range(days)
        ]
        return np.array([
            [_minutes_ahead(moment, ZoneInfo(zone)) for moment in moments] for zone in self.zones
        ])  # fmt: skip

    def _set_lines(self, spells: Sequence[Spell]) -> None:
        lines: list[Selection] = [line for spell in spells for line in spell.lines]
        self.line_of = Slices.of([len(spell.lines) for spell in spells])
        self.selections = [line.selection for line in lines]
        self.products = [line.product for line in lines]
        self.prices = [line.price for line in lines]
        self.line_currencies = [line.currency for line in lines]
        self.currencies = sorted(set(self.line_currencies))
        self.currency = np.array([self.currencies.index(code) for code in self.line_currencies])
        minors = [to_minor(line.price, line.currency) or 0 for line in lines]
        self.price_minor = np.array(minors, dtype=np.int64)

    def _set_users(self, casts: Sequence[Cast]) -> None:
        """One list of users: the good ones of every spell, then technicians, then visitors."""
        self.users: list[User] = []
        self.good = self._append([cast.card + cast.code for cast in casts])
        self.technician = self._append([cast.technician for cast in casts])
        self.visitor = self._append([cast.visitor[:20] for cast in casts])
        if not all(slices.count.all() for slices in (self.good, self.technician, self.visitor)):
            raise ValueError("every customer needs consumers with and without access and a technician")

    def _append(self, groups: Sequence[list[User]]) -> Slices:
        slices = Slices.of([len(group) for group in groups])
        moved = Slices(slices.start + len(self.users), slices.count)
        self.users += [user for group in groups for user in group]
        return moved


def _seconds(moment: datetime | None) -> int:
    return MACHINE - 1 if moment is None else int(moment.timestamp())


def _minutes_ahead(moment: datetime, zone: ZoneInfo) -> int:
    return int((moment.astimezone(zone).utcoffset() or timedelta(0)) / timedelta(minutes=1))

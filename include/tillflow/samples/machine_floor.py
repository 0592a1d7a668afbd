"""Who can vend what at which machine when: the portal data turned around, to make vends from it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from tillflow.samples.model import Access, PortalSample, Selection, User


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a machine stands at one customer's site under one planogram version."""

    machine: str
    customer: str
    zone: str
    starts: datetime
    ends: datetime | None
    lines: tuple[Selection, ...]
    #: the lines of the version before, where the planogram changed at `starts`
    replaced: tuple[Selection, ...]


@dataclass(slots=True)
class Cast:
    """The users of a customer by what they are good for at one machine."""

    card: list[User] = field(default_factory=list)
    code: list[User] = field(default_factory=list)
    blank_facility: list[User] = field(default_factory=list)
    zero_facility: list[User] = field(default_factory=list)
    technician: list[User] = field(default_factory=list)
    visitor: list[User] = field(default_factory=list)
    technician_outside: list[User] = field(default_factory=list)
    dated: list[tuple[User, Access]] = field(default_factory=list)


class MachineFloor:
    """Spells and users of a portal."""

    def __init__(self, portal: PortalSample) -> None:
        self._portal = portal
        self._casts: dict[tuple[str, str], Cast] = {}
        self._users = defaultdict[str, list[User]](list)
        for user in portal.users:
            self._users[user.customer].append(user)
        self._access = defaultdict[tuple[str, str], dict[str, Access]](dict)
        for access in portal.access:
            self._access[access.customer, access.equipment][access.user] = access

    @cached_property
    def spells(self) -> list[Spell]:
        """Every spell, machine by machine."""
        site_of = {site.site: site for site in self._portal.sites}
        versions = self._versions()
        found = []
        for allocation in self._portal.allocations:
            site = site_of[allocation.site]
            before: tuple[Selection, ...] = ()
            for lines in versions[allocation.equipment]:
                starts = max(_utc(allocation.valid_from), _utc(lines[0].valid_from))
                ends = _earliest(allocation.valid_to, lines[0].valid_to)
                if ends is None or starts < ends:
                    replaced = before if starts == lines[0].valid_from else ()
                    found.append(Spell(allocation.equipment, site.customer, site.zone, starts, ends, lines, replaced))
                before = lines
        return found

    @cached_property
    def gaps(self) -> list[tuple[Spell, datetime]]:
        """(a machine's last spell before it left, a moment at which it stood nowhere)."""
        starts = defaultdict[str, list[datetime]](list)
        for allocation in self._portal.allocations:
            starts[allocation.equipment].append(_utc(allocation.valid_from))
        left = {a.equipment: _utc(a.valid_to) for a in self._portal.allocations if a.valid_to}
        return [
            (spell, spell.ends)
            for spell in self.spells
            if spell.ends == left.get(spell.machine)
            and spell.ends is not None
            and spell.ends not in starts[spell.machine]
        ]

    def first_allocated(self, machine: str) -> datetime:
        """When the machine was first allocated."""
        return min(
            _utc(allocation.valid_from) for allocation in self._portal.allocations if allocation.equipment == machine
        )

    def strangers(self, customer: str) -> list[User]:
        """Users with a card of other customers."""
        return [user for user in self._portal.users if user.customer != customer and user.card_no]

    def cast(self, spell: Spell) -> Cast:
        """The users of the spell's customer."""
        place = (spell.customer, spell.machine)
        if place not in self._casts:
            self._casts[place] = _cast(self._users[spell.customer], self._access[place])
        return self._casts[place]

    def _versions(self) -> dict[str, list[tuple[Selection, ...]]]:
        lines = defaultdict[str, dict[datetime, list[Selection]]](dict)
        for line in self._portal.planograms:
            lines[line.equipment].setdefault(line.valid_from, []).append(line)
        return {machine: [tuple(versions[start]) for start in sorted(versions)] for machine, versions in lines.items()}


def _cast(users: list[User], access_of: dict[str, Access]) -> Cast:
    cast = Cast()
    for user in users:
        access, may_vend = access_of.get(user.user), user.role.lower() == "consumer"
        if access is None:
            if user.card_no:
                (cast.visitor if may_vend else cast.technician_outside).append(user)
        elif access.valid_from or access.valid_to:
            if may_vend and user.card_no:
                cast.dated.append((user, access))
        elif not may_vend:
            cast.technician.append(user)
        elif user.card_no:
            by_facility = {"": cast.blank_facility, "0": cast.zero_facility}
            by_facility.get(user.facility_id or "", cast.card).append(user)
        else:
            cast.code.append(user)
    return cast


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [_utc(moment) for moment in (one, other) if moment is not None]
    return min(known, default=None)

"""Portal data by what a vend names, at the moment of the vend; every period is half-open."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Final, Generic, TypeVar

from tillflow.samples import readings as read
from tillflow.samples.model import Allocation, PortalSample, Selection, User

T = TypeVar("T")
_FOR_EVER: Final = float("inf")


class _Dated(Generic[T]):
    """What held from one instant until just before another, by key."""

    def __init__(self) -> None:
        self._periods = defaultdict[object, list[tuple[float, float, T]]](list)

    def add(self, key: object, start: datetime | None, end: datetime | None, value: T) -> None:
        since = -_FOR_EVER if start is None else read.micros(start)
        until = _FOR_EVER if end is None else read.micros(end)
        self._periods[key].append((since, until, value))

    def at(self, key: object, instant: int) -> list[T]:
        periods = self._periods.get(key, ())
        return [value for since, until, value in periods if since <= instant < until]


class PortalLookup:
    """Instants are microseconds since 1970 UTC."""

    def __init__(self, portal: PortalSample) -> None:
        self.equipment = {machine.equipment for machine in portal.equipment}
        self.customer_of_site = {site.site: site.customer for site in portal.sites}
        self._allocations = _Dated[Allocation]()
        self.first_allocated: dict[str, int] = {}
        for stay in portal.allocations:
            self._allocations.add(stay.equipment, stay.valid_from, stay.valid_to, stay)
            start = read.micros(stay.valid_from)
            first = self.first_allocated.get(stay.equipment, start)
            self.first_allocated[stay.equipment] = min(first, start)
        self._planograms = _Dated[Selection]()
        for line in portal.planograms:
            self._planograms.add(line.equipment, line.valid_from, line.valid_to, line)
        self.by_card = {
            (user.customer, user.card_no, user.facility_id or ""): user
            for user in portal.users
            if user.card_no is not None
        }
        self.by_code = {
            (user.customer, user.access_code, user.pin): user for user in portal.users if user.access_code is not None
        }
        self._access = _Dated[None]()
        for access in portal.access:
            who = (access.customer, access.user, access.equipment)
            self._access.add(who, access.valid_from, access.valid_to, None)

    def allocation(self, machine: str, at: int) -> Allocation | None:
        """Where the machine stood."""
        return next(iter(self._allocations.at(machine, at)), None)

    def planogram(self, machine: str, at: int) -> list[Selection]:
        """The lines of the version in force."""
        return self._planograms.at(machine, at)

    def has_access(self, user: User, machine: str, at: int) -> bool:
        """Whether the user might vend at the machine."""
        return bool(self._access.at((user.customer, user.user, machine), at))

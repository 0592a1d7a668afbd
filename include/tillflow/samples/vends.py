"""One vend at a time: a good one, and the means to turn it into every other kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from tillflow.money import from_minor
from tillflow.samples.case import Case, NothingToShowError
from tillflow.samples.machine_floor import MachineFloor, Spell
from tillflow.samples.model import PortalSample, User
from tillflow.samples.portal_data import FIRST_DAY, local

T = TypeVar("T")

#: the columns of a dump, and three that nobody judges
HEADER: Final = (
    "equipment", "txn_seq", "boot_id", "vended_at", "selection", "product_code", "product_name",
    "quantity", "unit_price", "currency", "card_no", "facility_id", "access_code", "pin", "result",
    "accept_any_card", "override_facility", "sync_id", "firmware", "signal",
)  # fmt: skip


class VendMaker:
    """Makes vends over a portal; the same seed makes the same."""

    def __init__(self, portal: PortalSample, seed: int, now: datetime, *, first_seq: int = 1) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.floor = MachineFloor(portal)
        self.now = now.astimezone(UTC)
        self.made: list[Case] = []
        self._seed = seed
        self._first_seq = first_seq
        self._sequences = defaultdict[str, int](lambda: first_seq)
        self._first_day = local(FIRST_DAY, "UTC")
        self._spells = [spell for spell in self.floor.spells if self._is_current(spell)]

    def _is_current(self, spell: Spell) -> bool:
        return spell.starts < self.now and (spell.ends is None or spell.ends > self._first_day)

    def spell(self, **wanted: bool) -> Spell:
        """Any spell in which vends are made; `lasting` (still going on), `replacing` (began with a
        planogram change).
        """
        found = self._spells
        if wanted.get("lasting"):
            found = [spell for spell in found if spell.ends is None]
        if wanted.get("replacing"):
            found = [spell for spell in found if spell.replaced]
        return self.pick(found)

    def pick(self, among: Sequence[T]) -> T:
        """Any of them; raises NothingToShowError where there is none."""
        if not among:
            raise NothingToShowError
        return self.random.choice(among)

    def moment(self, spell: Spell) -> datetime:
        """A whole second within the spell, before now."""
        starts = max(spell.starts, self._first_day)
        ends = min(spell.ends or self.now, self.now)
        seconds = max(int((ends - starts).total_seconds()), 1)
        return starts + timedelta(seconds=self.random.randrange(seconds))

    def vend(
        self,
        spell: Spell | None = None,
        at: datetime | None = None,
        who: str = "card",
        user: User | None = None,
    ) -> Case:
        """A row that becomes a sale, unless the arguments say otherwise."""
        spell = spell or self.spell()
        at = at or self.moment(spell)
        line = self.pick(spell.lines)
        user = user or self.pick(getattr(self.floor.cast(spell), who))
        quantity = 1 if self.random.random() < 0.9 else self.random.randrange(2, 12)
        minor = 100 + 5 * self.random.randrange(100)
        fields = {
            "equipment": spell.machine,
            "txn_seq": str(self._next_seq(spell.machine)),
            "boot_id": f"B{self._seed}",
            "vended_at": at.astimezone(ZoneInfo(spell.zone)).isoformat(),
            "selection": line.selection,
            "product_code": line.product,
            "product_name": f"Product {line.product}",
            "quantity": str(quantity),
            "unit_price": from_minor(minor, line.currency),
            "currency": line.currency,
            **credentials(user),
            "result": "vend",
            "accept_any_card": "0",
            "override_facility": "0",
            "sync_id": f"{self.random.getrandbits(64):016x}",
            "firmware": "4.18.2",
            "signal": str(-self.random.randrange(50, 110)),
        }
        return Case(fields, line.currency, quantity * minor)

    def earlier(self, *, readable: bool = False) -> Case:
        """A row that was already made."""
        return self.pick([case for case in self.made[-500:] if case.readable or not readable])

    def _next_seq(self, machine: str) -> int:
        self._sequences[machine] += 1
        return self._sequences[machine] - 1


def credentials(user: User) -> dict[str, str]:
    """What the machine reports of a user: the card where there is one, else code and PIN."""
    given = {
        "card_no": user.card_no,
        "facility_id": user.facility_id,
        "access_code": None if user.card_no else user.access_code,
        "pin": None if user.card_no else user.pin,
    }
    return {name: value or "" for name, value in given.items()}

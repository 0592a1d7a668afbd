"""What must become of every row of a machine's dump: the rules, one after the other, in plain Python."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillflow.codes import Verdict
from tillflow.money import NO_CURRENCY
from tillflow.samples import readings as read
from tillflow.samples.expected import Expected, KeysSeen
from tillflow.samples.model import PortalSample, User
from tillflow.samples.portal_lookup import PortalLookup

RESULTS: Final = frozenset({"vend", "test", "free", "failed", "refund"})
NOT_BILLABLE: Final = frozenset({"test", "free", "failed"})
#: a machine's clock may run ahead of ours by exactly this much
TOLERANCE_MICROS: Final = 10 * 60 * 1_000_000
#: a row's money in minor units is below this
ABOVE_MEASURE: Final = 10**12
#: the longest asset number and boot id
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class _Vend:
    """A row with every value read once; None = absent or unreadable."""

    given: Mapping[str, str]
    equipment: str | None
    boot_id: str | None
    txn_seq: int | None
    vended_at: int | None
    quantity: int | None
    currency: str | None
    unit_price: int | None
    result: str | None
    accept_any_card: bool | None
    override_facility: bool | None

    @classmethod
    def of(cls, row: Mapping[str, str | None]) -> _Vend:
        given = read.present(row)
        equipment, boot_id = given.get("equipment"), given.get("boot_id")
        currency = read.currency(given.get("currency"))
        result = given.get("result", "").lower()
        return cls(
            given=given,
            equipment=equipment if equipment and len(equipment) <= _LONGEST else None,
            boot_id=boot_id if boot_id and len(boot_id) <= _LONGEST else None,
            txn_seq=read.integer(given.get("txn_seq")),
            vended_at=read.instant(given.get("vended_at")),
            quantity=read.quantity(given.get("quantity", "1")),
            currency=currency,
            unit_price=read.amount(given.get("unit_price"), currency),
            result=result if result in RESULTS else None,
            accept_any_card=read.flag(given.get("accept_any_card")),
            override_facility=read.flag(given.get("override_facility")),
        )

    @property
    def key_is_readable(self) -> bool:
        boot_fits = self.boot_id is not None or "boot_id" not in self.given
        return self.equipment is not None and self.txn_seq is not None and boot_fits

    @property
    def is_readable(self) -> bool:
        required = (
            self.vended_at, self.quantity, self.currency, self.unit_price, self.result,
            self.accept_any_card, self.override_facility,
        )  # fmt: skip
        return self.key_is_readable and None not in required and not self.is_above_measure

    @property
    def key(self) -> Hashable:
        """(stream, number); of an unreadable key all that was sent."""
        if self.key_is_readable:
            return self.equipment, self.boot_id, self.txn_seq
        sent = tuple(self._comparable(name) for name in ("equipment", "boot_id", "txn_seq"))
        return "unreadable", sent, self.content

    @property
    def content(self) -> Hashable:
        """What two rows of one key must have in common to be the same row."""
        return tuple(
            self._comparable(name)
            for name in (
                "vended_at", "selection", "product_code", "quantity", "unit_price", "currency", "card_no",
                "facility_id", "access_code", "pin", "result", "accept_any_card", "override_facility",
            )
        )  # fmt: skip

    def _comparable(self, name: str) -> Hashable:
        value = getattr(self, name, None)
        return ("value", value) if value is not None else ("text", self.given.get(name))

    @property
    def is_above_measure(self) -> bool:
        """Money that no vend can be worth: it would not fit the books."""
        known = self.quantity is not None and self.unit_price is not None
        return known and (self.quantity or 0) * (self.unit_price or 0) >= ABOVE_MEASURE

    @property
    def amount_minor(self) -> int:
        if self.quantity is None or self.unit_price is None or self.is_above_measure:
            return 0
        sign = -1 if self.result == "refund" else 1
        return sign * self.quantity * self.unit_price


class SyncOracle:
    """Judges dumps in the order in which they arrive; remembers every key, as the books do.

    `now` is when the next file is received; set it anew between files. `portal` may be replaced
    too: what was judged stays.
    """

    def __init__(self, portal: PortalSample, now: datetime) -> None:
        self.now = now
        self._keys = KeysSeen()
        self.portal = portal

    @property
    def portal(self) -> PortalSample:
        """The portal data that rows are judged against."""
        return self._portal

    @portal.setter
    def portal(self, portal: PortalSample) -> None:
        self._portal = portal
        self._find = PortalLookup(portal)

    def judge_file(self, rows: Sequence[Mapping[str, str | None] | None], *, first_row: int = 2) -> list[Expected]:
        """The verdict of each row, in file order. `rows` maps headers to text as it stands in the
        file; None is a blank line, which is counted and skipped. `first_row` is 1 for JSON Lines.
        """
        return [
            self._judge(row_no, _Vend.of(row)) for row_no, row in enumerate(rows, start=first_row) if row is not None
        ]

    def reasons_of(self, row: Mapping[str, str | None]) -> frozenset[str]:
        """What is wrong with a row by itself, whatever its key: what a reconciliation asks again."""
        return frozenset(self._reasons(_Vend.of(row)))

    @staticmethod
    def readings(rows: Sequence[Mapping[str, str | None] | None], judged: Sequence[Expected]) -> dict[int, int | None]:
        """Row number -> the counter sent along, None where it cannot be read, of the rows that stand for their key."""
        found = {}
        for row, verdict in zip((row for row in rows if row is not None), judged, strict=True):
            vend = _Vend.of(row)
            stands = verdict.verdict != Verdict.DUPLICATE and "sync_conflict" not in verdict.reasons
            if stands and vend.key_is_readable and "selection" in vend.given and "meter" in vend.given:
                fits = len(vend.given.get("board_id", "")) <= _LONGEST
                found[verdict.row_no] = read.integer(vend.given["meter"]) if fits else None
        return found

    def _judge(self, row_no: int, vend: _Vend) -> Expected:
        verdict, reasons = self._verdict(vend)
        return Expected(row_no, verdict, frozenset(reasons), vend.currency or NO_CURRENCY, vend.amount_minor)

    def _verdict(self, vend: _Vend) -> tuple[Verdict, set[str]]:
        place = self._keys.place(vend.key, vend.content)
        if place == "duplicate":
            return Verdict.DUPLICATE, set()
        if place == "conflict":
            return Verdict.EXCEPTION, {"sync_conflict"}
        if vend.is_readable and vend.result in NOT_BILLABLE:
            return Verdict.NOT_BILLABLE, set()
        reasons = self._reasons(vend)
        return (Verdict.EXCEPTION if reasons else Verdict.SALE), reasons

    def _reasons(self, vend: _Vend) -> set[str]:
        reasons = set() if vend.is_readable else {"malformed_row"}
        if self._equipment_is_unknown(vend):
            reasons.add("unknown_equipment")
        if self._timestamp_is_bad(vend):
            reasons.add("bad_timestamp")
        if self._selection_is_unknown(vend):
            reasons.add("unknown_product_selection")
        return reasons | self._user_reasons(vend)

    def _equipment_is_unknown(self, vend: _Vend) -> bool:
        if vend.equipment is None:
            return False
        if vend.equipment not in self._find.equipment:
            return True  # whenever it vended
        if vend.vended_at is None:
            return False
        return self._find.allocation(vend.equipment, vend.vended_at) is None

    def _timestamp_is_bad(self, vend: _Vend) -> bool:
        if vend.vended_at is None:
            return False
        if vend.vended_at > read.micros(self.now) + TOLERANCE_MICROS:
            return True
        first = self._find.first_allocated.get(vend.equipment or "")
        return first is not None and vend.vended_at < first

    def _selection_is_unknown(self, vend: _Vend) -> bool:
        if vend.vended_at is None or vend.equipment not in self._find.equipment:
            return False
        selection, product = vend.given.get("selection"), vend.given.get("product_code")
        return not any(
            line.selection == selection and (product is None or line.product == product)
            for line in self._find.planogram(vend.equipment, vend.vended_at)
        )

    def _user_reasons(self, vend: _Vend) -> set[str]:
        if vend.vended_at is None or vend.equipment is None:
            return set()
        allocation = self._find.allocation(vend.equipment, vend.vended_at)
        if allocation is None:
            return set()
        if "card_no" in vend.given and vend.override_facility is None:
            return set()  # which facility it would be is unreadable
        user = self._user(vend, self._find.customer_of_site[allocation.site])
        if user is None:
            return {"unknown_user"}
        reasons = set()
        if user.role.lower() != "consumer":
            reasons.add("user_role_mismatch")
        if not self._find.has_access(user, vend.equipment, vend.vended_at):
            reasons.add("user_access_issue")
        return reasons

    def _user(self, vend: _Vend, customer: str) -> User | None:
        card = vend.given.get("card_no")
        if card is not None:
            facility = "0" if vend.override_facility else vend.given.get("facility_id", "")
            return self._find.by_card.get((customer, card, facility))
        code, pin = vend.given.get("access_code"), vend.given.get("pin")
        if code is None or pin is None:
            return None
        return self._find.by_code.get((customer, code, pin))

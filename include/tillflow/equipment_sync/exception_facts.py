"""An exception as values: the vend its reader sees, and what the portal says of the time of the vend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from tillflow.codes import PortalEdit
from tillflow.money import NO_CURRENCY, from_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Vend:
    """The vend. Codes are text as sent; `card` and `access_code` are masked, `facility` is the one compared.

    `vended_at` is None where it cannot be read, `quantity` too; `zone` is the site's. `currency` is XXX
    where it cannot be read.
    """

    id: int
    import_id: int
    file_name: str
    row_no: int
    customer: str | None
    customer_name: str | None
    site: str | None
    site_name: str | None
    asset_no: str | None
    vended_at: datetime | None
    zone: str
    recorded_at: datetime
    reasons: list[str]
    selection: str | None
    product_code: str | None
    product_name: str | None
    quantity: int | None
    currency: str
    amount_minor: int
    card: str | None
    facility: str
    access_code: str | None

    @property
    def amount(self) -> Decimal:
        """The value in major units, with the places of its currency."""
        return Decimal(from_minor(self.amount_minor, self.currency))

    @property
    def unit_price(self) -> str | None:
        """What one piece cost at the machine, as a planogram says it; None where it cannot be said."""
        if not self.quantity or self.currency == NO_CURRENCY or self.amount_minor % self.quantity:
            return None
        return from_minor(abs(self.amount_minor) // self.quantity, self.currency)

    @property
    def local_time(self) -> str:
        """`2026-06-09 09:40:12+10:00` at the site; blank where it cannot be read."""
        if self.vended_at is None:
            return ""
        return self.vended_at.astimezone(ZoneInfo(self.zone)).isoformat(" ", "seconds")

    @property
    def identity(self) -> str:
        """How the buyer showed themselves, masked."""
        if self.card is not None:
            return f"card {self.card}, {self.facility_said}"
        return "" if self.access_code is None else f"access code {self.access_code}"

    @property
    def facility_said(self) -> str:
        """A blank facility is not facility 0."""
        return f"facility {self.facility}" if self.facility else "no facility"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the portal says. `users` show the same card or access code, at most five, the host's first:
    key, customer, facility, role (all None for a reader who may not know), `is_hosted` (of the customer
    hosting the machine), `is_same` (also the same facility or PIN).
    """

    received_at: datetime
    raw: Mapping[str, Any] | None
    overrides_facility: bool
    accepts_any_card: bool
    has_pin: bool
    is_known: bool
    is_allocated: bool
    host: str | None
    first_allocated: datetime | None
    stood_until: datetime | None
    stood_at: str | None
    stood_with: str | None
    stood_zone: str | None
    stands_from: datetime | None
    stands_at: str | None
    stands_with: str | None
    stands_zone: str | None
    planogram_id: int | None
    product_there: str | None
    has_product: bool
    planogram_ended: datetime | None
    planogram_begins: datetime | None
    users: Sequence[Mapping[str, Any]]
    has_access: bool
    access_ended: datetime | None
    access_begins: datetime | None
    standing_import: int | None
    standing_row: int | None
    standing_verdict: str | None
    standing_minor: int | None
    standing_currency: str | None

    @property
    def user(self) -> Mapping[str, Any] | None:
        """The user the judge finds now."""
        return next((user for user in self.users if user["is_hosted"] and user["is_same"]), None)


class FixCode(StrEnum):
    """What is to be done: stable, for pages and scripts."""

    RECONCILE = "reconcile"
    ADD_SELECTION = "add_selection"
    CHANGE_SELECTION = "change_selection"
    FIND_SELECTION = "find_selection"
    FIND_PRODUCT = "find_product"
    ADD_PRODUCT = "add_product"
    ADD_PLANOGRAM = "add_planogram"
    OVERRIDE_FACILITY = "override_facility"
    CORRECT_FACILITY = "correct_facility"
    CORRECT_PIN = "correct_pin"
    OTHER_CUSTOMERS_USER = "other_customers_user"
    ACCEPT_ANY_CARD = "accept_any_card"
    ADD_USER = "add_user"
    NO_IDENTITY = "no_identity"
    CHANGE_ROLE = "change_role"
    ADD_ACCESS = "add_access"
    EXTEND_ACCESS = "extend_access"
    ADD_EQUIPMENT = "add_equipment"
    ALLOCATE_EQUIPMENT = "allocate_equipment"
    CORRECT_CLOCK = "correct_clock"
    REPAIR_ROW = "repair_row"
    CHOOSE_ROW = "choose_row"


@dataclass(frozen=True, slots=True)
class FixForm:
    """The edit that carries a fix out: a special one, or PUT_RECORD of `table`.

    `arguments`: what is known of it, as text; `missing`: what a person has to add; `from_vend`: what whoever applies it
    takes from the vend, because no report says it whole. `is_new`: no record with that key may be there yet.
    """

    edit: PortalEdit
    table: str
    arguments: Mapping[str, str]
    missing: tuple[str, ...]
    from_vend: tuple[str, ...]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Fix:
    """One thing to do: a stable code, a sentence, what it is about, by name, and the form that does it, if one does."""

    code: FixCode
    sentence: str
    about: Mapping[str, str | int]
    #: the reason it would clear
    reason: str = ""
    form: FixForm | None = None


def fix(code: FixCode, sentence: str, **about: str | int | None) -> Fix:
    """A fix about those things that are known."""
    return Fix(code, sentence, {name: value for name, value in about.items() if value is not None})


def reconcile(vend: Vend) -> Fix:
    """Nothing is left to correct."""
    return fix(FixCode.RECONCILE, "the portal data has been corrected: reconcile", equipment=vend.asset_no)


def moment(at: datetime, zone: str) -> str:
    """`2026-06-10 00:00 Australia/Sydney`; seconds where there are any."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M}{f':{local:%S}' if local.second else ''} {zone}"


def and_so_on(parts: Sequence[str]) -> str:
    """`57`, `57 and 58`, `57, 58 and 59`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)

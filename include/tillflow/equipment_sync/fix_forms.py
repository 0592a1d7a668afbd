"""The form that a suggested fix opens: which edit of portal data, what of it is known, what a person has to add.

No whole card number, access code or PIN is known here; `from_vend` names what whoever applies the fix takes from the
vend itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.codes import PortalEdit
from tillflow.equipment_sync.exception_facts import Facts, Fix, FixCode, FixForm, Vend


def form_of(fix: Fix, vend: Vend, facts: Facts) -> FixForm | None:
    """The form; None where no edit of portal data is suggested."""
    build = _FORMS.get(fix.code)
    return None if build is None else build(fix, vend, facts)


@dataclass(frozen=True, slots=True)
class _Day:
    """The day of a vend at its site."""

    starts: datetime
    ends: datetime


def _selection(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    told = {"at": _iso(vend.vended_at), "replaces": facts.product_there or ""}
    return _form(PortalEdit.REPAIR_SELECTION, "planograms", _what_was_vended(vend) | told)


def _planogram(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    starts = facts.planogram_ended or _day(vend).starts
    period = {"valid_from": _iso(starts), "valid_to": _iso(facts.planogram_begins)}
    return _form(PortalEdit.PUT_RECORD, "planograms", _what_was_vended(vend) | period, is_new=True)


def _what_was_vended(vend: Vend) -> dict[str, str | None]:
    return {
        "equipment": vend.asset_no,
        "selection": vend.selection,
        "product": vend.product_code,
        "price": vend.unit_price,
        "currency": None if vend.unit_price is None else vend.currency,
    }


def _product(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    told = {"product": vend.product_code, "name": vend.product_name}
    return _form(PortalEdit.PUT_RECORD, "products", told, is_new=True)


def _new_user(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    """A user of the customer that hosted the machine, with what was shown to it."""
    user = {"customer": facts.host, "user": None, "name": None, "role": "Consumer"}
    if vend.card is not None:
        shown: dict[str, str | None] = {"facility_id": vend.facility}
        return _form(PortalEdit.PUT_RECORD, "users", user | shown, ("card_no",), is_new=True)
    return _form(PortalEdit.PUT_RECORD, "users", user | {"pin": None}, ("access_code",), is_new=True)


def _facility(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    return _form(PortalEdit.PUT_RECORD, "users", _whose(fix) | {"facility_id": vend.facility})


def _pin(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    return _form(PortalEdit.PUT_RECORD, "users", _whose(fix) | {"pin": None})


def _whose(fix: Fix) -> dict[str, str | None]:
    """The user, where there is but one."""
    user = fix.about.get("user")
    return {"customer": str(fix.about.get("customer", "")), "user": None if user is None else str(user)}


def _role(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    return _form(PortalEdit.CHANGE_ROLE, "users", _whose(fix) | {"role": "Consumer"})


def _access(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    """Without dates where there was none; else the day of the vend, as far as no other access covers it."""
    period = {"valid_from": "", "valid_to": ""}
    if facts.access_ended is not None or facts.access_begins is not None:
        day = _day(vend)
        starts = max(day.starts, facts.access_ended or day.starts)
        period = {"valid_from": _iso(starts), "valid_to": _iso(min(day.ends, facts.access_begins or day.ends))}
    return _form(PortalEdit.GIVE_ACCESS, "access", _whose(fix) | {"equipment": vend.asset_no} | period)


def _machine(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    return _form(PortalEdit.PUT_RECORD, "equipment", {"equipment": vend.asset_no}, is_new=True)


def _allocation(fix: Fix, vend: Vend, facts: Facts) -> FixForm:
    """For the time in which it stood nowhere; at a site only where there is no choice."""
    sites = {site for site in (facts.stood_at, facts.stands_at) if site is not None}
    told = {
        "equipment": vend.asset_no,
        "site": sites.pop() if len(sites) == 1 else None,
        "valid_from": _iso(facts.stood_until or _day(vend).starts),
        "valid_to": _iso(facts.stands_from),
    }
    return _form(PortalEdit.ALLOCATE, "allocations", told)


def _form(
    edit: PortalEdit,
    table: str,
    values: Mapping[str, str | None],
    from_vend: tuple[str, ...] = (),
    *,
    is_new: bool = False,
) -> FixForm:
    """A value that is None has to be added by a person."""
    known = {name: value for name, value in values.items() if value is not None}
    return FixForm(edit, table, known, tuple(name for name in values if name not in known), from_vend, is_new)


def _day(vend: Vend) -> _Day:
    assert vend.vended_at is not None  # nothing of this is suggested for a vend without a time
    zone = ZoneInfo(vend.zone)
    day = vend.vended_at.astimezone(zone).date()
    starts, ends = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return _Day(starts, ends)


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()


_FORMS: Final[Mapping[FixCode, Callable[[Fix, Vend, Facts], FixForm]]] = {
    FixCode.ADD_SELECTION: _selection,
    FixCode.CHANGE_SELECTION: _selection,
    FixCode.FIND_PRODUCT: _selection,
    FixCode.ADD_PRODUCT: _product,
    FixCode.ADD_PLANOGRAM: _planogram,
    FixCode.OVERRIDE_FACILITY: _new_user,
    FixCode.CORRECT_FACILITY: _facility,
    FixCode.CORRECT_PIN: _pin,
    FixCode.OTHER_CUSTOMERS_USER: _new_user,
    FixCode.ACCEPT_ANY_CARD: _new_user,
    FixCode.ADD_USER: _new_user,
    FixCode.CHANGE_ROLE: _role,
    FixCode.ADD_ACCESS: _access,
    FixCode.EXTEND_ACCESS: _access,
    FixCode.ADD_EQUIPMENT: _machine,
    FixCode.ALLOCATE_EQUIPMENT: _allocation,
}

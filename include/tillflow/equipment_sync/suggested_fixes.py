"""What would clear an exception, in one sentence for each of its reasons: decided from values alone.

The values are today's portal data on the time of the vend, for that is what a reconciliation judges by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tillflow.equipment_sync.exception_facts import Facts, Fix, FixCode, Vend, and_so_on, fix, moment, reconcile
from tillflow.equipment_sync.fix_forms import form_of
from tillflow.equipment_sync.user_fixes import access_fix, role_fix, user_fix
from tillflow.intake.catalogue import Rule
from tillflow.intake.judging import CLOCK_TOLERANCE
from tillflow.money import from_minor


def suggested_fixes(vend: Vend, facts: Facts, malformed: Sequence[Rule] = ()) -> tuple[Fix, ...]:
    """A fix for each open reason, in their order; `malformed`: the rules of a row that cannot be read."""
    fixes: list[Fix] = []
    for reason in vend.reasons:
        if reason == "malformed_row":
            found = [_repair(vend, rule) for rule in malformed] or [reconcile(vend)]
        elif reason in _NEEDS_A_HOST and not facts.is_allocated:
            found = [_equipment(vend, facts)]
        elif reason in _NEEDS_A_HOST and facts.host is None:
            found = [reconcile(vend)]  # of a customer whose name this reader may not know: since moved there
        else:
            found = [_SUGGEST[reason](vend, facts)]
        fixes += (replace(one, reason=reason, form=form_of(one, vend, facts)) for one in found)
    return tuple(fixes)


def _product(vend: Vend, facts: Facts) -> Fix:
    """Unknown Product Selection."""
    if not facts.is_known or vend.vended_at is None:
        return _equipment(vend, facts)
    if vend.selection is None:
        sentence = "the unit sent no selection: find out from the machine what was vended, or write it off"
        return fix(FixCode.FIND_SELECTION, sentence, equipment=vend.asset_no)
    wanted = f"selection {vend.selection} -> product {vend.product_code}"
    about = {
        "equipment": vend.asset_no,
        "planogram": facts.planogram_id,
        "selection": vend.selection,
        "product": vend.product_code,
        "at": vend.vended_at.isoformat(),
    }
    if vend.product_code is not None and not facts.has_product:
        sentence = (
            f"product {vend.product_code} is not in the portal: add it, then {wanted} to planogram of {vend.asset_no}"
        )
        return fix(FixCode.ADD_PRODUCT, sentence, **about, product_name=vend.product_name)
    if facts.planogram_id is None:
        return fix(FixCode.ADD_PLANOGRAM, _no_planogram(vend, facts), **about)
    if facts.product_there is not None and vend.product_code in {None, facts.product_there}:
        return reconcile(vend)
    if facts.product_there is not None:
        sentence = (
            f"selection {vend.selection} of {vend.asset_no} was product {facts.product_there} then, the unit reports "
            f"{vend.product_code}: correct the planogram, or the unit's"
        )
        return fix(FixCode.CHANGE_SELECTION, sentence, **about, product_there=facts.product_there)
    if vend.product_code is None:
        sentence = (
            f"add selection {vend.selection} to planogram of {vend.asset_no}; the unit does not say which product"
        )
        return fix(FixCode.FIND_PRODUCT, sentence, **about)
    return fix(FixCode.ADD_SELECTION, f"add {wanted} to planogram of {vend.asset_no}", **about)


def _no_planogram(vend: Vend, facts: Facts) -> str:
    assert vend.vended_at is not None
    around = []
    if facts.planogram_ended is not None:
        around.append(f"one ended {moment(facts.planogram_ended, facts.stood_zone or vend.zone)}")
    if facts.planogram_begins is not None:
        around.append(f"one begins {moment(facts.planogram_begins, facts.stands_zone or vend.zone)}")
    holding = f"with selection {vend.selection}" + (f" -> product {vend.product_code}" if vend.product_code else "")
    nearest = f" ({and_so_on(around)})" if around else ""
    when = moment(vend.vended_at, vend.zone)
    return f"{vend.asset_no} had no planogram at {when}{nearest}: add one that covers it, {holding}"


def _equipment(vend: Vend, facts: Facts) -> Fix:
    """Unknown Equipment: not in the portal, or nowhere at the time of the vend."""
    if not facts.is_known:
        sentence = f"machine {vend.asset_no} is not in the portal: add it and allocate it to its site"
        return fix(FixCode.ADD_EQUIPMENT, sentence, equipment=vend.asset_no)
    if facts.is_allocated or vend.vended_at is None:
        return reconcile(vend)
    around, about = [], {"equipment": vend.asset_no, "at": vend.vended_at.isoformat()}
    if facts.stood_until is not None and facts.stood_zone is not None:
        place = _place(facts.stood_at, facts.stood_with)
        around.append(f"{place} until {moment(facts.stood_until, facts.stood_zone)}")
        about |= {"until": facts.stood_until.isoformat(), "site_before": facts.stood_at}
    if facts.stands_from is not None and facts.stands_zone is not None:
        place = _place(facts.stands_at, facts.stands_with)
        around.append(f"{place} from {moment(facts.stands_from, facts.stands_zone)}")
        about |= {"from": facts.stands_from.isoformat(), "site_after": facts.stands_at}
    nearest = f"it was {and_so_on(around)}" if around else "it never was at one"
    when = moment(vend.vended_at, vend.zone)
    sentence = f"{vend.asset_no} was allocated to no site at {when}; {nearest}: allocate it for that time"
    return fix(FixCode.ALLOCATE_EQUIPMENT, sentence, **about)


def _place(site: str | None, customer: str | None) -> str:
    return "with another customer" if site is None else f"at {site} ({customer})"


def _clock(vend: Vend, facts: Facts) -> Fix:
    """Bad Timestamp: in the future when it was received, or before the machine's first allocation."""
    if vend.vended_at is None:
        return reconcile(vend)
    said = f"the unit's clock said {moment(vend.vended_at, vend.zone)}, but"
    then = "set the clock, then find out when the vend took place, or write it off"
    about = {"equipment": vend.asset_no, "at": vend.vended_at.isoformat()}
    if vend.vended_at > facts.received_at + CLOCK_TOLERANCE:
        return fix(
            FixCode.CORRECT_CLOCK, f"{said} it was synced {moment(facts.received_at, vend.zone)}: {then}", **about
        )
    if facts.first_allocated is not None and vend.vended_at < facts.first_allocated:
        first = moment(facts.first_allocated, facts.stands_zone or vend.zone)
        return fix(FixCode.CORRECT_CLOCK, f"{said} {vend.asset_no} was first allocated {first}: {then}", **about)
    return reconcile(vend)


def _repair(vend: Vend, rule: Rule) -> Fix:
    sentence = f"{rule.column}: {rule.message}; {rule.action}"
    return fix(FixCode.REPAIR_ROW, sentence, column=rule.column, **{"import": vend.import_id}, row=vend.row_no)


def _standing(vend: Vend, facts: Facts) -> Fix:
    """Sync Conflict: points to the row that came first."""
    if facts.standing_import is None or facts.standing_minor is None or facts.standing_currency is None:
        return fix(FixCode.CHOOSE_ROW, "another row has this running number: write one of them off")
    value = f"{from_minor(facts.standing_minor, facts.standing_currency)} {facts.standing_currency}"
    verdict = (facts.standing_verdict or "").replace("_", " ")
    sentence = (
        f"row {facts.standing_row} of import {facts.standing_import} has this running number and stands ({verdict}, "
        f"{value}; here {vend.amount} {vend.currency}): find out which is right, then write one off"
    )
    return fix(FixCode.CHOOSE_ROW, sentence, standing_import=facts.standing_import, standing_row=facts.standing_row)


_NEEDS_A_HOST: Final = {"unknown_user", "user_role_mismatch", "user_access_issue"}
_SUGGEST: Final[Mapping[str, Callable[[Vend, Facts], Fix]]] = {
    "unknown_product_selection": _product,
    "unknown_user": user_fix,
    "user_role_mismatch": role_fix,
    "user_access_issue": access_fix,
    "unknown_equipment": _equipment,
    "bad_timestamp": _clock,
    "sync_conflict": _standing,
}
#: the reasons that get a fix: all of the catalogue's
REASONS: Final = frozenset({*_SUGGEST, "malformed_row"})

"""What would let a user vend: the right facility or PIN, customer, role, access; or a user at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillflow.equipment_sync.exception_facts import Facts, Fix, FixCode, Vend, and_so_on, fix, moment, reconcile


def user_fix(vend: Vend, facts: Facts) -> Fix:
    """Unknown User, on a machine that stood somewhere."""
    if facts.user is not None:
        return reconcile(vend)
    if vend.card is None and vend.access_code is None:
        sentence = "the unit sent neither card nor access code: find out from the machine who vended, or write it off"
        return fix(FixCode.NO_IDENTITY, sentence, equipment=vend.asset_no)
    hosted = [user for user in facts.users if user["is_hosted"]]
    if hosted:
        return _facility(vend, facts, hosted) if vend.card is not None else _pin(vend, facts, hosted)
    # the same card under another facility is another card, unless the unit hides the facility
    other = next((user for user in facts.users if user["is_same"] or facts.overrides_facility), None)
    return _add_user(vend, facts) if other is None else _other_customer(vend, facts, other)


def role_fix(vend: Vend, facts: Facts) -> Fix:
    """User Role Mismatch."""
    user = facts.user
    if user is None:
        return user_fix(vend, facts)
    if user["role"].lower() == "consumer":
        return reconcile(vend)
    sentence = f"user {user['key']} has the role {user['role']}: only a Consumer may vend"
    return fix(FixCode.CHANGE_ROLE, sentence, customer=facts.host, user=user["key"], role=user["role"])


def access_fix(vend: Vend, facts: Facts) -> Fix:
    """User Access Issue: never any access, or one that had ended or had not begun."""
    user = facts.user
    if user is None or vend.vended_at is None:
        return user_fix(vend, facts)
    if facts.has_access:
        return reconcile(vend)
    about: dict[str, str | None] = {"customer": facts.host, "user": user["key"], "equipment": vend.asset_no}
    dates = []
    if facts.access_ended is not None:
        dates.append(f"ended {moment(facts.access_ended, vend.zone)}")
        about["ended"] = facts.access_ended.isoformat()
    if facts.access_begins is not None:
        dates.append(f"begins {moment(facts.access_begins, vend.zone)}")
        about["begins"] = facts.access_begins.isoformat()
    vended = moment(vend.vended_at, vend.zone)
    if not dates:
        sentence = (
            f"user {user['key']} has no access to {vend.asset_no}: give it, without dates or so that it covers {vended}"
        )
        return fix(FixCode.ADD_ACCESS, sentence, **about)
    sentence = f"access of user {user['key']} to {vend.asset_no} {and_so_on(dates)}: give access that covers {vended}"
    return fix(FixCode.EXTEND_ACCESS, sentence, **about)


def _facility(vend: Vend, facts: Facts, users: list[Mapping[str, Any]]) -> Fix:
    """The customer has the card under other facilities."""
    facilities = [user["facility"] for user in users]
    known = f"{'facilities' if len(facilities) > 1 else 'facility'} {and_so_on([one or 'none' for one in facilities])}"
    exists = f"card {vend.card} exists with {known.replace('facility none', 'no facility')}"
    about = {
        "customer": facts.host,
        "equipment": vend.asset_no,
        "user": users[0]["key"] if len(users) == 1 else None,
        "facility": facilities[0] if len(users) == 1 else None,
    }
    if facts.overrides_facility:
        return fix(FixCode.OVERRIDE_FACILITY, f"{exists}; unit reports 0: Override FAC ID is on", **about)
    sentence = f"{exists}; unit reports {vend.facility or 'none'}: correct the user's facility or the card reader"
    return fix(FixCode.CORRECT_FACILITY, sentence, **about)


def _pin(vend: Vend, facts: Facts, users: list[Mapping[str, Any]]) -> Fix:
    """The customer has the access code, with other PINs."""
    names = and_so_on([user["key"] for user in users])
    typed = "another PIN was typed" if facts.has_pin else "no PIN was typed"
    sentence = f"access code {vend.access_code} is of user {names}, but {typed}: correct the user's PIN or write it off"
    user = users[0]["key"] if len(users) == 1 else None
    return fix(FixCode.CORRECT_PIN, sentence, customer=facts.host, equipment=vend.asset_no, user=user)


def _other_customer(vend: Vend, facts: Facts, user: Mapping[str, Any]) -> Fix:
    """Another customer's user came to this machine, or the machine moved away from them."""
    whose = "another customer" if user["customer"] is None else f"user {user['key']} of {user['customer']}"
    shown = f"card {vend.card}" if vend.card is not None else f"access code {vend.access_code}"
    sentence = f"{shown} belongs to {whose}, but {vend.asset_no} stood with {facts.host}: add the user to {facts.host}"
    about = {"user": user["key"], "users_customer": user["customer"]}
    return fix(FixCode.OTHER_CUSTOMERS_USER, sentence, customer=facts.host, equipment=vend.asset_no, **about)


def _add_user(vend: Vend, facts: Facts) -> Fix:
    about = {"customer": facts.host, "equipment": vend.asset_no}
    if vend.card is None:
        return fix(FixCode.ADD_USER, f"{facts.host} has no user with {vend.identity}: add the user", **about)
    sentence = f"{facts.host} has no user with card {vend.card} and {vend.facility_said}"
    if facts.accepts_any_card:
        sentence += "; the unit takes any card: Accept Any Card is on. Add the user or turn it off"
        return fix(FixCode.ACCEPT_ANY_CARD, sentence, **about)
    return fix(FixCode.ADD_USER, f"{sentence}: add the user", facility=vend.facility, **about)

"""Vends that are good, or not billable, at an edge; each by construction, so that it is known what
must become of it without asking the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.codes import Verdict
from tillflow.money import to_minor
from tillflow.samples.case import Case, NothingToShowError
from tillflow.samples.vends import VendMaker

#: raises NothingToShowError where the portal has nothing to make it of
Recipe = Callable[[VendMaker], Case]

#: a row that names no user
NOBODY: Final = {"card_no": "", "facility_id": "", "access_code": "", "pin": ""}
TOLERANCE: Final = timedelta(minutes=10)


def _first_moment_of_a_planogram(make: VendMaker) -> Case:
    spell = make.spell(replacing=True)
    return make.vend(spell, spell.starts)


def _last_moment_of_a_spell(make: VendMaker) -> Case:
    spell = make.spell()
    if spell.ends is None:
        raise NothingToShowError
    return make.vend(spell, spell.ends - timedelta(microseconds=1))


def _exactly_ten_minutes_ahead(make: VendMaker) -> Case:
    return make.vend(make.spell(lasting=True), make.now + TOLERANCE)


def _first_moment_of_dated_access(make: VendMaker) -> Case:
    spell = make.spell()
    for user, access in make.floor.cast(spell).dated:
        starts = access.valid_from
        if starts and spell.starts <= starts and (spell.ends is None or starts < spell.ends):
            return make.vend(spell, starts, user=user)
    raise NothingToShowError


def _hour_that_is_skipped_or_repeated(make: VendMaker) -> Case:
    """Every offset the zone knows in the hours around a change of its clocks."""
    spell = make.spell()
    zone = ZoneInfo(spell.zone)
    night = make.random.choice([date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5)])
    half_hours = make.random.randrange(-4, 8)
    at = datetime(night.year, night.month, night.day, 2, tzinfo=zone).astimezone(UTC)
    at += timedelta(minutes=30 * half_hours)
    if spell.starts <= at < make.now and (spell.ends is None or at < spell.ends):
        return make.vend(spell, at)
    raise NothingToShowError


def _card_without_facility(make: VendMaker) -> Case:
    return make.vend(who="blank_facility")


def _overridden_facility(make: VendMaker) -> Case:
    facility = make.random.choice(["", "57", "0", "∞"])
    return make.vend(who="zero_facility").set(facility_id=facility, override_facility="yes")


def _code_and_pin(make: VendMaker) -> Case:
    return make.vend(who="code")


def _card_wins_over_a_wrong_code(make: VendMaker) -> Case:
    return make.vend().set(access_code="NOBODY", pin="0000")


def _facility_without_card(make: VendMaker) -> Case:
    return make.vend(who="code").set(facility_id="57", override_facility="1")


def _product_not_sent(make: VendMaker) -> Case:
    return make.vend().set(product_code="", product_name="")


def _refund(make: VendMaker) -> Case:
    case = make.vend().set(result="refund")
    return case.worth(-case.minor)


def _not_billable(make: VendMaker) -> Case:
    """Whatever else is wrong with it."""
    case = make.vend().set(result=make.random.choice(["test", "FREE", "failed"]))
    if make.random.random() < 0.5:
        case.set(selection="", **NOBODY)
    case.verdict = Verdict.NOT_BILLABLE
    return case


def _price_of_nothing(make: VendMaker) -> Case:
    return make.vend().set(unit_price="0").worth(0)


def _odd_quantity(make: VendMaker) -> Case:
    case = make.vend()
    written, quantity = make.random.choice([("", 1), ("007", 7), ("9999", 9999)])
    unit = to_minor(case.fields["unit_price"], case.currency) or 0
    return case.set(quantity=written).worth(quantity * unit)


def _other_spelling(make: VendMaker) -> Case:
    case = make.vend()
    at = datetime.fromisoformat(case.fields["vended_at"]).astimezone(UTC)
    blank = make.random.choice([" ", "\t", "\u00a0", " \t "])
    return case.set(
        vended_at=at.strftime("%Y-%m-%d %H:%M:%S.000000+0000") + blank,
        currency=case.currency.lower(),
        result="Vend",
        selection=case.fields["selection"] + blank,
        card_no=blank + case.fields["card_no"],
        product_name='7" tall, "cold";\tÅngström-ÜБ王',
        accept_any_card=make.random.choice(["TRUE", "y", "1", ""]),
        override_facility=make.random.choice(["False", "N", "no", ""]),
    )


def _restarted_machine(make: VendMaker) -> Case:
    case = make.vend()
    boot = f"R{len(make.made)}" + make.random.choice(["", "é", "-" * 30])
    return case.set(boot_id=boot, txn_seq="0001")


#: good rows at an edge
EDGES: Final[tuple[Recipe, ...]] = (
    _first_moment_of_a_planogram, _last_moment_of_a_spell, _exactly_ten_minutes_ahead,
    _first_moment_of_dated_access, _hour_that_is_skipped_or_repeated, _card_without_facility,
    _overridden_facility, _code_and_pin, _card_wins_over_a_wrong_code, _facility_without_card,
    _product_not_sent, _refund, _not_billable, _price_of_nothing, _odd_quantity, _other_spelling,
    _restarted_machine,
)  # fmt: skip

"""Vends that do not become sales, each in one known way."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Final

from tillflow.codes import Verdict
from tillflow.money import from_minor
from tillflow.samples.case import Case, NothingToShowError
from tillflow.samples.vend_edges import NOBODY, TOLERANCE, Recipe
from tillflow.samples.vends import VendMaker, credentials


def _unknown_selection(make: VendMaker) -> Case:
    selection, product = make.random.choice([("", "1001"), ("9999", "1001"), ("9999", "")])
    return make.vend().fails("unknown_product_selection", selection=selection, product_code=product)


def _selection_in_other_spelling(make: VendMaker) -> Case:
    """Codes are text: 2 is not 0002, 000b is not 000B."""
    case = make.vend()
    code = case.fields["selection"]
    other = code.lower() if code.lower() != code else code.lstrip("0") or "0"
    return case.fails("unknown_product_selection", selection=other)


def _old_product_after_a_planogram_change(make: VendMaker) -> Case:
    spell = make.spell(replacing=True)
    line = make.random.choice(spell.replaced)
    case = make.vend(spell, spell.starts)
    return case.fails("unknown_product_selection", selection=line.selection, product_code=line.product)


def _unknown_card(make: VendMaker) -> Case:
    return make.vend().fails("unknown_user", card_no="9999999999", accept_any_card="1")


def _wrong_facility(make: VendMaker) -> Case:
    case = make.vend()
    facility, override = make.random.choice([("", "0"), ("057", "0"), ("57", "1")])
    return case.fails("unknown_user", facility_id=facility, override_facility=override)


def _facility_0_for_a_card_without(make: VendMaker) -> Case:
    return make.vend(who="blank_facility").fails("unknown_user", facility_id="0")


def _no_facility_for_a_card_with_0(make: VendMaker) -> Case:
    return make.vend(who="zero_facility").fails("unknown_user", facility_id="")


def _unmatched_card_beside_a_good_code(make: VendMaker) -> Case:
    return make.vend(who="code").fails("unknown_user", card_no="4711", facility_id="57")


def _wrong_pin(make: VendMaker) -> Case:
    return make.vend(who="code").fails("unknown_user", pin=make.random.choice(["", "x", "00000"]))


def _nobody(make: VendMaker) -> Case:
    return make.vend().fails("unknown_user", **NOBODY)


def _card_of_another_customer(make: VendMaker) -> Case:
    spell = make.spell()
    stranger = make.pick(make.floor.strangers(spell.customer))
    return make.vend(spell).fails("unknown_user", **credentials(stranger))


def _technician(make: VendMaker) -> Case:
    return make.vend(who="technician").fails("user_role_mismatch")


def _visitor(make: VendMaker) -> Case:
    return make.vend(who="visitor").fails("user_access_issue")


def _technician_outside(make: VendMaker) -> Case:
    return make.vend(who="technician_outside").fails("user_role_mismatch", "user_access_issue")


def _moment_after_dated_access(make: VendMaker) -> Case:
    spell = make.spell()
    for user, access in make.floor.cast(spell).dated:
        ends = access.valid_to
        if ends and spell.starts <= ends < make.now and (spell.ends is None or ends < spell.ends):
            return make.vend(spell, ends, user=user).fails("user_access_issue")
    raise NothingToShowError


def _unknown_machine(make: VendMaker) -> Case:
    # neither the planogram nor the user of an unknown machine can be asked for
    machine = f"VM-none-{len(make.made)}"  # its running numbers are its own
    return make.vend().fails("unknown_equipment", equipment=machine, selection="")


def _machine_on_the_road(make: VendMaker) -> Case:
    spell, at = make.pick(make.floor.gaps)
    return make.vend(spell, at).fails("unknown_equipment", **NOBODY)


def _too_far_ahead(make: VendMaker) -> Case:
    case = make.vend(make.spell(lasting=True), make.now + TOLERANCE + timedelta(seconds=1))
    return case.fails("bad_timestamp")


def _before_the_first_allocation(make: VendMaker) -> Case:
    spell = make.spell()
    at = make.floor.first_allocated(spell.machine) - timedelta(microseconds=1)
    reasons = ("bad_timestamp", "unknown_equipment", "unknown_product_selection")
    return make.vend(spell, at).fails(*reasons)


def _unreadable_price(make: VendMaker) -> Case:
    price = make.random.choice(["", "2,50", "-1.00", "1.23456", "1e3", "NaN", "१", "1_000", ".5", "5."])
    return make.vend().fails("malformed_row", unit_price=price).worth(0)


def _unreadable_currency(make: VendMaker) -> Case:
    currency = make.random.choice(["", "XXX", "EURO", "€", "AU"])
    return make.vend().fails("malformed_row", currency=currency).worth(0, "XXX")


def _unreadable_quantity(make: VendMaker) -> Case:
    quantity = make.random.choice(["0", "-1", "10000", "1.0", "one", "1" * 16])
    return make.vend().fails("malformed_row", quantity=quantity).worth(0)


def _unreadable_instant(make: VendMaker) -> Case:
    written = make.random.choice([
        "", "yesterday", "2026-02-30T10:00:00Z", "2026-06-01T10:00:00", "2026-06-01", "2026-06-01T25:00Z",
        "2026-06-01T10:00:60Z", "2026-06-01T10:00:00.1234567Z", "06/01/2026 10:00Z", "2026-06-01T10:00:00+10",
    ])  # fmt: skip
    # without an instant nothing else can be looked up
    return make.vend().fails("malformed_row", vended_at=written, selection="", **NOBODY)


def _unreadable_result(make: VendMaker) -> Case:
    return make.vend().fails("malformed_row", result=make.random.choice(["", "sold", "vended"]))


def _unreadable_flag(make: VendMaker) -> Case:
    flag = make.random.choice(["accept_any_card", "override_facility"])
    case = make.vend(who="code")
    return case.fails("malformed_row", **{flag: make.random.choice(["2", "on", "ja"])})


def _unreadable_key(make: VendMaker) -> Case:
    name, value = make.random.choice([
        ("txn_seq", ""), ("txn_seq", "-1"), ("txn_seq", "1.5"), ("txn_seq", "1" * 16),
        ("equipment", ""), ("equipment", "M" * 41), ("boot_id", "B" * 41),
    ])  # fmt: skip
    # a number of its own: two unreadable rows with one content would be duplicates
    return make.vend().worth(0).fails("malformed_row", unit_price=f"no. {len(make.made)}", **{name: value})


def _unreadable_and_more(make: VendMaker) -> Case:
    case = make.vend(who="technician_outside").worth(0)
    reasons = ("malformed_row", "unknown_product_selection", "user_role_mismatch", "user_access_issue")
    return case.fails(*reasons, unit_price="free", selection="none", result="test")


def _two_reasons(make: VendMaker) -> Case:
    return make.vend().fails("unknown_product_selection", "unknown_user", selection="none", card_no="none")


def _same_again(make: VendMaker) -> Case:
    return _sent_again(make.earlier())


def _sent_again(earlier: Case) -> Case:
    again = deepcopy(earlier)
    again.verdict, again.reasons = Verdict.DUPLICATE, set()
    return again.set(sync_id="resent", product_name="another name")


def _same_again_spelt_otherwise(make: VendMaker) -> Case:
    again = _sent_again(make.earlier(readable=True))
    fields = again.fields
    at = datetime.fromisoformat(fields["vended_at"].strip()).astimezone(UTC)
    price = fields["unit_price"]
    return again.set(
        vended_at=at.isoformat().replace("+00:00", "Z"),
        quantity={"1": "01", "": "1"}.get(fields["quantity"], fields["quantity"]),
        unit_price=price.rstrip("0").rstrip(".") if "." in price else price,
    )


def _conflict(make: VendMaker) -> Case:
    case = deepcopy(make.earlier(readable=True))
    case.reasons = set()
    minor = 1_000_000 + len(make.made)  # a price that no row had before
    price = from_minor(minor, case.currency)
    return case.fails("sync_conflict", unit_price=price, quantity="1", result="vend").worth(minor)


#: rows that do not become sales
FAULTS: Final[tuple[Recipe, ...]] = (
    _unknown_selection, _selection_in_other_spelling, _old_product_after_a_planogram_change,
    _unknown_card, _wrong_facility, _facility_0_for_a_card_without, _no_facility_for_a_card_with_0,
    _unmatched_card_beside_a_good_code, _wrong_pin, _nobody, _card_of_another_customer, _technician,
    _visitor, _technician_outside, _moment_after_dated_access, _unknown_machine, _machine_on_the_road,
    _too_far_ahead, _before_the_first_allocation, _unreadable_price, _unreadable_currency,
    _unreadable_quantity, _unreadable_instant, _unreadable_result, _unreadable_flag, _unreadable_key,
    _unreadable_and_more, _two_reasons, _same_again, _same_again_spelt_otherwise, _conflict,
)  # fmt: skip

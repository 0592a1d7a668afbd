"""An invoice whose figures contradict each other cannot be made."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.invoices import credit_note, draft, invoice, invoices, line
from tillflow.invoicing.model import InconsistentInvoiceError, Invoice, TaxCategory, TaxSubtotal, Totals, tax_on


def test_tax_is_rounded_once_per_rate() -> None:
    """Three lines of 0.05 at 10 %: 0.015 of tax in all is 0.02, not three times 0.01."""
    three = invoice(*[line(1, 5, product=code) for code in ("a", "b", "c")])
    assert three.tax == (TaxSubtotal(TaxCategory.STANDARD, 1000, 15, 2),)
    assert three.totals == Totals(net_minor=15, tax_minor=2, gross_minor=17, prepaid_minor=0, payable_minor=17)


def test_each_category_and_rate_has_its_subtotal() -> None:
    mixed = invoice(
        line(1, 1000),
        line(1, 300, tax_rate_bp=0),
        line(2, 50, tax_rate_bp=1900),
        line(-1, 100, tax_rate_bp=0, tax_category=TaxCategory.EXEMPT),
        prepaid_minor=19,
    )
    assert [(t.category.value, t.rate_bp, t.taxable_minor, t.tax_minor) for t in mixed.tax] == [
        ("E", 0, -100, 0),
        ("S", 1000, 1000, 100),
        ("S", 1900, 100, 19),
        ("Z", 0, 300, 0),
    ]
    assert mixed.totals == Totals(1300, 119, 1419, 19, 1400)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10_000))
def test_tax_is_rounded_half_away_from_zero(taxable: int, rate: int) -> None:
    exact = Decimal(taxable) * rate / 10_000
    assert tax_on(taxable, rate) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"net_minor": 751}, "net = quantity x price"),
        ({"price_minor": -250, "quantity": -3, "net_minor": 750}, "BR-27"),
        ({"price_basis": 0}, "BT-149"),
        ({"tax_rate_bp": 0, "tax_category": TaxCategory.STANDARD}, "BR-S-05"),
        ({"tax_rate_bp": 700, "tax_category": TaxCategory.ZERO}, "BR-Z-05"),
        ({"tax_rate_bp": 700, "tax_category": TaxCategory.EXEMPT}, "BR-E-05"),
    ],
)
def test_a_line_that_contradicts_itself(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(InconsistentInvoiceError, match=rule):
        replace(line(), **changes)


def test_several_prices_share_a_line_exactly() -> None:
    shared = line(3, 1000, price_basis=3, net_minor=1000)  # 3.00 + 3.00 + 4.00
    assert invoice(shared).totals.net_minor == 1000


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"currency": "XXX"}, "ISO 4217"),
        ({"period_end": date(2026, 5, 31)}, "BR-29"),
        ({"issue_date": None}, "BR-03"),
        ({"preceding_number": "INV-1"}, "BT-25"),
        ({"tax": ()}, "BR-CO-18"),
        ({"totals": Totals(898, 50, 949, 0, 949)}, "BR-CO-10"),
        ({"totals": Totals(898, 50, 948, 0, 947)}, "BR-CO-10"),
    ],
)
def test_an_invoice_that_contradicts_itself(changes: dict[str, Any], rule: str) -> None:
    right = invoice()
    assert right.totals == Totals(898, 50, 948, 0, 948)
    with pytest.raises(InconsistentInvoiceError, match=rule):
        replace(right, **changes)


def test_a_subtotal_with_other_tax_than_its_rate() -> None:
    with pytest.raises(InconsistentInvoiceError, match="BR-CO-17"):
        TaxSubtotal(TaxCategory.STANDARD, 1000, 1000, 101)


def test_a_credit_note_names_what_it_reverses() -> None:
    assert credit_note().preceding_number == "INV-0042"
    with pytest.raises(InconsistentInvoiceError, match="BT-25"):
        replace(credit_note(), preceding_number=None)


def test_a_credit_note_reverses_the_whole_invoice() -> None:
    posted = invoice(prepaid_minor=48, notes=("Thank you.",))
    note = posted.credit_note("CN-9", date(2026, 7, 8), "wrong site")
    assert (note.lines, note.tax, note.totals) == (posted.lines, posted.tax, Totals(898, 50, 948, 0, 948))
    assert (note.number, note.preceding_number, note.preceding_date) == ("CN-9", "INV-0042", date(2026, 7, 1))
    assert (note.due_date, note.payment_terms, note.notes) == (None, "", ("wrong site",))
    with pytest.raises(InconsistentInvoiceError, match="BT-25"):
        draft().credit_note("CN-9", date(2026, 7, 8), "nothing to reverse")


def test_a_draft_has_no_number_and_needs_no_date() -> None:
    assert draft().is_draft
    assert not invoice().is_draft


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "898"), ("AUD", "8.98"), ("KWD", "0.898")])
def test_amounts_have_the_places_of_their_currency(currency: str, shown: str) -> None:
    one = invoice(currency=currency)
    assert str(one.money(one.totals.net_minor)) == shown


@given(invoices())
def test_totals_are_sums_of_lines(one: Invoice) -> None:
    assert one.totals.net_minor == sum(each.net_minor for each in one.lines)
    assert one.totals.gross_minor == one.totals.net_minor + sum(subtotal.tax_minor for subtotal in one.tax)
    assert one.totals.payable_minor + one.totals.prepaid_minor == one.totals.gross_minor

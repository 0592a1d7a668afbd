"""Invoices to render: a small real one, and arbitrary ones for property tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from tillflow.invoicing.model import Invoice, InvoiceType, Line, Part, TaxCategory, tax_breakdown, totals_of
from tillflow.invoicing.parties import Address, Buyer, Seller

SELLER = Seller(
    name="Tillflow Vending Pty Ltd",
    address=Address(("1 Harbour Street",), "Sydney", "NSW", "2000", "AU"),
    tax_id="ABN 51 824 753 556",
    email="billing@tillflow.example",
    payment_account="BSB 062-000 Acc 1234 5678",
)
BUYER = Buyer(
    key="acme",
    name="Acme Mining",
    address=Address(("Level 3", "9 Pit Road"), "Perth", "WA", "6000", "AU"),
    tax_id="ABN 83 914 571 673",
    email="accounts@acme.example",
)


def line(quantity: int = 3, price_minor: int = 250, **changes: Any) -> Line:
    """Gloves from VM-17 at Perth, this month, with 10 % tax, unless `changes` say otherwise."""
    rate = changes.pop("tax_rate_bp", 1000)
    values: dict[str, Any] = {
        "part": Part.CURRENT,
        "site": "perth",
        "site_name": "Perth workshop",
        "equipment": "VM-17",
        "product": "1005",
        "product_name": "Nitrile gloves",
        "tax_category": TaxCategory.STANDARD if rate else TaxCategory.ZERO,
        "net_minor": quantity * price_minor,
    }
    return Line(quantity=quantity, price_minor=price_minor, tax_rate_bp=rate, **values | changes)


def invoice(*lines: Line, **changes: Any) -> Invoice:
    """INV-0042 for June 2026 with these lines, its sums computed."""
    lines = lines or (line(), line(-1, part=Part.BACKDATED), line(2, 199, product="2001", tax_rate_bp=0))
    prepaid = changes.pop("prepaid_minor", 0)
    values: dict[str, Any] = {
        "id": 7,
        "number": "INV-0042",
        "type": InvoiceType.INVOICE,
        "currency": "AUD",
        "issue_date": date(2026, 7, 1),
        "due_date": date(2026, 7, 31),
        "tax_point": date(2026, 6, 30),
        "period_start": date(2026, 6, 1),
        "period_end": date(2026, 6, 30),
        "seller": SELLER,
        "buyer": BUYER,
        "payment_terms": "30 days net",
        "tax": tax_breakdown(lines),
        "totals": totals_of(lines, prepaid),
    }
    return Invoice(lines=lines, **values | changes)


def draft(*lines: Line, **changes: Any) -> Invoice:
    unposted = {"number": None, "issue_date": None, "due_date": None, "tax_point": None}
    return invoice(*lines, **unposted | changes)


def credit_note(*lines: Line, **changes: Any) -> Invoice:
    """CN-0001, which reverses INV-0042."""
    values = {
        "number": "CN-0001",
        "type": InvoiceType.CREDIT_NOTE,
        "preceding_number": "INV-0042",
        "preceding_date": date(2026, 7, 1),
        "issue_date": date(2026, 7, 8),
        "notes": ("Machine billed to the wrong site",),
    }
    return invoice(*lines, **values | changes)


#: names in any script, with everything a document must survive; no control characters, no halves of pairs
names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
_rates = st.sampled_from([0, 1, 500, 700, 1000, 1234, 1900, 10_000])


@st.composite
def lines(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Line:
    """A line of one price, or of several: the price of the whole quantity."""
    quantity, rate = draw(st.integers(-50, 10_000)), draw(_rates)
    price = draw(st.integers(0, 10**7))
    made = line(
        quantity,
        price,
        part=draw(st.sampled_from(Part)),
        site=draw(st.sampled_from(["perth", "pit-2", "=site"])),
        equipment=draw(st.sampled_from(["VM-17", "VM-18", "+VM"])),
        product=draw(st.sampled_from(["1005", "2001", "000C"])),
        product_name=draw(names),
        tax_rate_bp=rate,
        **({} if rate else {"tax_category": draw(st.sampled_from([TaxCategory.ZERO, TaxCategory.EXEMPT]))}),
    )
    several_prices = quantity > 0 and draw(st.booleans())
    return replace(made, price_minor=made.net_minor, price_basis=quantity) if several_prices else made


@st.composite
def invoices(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Invoice:
    """Posted invoices and credit notes of up to eight lines, in currencies of 0, 2 and 3 places."""
    made = draw(st.lists(lines(), min_size=1, max_size=8))
    of_type = draw(st.sampled_from([invoice, credit_note]))
    buyer = replace(BUYER, name=draw(names))
    return of_type(
        *made,
        currency=draw(st.sampled_from(["AUD", "JPY", "KWD"])),
        buyer=buyer,
        prepaid_minor=draw(st.integers(0, 10**6)),
    )

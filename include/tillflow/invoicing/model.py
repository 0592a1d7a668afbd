"""An invoice as a value, shaped like EN 16931, whose sums cannot be wrong.

Every document (PDF, workbook, accounting export, some day an e-invoice) is a rendering of `Invoice`.
`BT-` and `BG-` are the business terms and groups of EN 16931-1, `BR-` its business rules. An invoice
that breaks a rule cannot be made: `InconsistentInvoiceError` names the rule and both figures.

Money is an integer number of minor units of the invoice's currency. Rates are in basis points:
1900 is 19 %. A credit note (381) carries the amounts of the invoice it reverses *with the same
signs*: its type says that they are owed the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tillflow.errors import TillflowError
from tillflow.invoicing.parties import Buyer, Seller
from tillflow.money import EXPONENTS, from_minor


class InconsistentInvoiceError(TillflowError):
    """The figures of an invoice contradict each other: it is not rendered. This is a defect of ours."""


class InvoiceType(StrEnum):
    """BT-3, codes of UNTDID 1001."""

    INVOICE = "380"
    CREDIT_NOTE = "381"


class Part(StrEnum):
    """Vended in the billing period, or before it and recorded only now."""

    CURRENT = "current"
    BACKDATED = "backdated"


class TaxCategory(StrEnum):
    """BT-151 and BT-118, codes of UNCL 5305: standard rate, zero rated, exempt."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"


@dataclass(frozen=True, slots=True)
class Line:
    """BG-25: what one machine sold of one product at one price, in one part of the invoice.

    Grouping by price keeps `quantity x price = net` exact; where several prices have to share a
    line, `price_minor = net_minor` for a `price_basis` of the whole quantity says so exactly too.
    """

    part: Part
    #: key and name of the site (BT-127 carries the name)
    site: str
    site_name: str
    #: BT-128: asset number of the machine
    equipment: str
    #: BT-155 and BT-153
    product: str
    product_name: str
    #: BT-129, in pieces (BT-130 is C62); negative where refunds prevail
    quantity: int
    #: BT-146: price without tax for `price_basis` pieces, never negative
    price_minor: int
    #: BT-131: without tax
    net_minor: int
    #: BT-151 and BT-152
    tax_category: TaxCategory
    tax_rate_bp: int
    #: BT-149
    price_basis: int = 1

    def __post_init__(self) -> None:
        where = f"line {self.equipment}/{self.product}"
        _require("BR-27", self.price_minor >= 0, f"{where}: price {self.price_minor}")
        _require("BT-149", self.price_basis > 0, f"{where}: price for {self.price_basis} pieces")
        _require(
            "net = quantity x price",
            self.quantity * self.price_minor == self.net_minor * self.price_basis,
            f"{where}: {self.quantity} x {self.price_minor} / {self.price_basis}, but net {self.net_minor}",
        )
        _require_rate(self.tax_category, self.tax_rate_bp, where)


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """BG-23: tax of one category and rate."""

    #: BT-118 and BT-119
    category: TaxCategory
    rate_bp: int
    #: BT-116: sum of the lines' net amounts
    taxable_minor: int
    #: BT-117: `tax_on(taxable, rate)`
    tax_minor: int
    #: BT-120: why an exempt amount is exempt
    exemption_reason: str = ""

    def __post_init__(self) -> None:
        where = f"tax {self.category} {self.rate_bp}"
        _require_rate(self.category, self.rate_bp, where)
        due = tax_on(self.taxable_minor, self.rate_bp)
        _require("BR-CO-17", self.tax_minor == due, f"{where}: {self.tax_minor}, but {due} is due")


@dataclass(frozen=True, slots=True)
class Totals:
    """BG-22."""

    #: BT-106 and BT-109: sum of the lines, without tax
    net_minor: int
    #: BT-110
    tax_minor: int
    #: BT-112
    gross_minor: int
    #: BT-113
    prepaid_minor: int
    #: BT-115
    payable_minor: int


@dataclass(frozen=True, slots=True)
class ExcludedProduct:
    """Sold in the period and recorded, but by agreement not invoiced: listed, in no total."""

    product: str
    product_name: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice, a credit note, or the draft of one (`number` is None until it is posted)."""

    #: our own key, whatever the number
    id: int
    #: BT-1; None: a draft
    number: str | None
    type: InvoiceType
    #: BT-5: ISO 4217
    currency: str
    #: BT-2, BT-9 and BT-7, dates in the customer's zone; a draft needs none of them
    issue_date: date | None
    due_date: date | None
    tax_point: date | None
    #: BT-73 and BT-74 in the customer's zone, both inclusive: the range [from, to) ends the day before `to`
    period_start: date
    period_end: date
    seller: Seller
    buyer: Buyer
    lines: tuple[Line, ...]
    #: BG-23, one per category and rate, in that order
    tax: tuple[TaxSubtotal, ...]
    totals: Totals
    #: BT-20
    payment_terms: str = ""
    #: BT-22
    notes: tuple[str, ...] = ()
    excluded: tuple[ExcludedProduct, ...] = ()
    #: BT-25 and BT-26: number and date of the invoice that a credit note reverses
    preceding_number: str | None = None
    preceding_date: date | None = None
    #: BCP 47 language of its texts
    language: str = "en"

    def __post_init__(self) -> None:
        credits_one = self.type is InvoiceType.CREDIT_NOTE
        _require("ISO 4217", self.currency in EXPONENTS, f"currency {self.currency}")
        _require("BR-29", self.period_start <= self.period_end, f"{self.period_start} to {self.period_end}")
        _require("BR-03", self.is_draft or self.issue_date is not None, "a number without an issue date")
        _require("BT-25", credits_one == (self.preceding_number is not None), f"preceding {self.preceding_number}")
        _require("BR-CO-18", self.tax == tax_breakdown(self.lines, _reasons(self.tax)), f"breakdown {self.tax}")
        _require("BR-CO-10 to 16", self.totals == _totals(self.tax, self.totals.prepaid_minor), f"{self.totals}")

    @property
    def is_draft(self) -> bool:
        """Not posted: without a number, in no ledger, and marked as such on every page."""
        return self.number is None

    def money(self, minor: int) -> Decimal:
        """An amount of this invoice with exactly the places of its currency."""
        return Decimal(from_minor(minor, self.currency))

    def credit_note(self, number: str, issue_date: date, reason: str) -> Invoice:
        """The credit note that reverses the whole of this posted invoice."""
        return replace(
            self,
            number=number,
            type=InvoiceType.CREDIT_NOTE,
            issue_date=issue_date,
            due_date=None,
            totals=_totals(self.tax, prepaid_minor=0),
            payment_terms="",
            notes=(reason,),
            excluded=(),
            preceding_number=self.number,
            preceding_date=self.issue_date,
        )


def tax_on(taxable_minor: int, rate_bp: int) -> int:
    """Tax on a whole taxable sum: the one rounding of an invoice, half away from zero.

    The same as PostgreSQL's `round(taxable_minor * rate_bp / 10000.0)` on numeric.
    """
    half_up = (2 * abs(taxable_minor) * rate_bp + 10_000) // 20_000
    return half_up if taxable_minor >= 0 else -half_up


def tax_breakdown(lines: Iterable[Line], reasons: dict[TaxCategory, str] | None = None) -> tuple[TaxSubtotal, ...]:
    """BG-23 of some lines, in the order of category and rate."""
    taxable: dict[tuple[TaxCategory, int], int] = {}
    for line in lines:
        key = (line.tax_category, line.tax_rate_bp)
        taxable[key] = taxable.get(key, 0) + line.net_minor
    return tuple(
        TaxSubtotal(category, rate, net, tax_on(net, rate), (reasons or {}).get(category, ""))
        for (category, rate), net in sorted(taxable.items())
    )


def totals_of(lines: Iterable[Line], prepaid_minor: int = 0) -> Totals:
    """BG-22 of some lines."""
    return _totals(tax_breakdown(lines), prepaid_minor)


def _totals(tax: tuple[TaxSubtotal, ...], prepaid_minor: int) -> Totals:
    net, owed = sum(t.taxable_minor for t in tax), sum(t.tax_minor for t in tax)
    return Totals(net, owed, net + owed, prepaid_minor, net + owed - prepaid_minor)


def _reasons(tax: Iterable[TaxSubtotal]) -> dict[TaxCategory, str]:
    return {subtotal.category: subtotal.exemption_reason for subtotal in tax}


def _require_rate(category: TaxCategory, rate_bp: int, where: str) -> None:
    """BR-S-05, BR-Z-05, BR-E-05: only the standard category has a rate."""
    taxed = category is TaxCategory.STANDARD
    _require(f"BR-{category}-05", 0 < rate_bp <= 10_000 if taxed else rate_bp == 0, f"{where}: rate {rate_bp}")


def _require(rule: str, holds: bool, found: str) -> None:
    if not holds:
        raise InconsistentInvoiceError(f"{rule}: {found}")

"""What the invoice's pages show: everything as text in the invoice's language, for the template to set."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, Final

from tillflow.invoicing.documents.grouping import grouped, shared
from tillflow.invoicing.documents.texts import Language, language_for
from tillflow.invoicing.model import Invoice, InvoiceType, Line, Part, TaxSubtotal, Totals
from tillflow.invoicing.parties import Address, Buyer, Seller

#: about forty pages and two seconds; beyond, lines are summed up, and the workbook has every one of them
MOST_ROWS: Final = 2000
#: countries whose law wants the words "tax invoice" on it
_TAX_INVOICE: Final = frozenset({"AE", "AU", "IN", "SG", "ZA"})
Data = dict[str, Any]


def page_data(invoice: Invoice) -> Data:
    """The names that `invoice.typ` uses."""
    language = language_for(invoice.language)
    groups, parts = grouped(invoice.lines, MOST_ROWS), {line.part for line in invoice.lines}
    return {
        "language": language.tag,
        "labels": dict(language.labels),
        "draft": invoice.is_draft,
        "credit": invoice.type is InvoiceType.CREDIT_NOTE,
        "kind": language.labels[_kind(invoice)],
        "number": invoice.number or "",
        "currency": invoice.currency,
        "seller": _seller(invoice.seller),
        "buyer": _buyer(invoice.buyer),
        "facts": _facts(invoice, language),
        "parts": [_part(invoice, part, groups, language) for part in Part if part in parts],
        "summed": len(groups) < len(invoice.lines),
        "tax": [_tax(tax, invoice.currency, language) for tax in invoice.tax],
        "totals": _totals(invoice.totals, invoice.currency, language),
        "excluded": [
            {
                "product": each.product,
                "name": each.product_name,
                "quantity": language.count(each.quantity),
                "amount": language.money(each.amount_minor, invoice.currency),
            }
            for each in invoice.excluded
        ],
        "terms": invoice.payment_terms,
        "notes": list(invoice.notes),
    }


def _seller(seller: Seller) -> Data:
    return {
        "name": seller.name,
        "address": _postal(seller.address),
        "contact": [text for text in (seller.email, seller.phone) if text],
        "tax_id": seller.tax_id,
        "registration_id": seller.registration_id,
        "account": seller.payment_account,
    }


def _buyer(buyer: Buyer) -> Data:
    return {"name": buyer.name, "address": _postal(buyer.address), "tax_id": buyer.tax_id}


def _tax(tax: TaxSubtotal, currency: str, language: Language) -> Data:
    return {
        "category": language.labels[f"category_{tax.category}"],
        "rate": language.percent(tax.rate_bp),
        "reason": tax.exemption_reason,
        "taxable": language.money(tax.taxable_minor, currency),
        "tax": language.money(tax.tax_minor, currency),
        "gross": language.money(tax.taxable_minor + tax.tax_minor, currency),
    }


def _totals(totals: Totals, currency: str, language: Language) -> Data:
    return {
        "net": language.money(totals.net_minor, currency),
        "tax": language.money(totals.tax_minor, currency),
        "gross": language.money(totals.gross_minor, currency),
        "prepaid": language.money(totals.prepaid_minor, currency) if totals.prepaid_minor else None,
        "payable": language.money(totals.payable_minor, currency),
    }


def _kind(invoice: Invoice) -> str:
    """The label that says what it is."""
    if invoice.type is InvoiceType.CREDIT_NOTE:
        return "credit_note"
    return "tax_invoice" if invoice.seller.address.country in _TAX_INVOICE else "invoice"


def _facts(invoice: Invoice, language: Language) -> list[tuple[str, str]]:
    """Label and text of what stands beside the buyer; what is not known is left out."""
    corrected = invoice.preceding_number
    if corrected and invoice.preceding_date:
        corrected += f" {language.labels['of']} {language.date(invoice.preceding_date)}"
    due = None if corrected else invoice.due_date
    days = {"issue_date": invoice.issue_date, "due_date": due, "tax_point": invoice.tax_point}
    facts = {
        "number": invoice.number,
        "corrects": corrected,
        **{name: language.date(day) for name, day in days.items() if day},
        "period": f"{language.date(invoice.period_start)} {language.labels['to']} {language.date(invoice.period_end)}",
        "customer": invoice.buyer.key,
    }
    return [(language.labels[name], text) for name, text in facts.items() if text]


def _part(invoice: Invoice, part: Part, groups: list[list[Line]], language: Language) -> Data:
    """One of the two parts: its sites in the order of the lines, and its sum."""
    of_part = [lines for lines in groups if lines[0].part is part]
    sites: dict[str, list[list[Line]]] = {}
    for lines in of_part:
        sites.setdefault(shared(lines, lambda line: line.site_name), []).append(lines)
    return {
        "title": language.labels[part.value],
        "sites": [
            {
                "name": name or language.labels["all_sites"],
                "net": language.money(_net(chain.from_iterable(of_site)), invoice.currency),
                "lines": [_line(invoice, lines, language) for lines in of_site],
            }
            for name, of_site in sites.items()
        ],
        "net": language.money(_net(chain.from_iterable(of_part)), invoice.currency),
    }


def _line(invoice: Invoice, lines: list[Line], language: Language) -> Data:
    """A row of lines that share part, site and tax; only one by itself has a unit price."""
    first = lines[0]
    price = language.money(first.price_minor, invoice.currency)
    if first.price_basis != 1:
        price += f" / {language.count(first.price_basis)}"
    return {
        "equipment": shared(lines, lambda line: line.equipment),
        "product": shared(lines, lambda line: line.product),
        "name": shared(lines, lambda line: line.product_name),
        "quantity": language.count(sum(line.quantity for line in lines)),
        "price": price if len(lines) == 1 else "",
        "rate": language.percent(first.tax_rate_bp),
        "net": language.money(_net(lines), invoice.currency),
    }


def _net(lines: Iterable[Line]) -> int:
    return sum(line.net_minor for line in lines)


def _postal(address: Address) -> list[str]:
    """The lines of an address; the country by its code, which is the same in every language."""
    place = " ".join(part for part in (address.city, address.region, address.postcode) if part)
    return [line for line in (*address.lines, place, address.country) if line]

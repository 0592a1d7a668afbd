"""The invoice as a PDF that everybody can read: tagged (PDF/UA-1), the same on every machine.

Typst sets `invoice.typ`, which takes everything from one JSON document: names are data and never
markup. Only the fonts embedded in typst are used, so a server without fonts makes the same pages.
They cover Latin, Greek, Cyrillic, Hebrew and Arabic scripts; a character they lack shows as a box, and the
PDF does not claim PDF/UA then. `fonts` adds folders of fonts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from tillflow.errors import TillflowError
from tillflow.invoicing.documents.grouping import grouped, shared
from tillflow.invoicing.documents.texts import Language, language_for
from tillflow.invoicing.model import Address, Invoice, InvoiceType, Line, Part

#: about forty pages and two seconds; beyond, lines are summed up, and the workbook has every one of them
MOST_ROWS: Final = 2000
_TEMPLATE: Final = Path(__file__).with_name("invoice.typ")
_ACCESSIBLE: Final = "ua-1"
#: what typst says of a character that no font has, where a standard forbids that
_NO_GLYPH: Final = "could not be displayed"
_NO_PICTURE: Final = re.compile(r"failed to (?:decode|parse|load)\b|unknown image format")
_LOGO_FORMATS: Final = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}
#: countries whose law wants the words "tax invoice" on it
_TAX_INVOICE: Final = frozenset({"AE", "AU", "IN", "SG", "ZA"})
Data = dict[str, Any]


class UnusableLogoError(TillflowError):
    """The logo is no picture that typst can read: the invoice waits for another one."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture for the seller's corner: PNG, JPEG or SVG."""

    content: bytes

    @property
    def format(self) -> str:
        """By its first bytes; everything else is taken for SVG."""
        return next((name for start, name in _LOGO_FORMATS.items() if self.content.startswith(start)), "svg")


def invoice_pdf(invoice: Invoice, logo: Logo | None = None, fonts: Sequence[Path] = ()) -> bytes:
    """The pages of an invoice, a credit note or a draft. The same invoice gives the same bytes."""
    import typst  # 80 MB; a DAG file is parsed every few seconds and must not pay for it

    compiler = typst.Compiler(
        _TEMPLATE,
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=list(fonts)),
        sys_inputs={"data": json.dumps(page_data(invoice, logo))},
    )
    try:
        pages = compiler.compile(format="pdf", pdf_standards=[_ACCESSIBLE], timestamp=0)
    except typst.TypstError as error:
        if logo and _NO_PICTURE.search(str(error)):
            why = " ".join(str(error).split())
            raise UnusableLogoError(f"the logo cannot be printed: {why}; give a PNG, JPEG or SVG") from error
        if _NO_GLYPH not in str(error):
            raise
        pages = compiler.compile(format="pdf", timestamp=0)
    assert isinstance(pages, bytes)  # a list only where each page is a picture
    return pages


def page_data(invoice: Invoice, logo: Logo | None = None) -> Data:
    """What the template shows: every number and date as text in the invoice's language."""
    language = language_for(invoice.language)
    totals = invoice.totals
    groups, parts = grouped(invoice.lines, MOST_ROWS), {line.part for line in invoice.lines}

    def money(minor: int) -> str:
        return language.money(minor, invoice.currency)

    return {
        "language": language.tag,
        "labels": dict(language.labels),
        "draft": invoice.is_draft,
        "credit": invoice.type is InvoiceType.CREDIT_NOTE,
        "kind": language.labels[_kind(invoice)],
        "number": invoice.number or "",
        "currency": invoice.currency,
        "logo": {"format": logo.format, "bytes": list(logo.content)} if logo else None,
        "seller": {
            "name": invoice.seller.name,
            "address": _postal(invoice.seller.address),
            "contact": [text for text in (invoice.seller.email, invoice.seller.phone) if text],
            "tax_id": invoice.seller.tax_id,
            "registration_id": invoice.seller.registration_id,
            "account": invoice.seller.payment_account,
        },
        "buyer": {
            "name": invoice.buyer.name,
            "address": _postal(invoice.buyer.address),
            "tax_id": invoice.buyer.tax_id,
        },
        "facts": _facts(invoice, language),
        "parts": [_part(invoice, part, groups, language) for part in Part if part in parts],
        "summed": len(groups) < len(invoice.lines),
        "tax": [
            {
                "category": language.labels[f"category_{tax.category}"],
                "rate": language.percent(tax.rate_bp),
                "reason": tax.exemption_reason,
                "taxable": money(tax.taxable_minor),
                "tax": money(tax.tax_minor),
                "gross": money(tax.taxable_minor + tax.tax_minor),
            }
            for tax in invoice.tax
        ],
        "totals": {
            "net": money(totals.net_minor),
            "tax": money(totals.tax_minor),
            "gross": money(totals.gross_minor),
            "prepaid": money(totals.prepaid_minor) if totals.prepaid_minor else None,
            "payable": money(totals.payable_minor),
        },
        "excluded": [
            {
                "product": each.product,
                "name": each.product_name,
                "quantity": language.count(each.quantity),
                "amount": money(each.amount_minor),
            }
            for each in invoice.excluded
        ],
        "terms": invoice.payment_terms,
        "notes": list(invoice.notes),
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

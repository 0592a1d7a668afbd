"""The words of the invoice PDF, and how a language writes numbers and dates. Another language is another row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from tillflow.money import from_minor


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the PDF."""

    #: BCP 47; the PDF is tagged with it
    tag: str
    decimal_mark: str
    #: between groups of three digits
    group_mark: str
    date_format: str
    #: name in the template -> text
    labels: Mapping[str, str]

    def money(self, minor: int, currency: str) -> str:
        """`-123456, "AUD"` -> `-1,234.56`, with the places of the currency."""
        whole, _, places = from_minor(minor, currency).partition(".")
        return self.count(int(whole), whole.startswith("-")) + (self.decimal_mark + places if places else "")

    def count(self, number: int, negative: bool | None = None) -> str:
        """`1234` -> `1,234`; `negative` keeps the sign of -0."""
        sign = "-" if (number < 0 if negative is None else negative) else ""
        return sign + f"{abs(number):,}".replace(",", self.group_mark)

    def percent(self, rate_bp: int) -> str:
        """`1900` -> `19%`, `725` -> `7.25%`."""
        return f"{rate_bp / 100:g}".replace(".", self.decimal_mark) + "%"

    def date(self, day: date) -> str:
        """A day as the language writes it."""
        return day.strftime(self.date_format)


_LABELS: Final = {
    # name: (English, German)
    "invoice": ("Invoice", "Rechnung"),
    "tax_invoice": ("Tax invoice", "Rechnung"),
    "credit_note": ("Credit note", "Rechnungskorrektur"),
    "draft": ("Draft", "Entwurf"),
    "draft_note": (
        "This is a draft: it has no number, and nothing is owed on it yet.",
        "Dies ist ein Entwurf: ohne Nummer, und noch ist nichts zu zahlen.",
    ),
    "bill_to": ("Bill to", "Rechnung an"),
    "customer": ("Customer", "Kunde"),
    "number": ("Number", "Nummer"),
    "issue_date": ("Date", "Datum"),
    "due_date": ("Due", "Zahlbar bis"),
    "tax_point": ("Date of supply", "Leistungsdatum"),
    "period": ("Period", "Zeitraum"),
    "to": ("to", "bis"),
    "corrects": ("Corrects invoice", "Korrigiert Rechnung"),
    "of": ("of", "vom"),
    "tax_id": ("Tax number", "Steuernummer"),
    "registration_id": ("Registration", "Register"),
    "current": ("Sold in this period", "Verkauft in diesem Zeitraum"),
    "backdated": ("Sold earlier, recorded in this period", "Früher verkauft, in diesem Zeitraum erfasst"),
    "all_sites": ("All sites", "Alle Standorte"),
    "summed": (
        "There are too many lines to print: they are summed up here, and the workbook has each of them.",
        "Für den Druck sind es zu viele Positionen: hier stehen Summen, in der Arbeitsmappe steht jede.",
    ),
    "equipment": ("Machine", "Automat"),
    "product": ("Product", "Artikel"),
    "quantity": ("Quantity", "Menge"),
    "price": ("Unit price", "Einzelpreis"),
    "rate": ("Tax", "Steuer"),
    "net": ("Net", "Netto"),
    "sum": ("Subtotal", "Zwischensumme"),
    "summary": ("Tax and total", "Steuer und Summe"),
    "category_S": ("Standard rate", "Regelsatz"),
    "category_Z": ("Zero rate", "Nullsatz"),
    "category_E": ("Exempt", "Steuerfrei"),
    "taxable": ("Net", "Netto"),
    "tax": ("Tax", "Steuer"),
    "gross": ("Total", "Gesamt"),
    "total_net": ("Total without tax", "Summe ohne Steuer"),
    "total_tax": ("Tax", "Steuer"),
    "total_gross": ("Total with tax", "Summe mit Steuer"),
    "prepaid": ("Already paid", "Bereits gezahlt"),
    "payable": ("Amount due", "Zu zahlen"),
    "credited": ("Amount credited", "Gutgeschrieben"),
    "excluded": ("Not invoiced, by agreement", "Vereinbarungsgemäß nicht berechnet"),
    "amount": ("Value", "Wert"),
    "notes": ("Notes", "Hinweise"),
    "payment": ("Payment", "Zahlung"),
    "account": ("Account", "Konto"),
    "page": ("Page", "Seite"),
    "page_of": ("of", "von"),
    "logo": ("Logo of", "Logo von"),
}


def _language(place: int, tag: str, decimal_mark: str, group_mark: str, date_format: str) -> Language:
    labels = {name: texts[place] for name, texts in _LABELS.items()}
    return Language(tag, decimal_mark, group_mark, date_format, labels)


#: primary language tag -> language; English dates are ISO 8601, which no two countries read differently
LANGUAGES: Final = {
    "en": _language(0, "en", ".", ",", "%Y-%m-%d"),
    "de": _language(1, "de", ",", ".", "%d.%m.%Y"),
}

#: not Switzerland and Luxembourg, which have other languages beside it
_GERMAN: Final = frozenset({"AT", "DE", "LI"})


def language_for(tag: str) -> Language:
    """The language of `de`, `de-AT` ...; English where there is no translation."""
    return LANGUAGES.get(tag.partition("-")[0].lower(), LANGUAGES["en"])


def language_of(country: str) -> str:
    """The tag of the language in which somebody in a country is written to: German or English."""
    return "de" if country in _GERMAN else "en"

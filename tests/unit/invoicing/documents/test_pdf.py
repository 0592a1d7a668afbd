"""The invoice PDF, read again: its figures are the invoice's, and everybody can read it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.invoices import BUYER, SELLER, credit_note, draft, invoice, invoices, line
from tests.pdf_text import Run, pages_of
from tillflow.invoicing.documents import texts
from tillflow.invoicing.documents.pdf import Logo, UnusableLogoError, invoice_pdf
from tillflow.invoicing.model import ExcludedProduct, Invoice, Line, Part, TaxCategory, TaxSubtotal, tax_breakdown
from tillflow.invoicing.parties import Address

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="8"><rect width="20" height="8" fill="#0a5"/></svg>'
#: a picture of one grey point
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)
NUMBERS = {"en": re.compile(r"-?\d{1,3}(,\d{3})*(\.\d+)?"), "de": re.compile(r"-?\d{1,3}(\.\d{3})*(,\d+)?")}


def spoken(content: bytes) -> list[str]:
    """What a screen reader says, run by run."""
    return [run.text for page in pages_of(content) for run in page if not run.is_artifact]


def figure(text: str, language: str = "en") -> Decimal:
    """A number as the language writes it, and nothing else."""
    assert NUMBERS[language].fullmatch(text), f"{text!r} is no number in {language}"
    group, mark = (",", ".") if language == "en" else (".", ",")
    return Decimal(text.replace(group, "").replace(mark, "."))


def after(runs: list[str], label: str) -> str:
    """The text behind the last run with this label."""
    return runs[len(runs) - runs[::-1].index(label)]


def test_an_invoice_from_top_to_bottom() -> None:
    one = invoice(notes=("Thank you.",), excluded=(ExcludedProduct("9", "Safety glasses", 4, 400),))
    words = """
        Tillflow Vending Pty Ltd|1 Harbour Street|Sydney NSW 2000|AU|billing@tillflow.example
        Tax number: |ABN 51 824 753 556|Tax invoice INV-0042
        Bill to|Acme Mining|Level 3|9 Pit Road|Perth WA 6000|AU|Tax number: |ABN 83 914 571 673
        Number|INV-0042|Date|2026-07-01|Due|2026-07-31|Date of supply|2026-06-30
        Period|2026-06-01 to 2026-06-30|Customer|acme
        Sold in this period|Machine|Product|Quantity|Unit price|Tax|Net AUD|Perth workshop|11.48
        VM-17|1005|Nitrile gloves|3|2.50|10%|7.50|VM-17|2001|Nitrile gloves|2|1.99|0%|3.98|Subtotal|11.48
        Sold earlier, recorded in this period|Machine|Product|Quantity|Unit price|Tax|Net AUD|Perth workshop|-2.50
        VM-17|1005|Nitrile gloves|-1|2.50|10%|-2.50|Subtotal|-2.50
        Tax and total|Tax|Net AUD|Tax AUD|Total AUD
        Standard rate|10%|5.00|0.50|5.50|Zero rate|0%|3.98|0.00|3.98
        Total without tax|8.98|Tax|0.50|Total with tax|9.48|Amount due|AUD 9.48
        Not invoiced, by agreement|Product|Quantity|Value AUD|9|Safety glasses|4|4.00
        Payment|30 days net|Account: |BSB 062-000 Acc 1234 5678|Notes|Thank you.
    """
    rows = [row.lstrip() for row in words.strip().splitlines()]
    assert spoken(invoice_pdf(one)) == [word for row in rows for word in row.split("|")]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(invoices())
def test_the_printed_totals_are_those_of_the_invoice(one: Invoice) -> None:
    runs, totals = spoken(invoice_pdf(one)), one.totals
    last = runs[len(runs) - runs[::-1].index("Total without tax") - 1 :]
    printed = {label: figure(after(last, label)) for label in ("Total without tax", "Tax", "Total with tax")}
    assert printed == {
        "Total without tax": one.money(totals.net_minor),
        "Tax": one.money(totals.tax_minor),
        "Total with tax": one.money(totals.gross_minor),
    }
    code, _, payable = after(last, "Amount credited" if one.preceding_number else "Amount due").partition(" ")
    assert (code, figure(payable)) == (one.currency, one.money(totals.payable_minor))
    subtotals = [figure(runs[place + 1]) for place, text in enumerate(runs) if text == "Subtotal"]
    assert sum(subtotals) == one.money(totals.net_minor)


def many(count: int) -> list[Line]:
    """Lines of five machines to a site and a hundred products each, some of them backdated."""
    return [
        line(
            n % 7 + 1, 199 + n, tax_rate_bp=(0, 1000, 1900)[n % 3], product=f"{1000 + n % 100}",
            product_name=f"Product {n % 100}", equipment=f"VM-{n // 100}", site=f"s{n // 500}",
            site_name=f"Site {n // 500}", part=Part.BACKDATED if n >= 0.9 * count else Part.CURRENT,
        )
        for n in range(count)
    ]  # fmt: skip


def test_two_thousand_lines_break_over_pages_and_repeat_their_header() -> None:
    one = invoice(*many(2000), currency="JPY", language="de-AT")
    pages = pages_of(invoice_pdf(one))
    assert 30 <= len(pages) <= 50
    for number, page in enumerate(pages, start=1):
        assert Run(f"Seite {number} von {len(pages)}", is_artifact=True) in page
    header = Run("Einzelpreis", is_artifact=True)
    assert sum(header in page for page in pages) >= len(pages) - 3, "the first page of a table has it as its own"
    runs = [run.text for page in pages for run in page if not run.is_artifact]
    rates = [place for place, text in enumerate(runs) if re.fullmatch(r"\d+%", text)]
    lines, taxes = rates[:-3], rates[-3:]
    assert len(lines) == 2000
    assert sum(figure(runs[place + 1], "de") for place in lines) == one.totals.net_minor
    assert sum(figure(runs[place + 2], "de") for place in taxes) == one.totals.tax_minor


def test_more_lines_than_can_be_printed_are_summed_up() -> None:
    one = invoice(*many(5000))
    pages = pages_of(invoice_pdf(one))
    runs = [run.text for page in pages for run in page]
    assert len(pages) < 50
    assert any(text.startswith("There are too many lines to print") for text in runs)
    subtotals = [figure(runs[place + 1]) for place, text in enumerate(runs) if text == "Subtotal"]
    assert sum(subtotals) == one.money(one.totals.net_minor)
    assert not any(text.startswith("There are too many") for text in spoken(invoice_pdf(invoice())))


@pytest.mark.parametrize(
    ("currency", "language", "price", "total"),
    [
        ("AUD", "en", "12,345.67", "AUD 1,234,567.00"),
        ("JPY", "en", "1,234,567", "JPY 123,456,700"),
        ("KWD", "en", "1,234.567", "KWD 123,456.700"),
        ("EUR", "de", "12.345,67", "EUR 1.234.567,00"),
        ("KWD", "de-CH", "1.234,567", "KWD 123.456,700"),
        ("EUR", "fr", "12,345.67", "EUR 1,234,567.00"),
    ],
)
def test_amounts_as_the_currency_and_the_language_have_them(
    currency: str, language: str, price: str, total: str
) -> None:
    runs = spoken(invoice_pdf(invoice(line(100, 1_234_567, tax_rate_bp=0), currency=currency, language=language)))
    assert {price, total} <= {*runs}


@pytest.mark.parametrize("minor", [-1, -99, -100, -12345])
def test_less_than_one_unit_keeps_its_sign(minor: int) -> None:
    assert figure(texts.LANGUAGES["en"].money(minor, "AUD")) == Decimal(minor) / 100


def test_a_draft_says_so_on_every_page() -> None:
    content = invoice_pdf(draft(*many(200)))
    pages = pages_of(content)
    assert len(pages) > 2
    assert all(Run("DRAFT", is_artifact=True) in page for page in pages)
    assert {"Draft: Tax invoice", "This is a draft: it has no number, and nothing is owed on it yet."} <= {
        *spoken(content)
    }
    assert "DRAFT" not in {run.text for page in pages_of(invoice_pdf(invoice())) for run in page}


def test_a_credit_note_names_what_it_corrects_and_asks_for_no_payment() -> None:
    runs = spoken(invoice_pdf(credit_note(language="de")))
    assert after(runs, "Korrigiert Rechnung") == "INV-0042 vom 01.07.2026"
    assert after(runs, "Hinweise") == "Machine billed to the wrong site"
    assert "Rechnungskorrektur CN-0001" in runs
    assert not {"Zahlung", "Zu zahlen", "Zahlbar bis"} & {*runs}
    assert after(runs, "Gutgeschrieben") == "AUD 9,48"


def test_the_words_a_country_wants_on_an_invoice() -> None:
    german = replace(SELLER, address=Address(("Hafen 1",), "Duisburg", "", "47119", "DE"))
    assert "Invoice INV-0042" in spoken(invoice_pdf(invoice(seller=german)))
    assert "Tax invoice INV-0042" in spoken(invoice_pdf(invoice()))


def test_why_an_amount_is_exempt() -> None:
    lines = (line(tax_rate_bp=0, tax_category=TaxCategory.EXEMPT),)
    (tax,) = tax_breakdown(lines)
    exempt = replace(invoice(*lines), tax=(replace(tax, exemption_reason="Export, section 38-185"),))
    assert exempt.tax == (TaxSubtotal(TaxCategory.EXEMPT, 0, 750, 0, "Export, section 38-185"),)
    assert "Exempt: Export, section 38-185" in spoken(invoice_pdf(exempt))


@pytest.mark.parametrize(
    "name",
    [
        "#panic(1) [*x*] $a^2$ \\",
        "<b> `c` @ref // /* -- ~ _y_ 'q'",
        "= Heading",
        "#{sys.inputs.data}",
        '","draft":true,"x":"',
        "\\u{41}",
    ],
)
def test_a_name_is_never_markup(name: str) -> None:
    one = invoice(line(), buyer=replace(BUYER, name=name), seller=replace(SELLER, name=name))
    assert Counter(spoken(invoice_pdf(one)))[name] == 2


@pytest.mark.parametrize(
    "name",
    ["Ωμέγα Α.Ε.", "ООО «Север»", "Łódź Ştiinţă Ðoð", "Käsebrezel & Söhne"],
)
def test_names_the_embedded_fonts_have(name: str) -> None:
    content = invoice_pdf(invoice(buyer=replace(BUYER, name=name)))
    assert name in spoken(content)
    assert b"<pdfuaid:part>1<" in content


@pytest.mark.parametrize("name", ["مطعم البحر", "מסעדת הים"])
def test_names_written_from_right_to_left(name: str) -> None:
    """Letters are there in one order or the other: runs of a PDF stand as they are painted."""
    content = invoice_pdf(invoice(buyer=replace(BUYER, name=name)))
    letters = Counter("".join(spoken(content)))
    assert b"<pdfuaid:part>1<" in content
    if name.startswith("מ"):
        assert all(letters[letter] >= count for letter, count in Counter(name.replace(" ", "")).items())


@pytest.mark.parametrize(
    "name", ["東京自動販売機株式会社", "Snack 🥨 bar", "ร้านขายน้ำ", "\u0378 unassigned", "a\u2028b\u200fc"]
)
def test_a_character_no_font_has_shows_as_a_box_and_stops_nothing(name: str) -> None:
    content = invoice_pdf(invoice(line(product_name=name, site_name=name), buyer=replace(BUYER, name=name)))
    runs = spoken(content)
    assert after(runs, "Amount due") == "AUD 8.25"
    assert b"/StructTreeRoot" in content


@pytest.mark.parametrize("name", ["X" * 200, "Wonderful " * 20, "W" * 37])
def test_a_long_name_breaks_and_hides_no_figure(name: str) -> None:
    one = invoice(
        line(product_name=name, site_name=name, equipment="W" * 40, product="M" * 40),
        buyer=replace(BUYER, name=name, address=Address((name, name))),
        notes=(name,),
    )
    pages = pages_of(invoice_pdf(one))
    runs = [run.text for page in pages for run in page]
    assert len(pages) <= 2
    assert max(len(run) for run in runs) < 110
    assert {"2.50", "7.50", "10%"} <= {*runs}


def test_it_is_tagged_for_assistive_technology() -> None:
    content = invoice_pdf(invoice(language="de"), Logo(SVG))
    assert b"/MarkInfo<</Marked true" in content
    assert b"/StructTreeRoot" in content
    assert b"<pdfuaid:part>1<" in content
    assert b"/Lang(de)" in content
    assert b"/DisplayDocTitle true" in content
    assert b"(Logo von Tillflow Vending Pty Ltd)" in content
    roles = Counter(re.findall(rb"/S/(\w+)", content))
    assert (roles[b"H1"], roles[b"H2"], roles[b"Table"], roles[b"Figure"]) == (1, 4, 3, 1)
    assert roles[b"TH"] >= 3 * 4
    assert roles[b"TD"] >= 3 * 7


@pytest.mark.parametrize("logo", [SVG, PNG])
def test_a_logo(logo: bytes) -> None:
    assert len(re.findall(rb"/S/Figure", invoice_pdf(invoice(), Logo(logo)))) == 1
    assert b"/S/Figure" not in invoice_pdf(invoice())


@pytest.mark.parametrize("content", [b"", b"GIF89a", PNG[:-20], b"<svg", b"\xff\xd8\xff"])
def test_a_logo_that_is_no_picture(content: bytes) -> None:
    with pytest.raises(UnusableLogoError, match=r"the logo cannot be printed: .*PNG, JPEG or SVG"):
        invoice_pdf(invoice(), Logo(content))


def test_the_same_invoice_gives_the_same_bytes_with_embedded_fonts_only() -> None:
    content = invoice_pdf(invoice(), Logo(SVG))
    assert content == invoice_pdf(invoice(), Logo(SVG))
    fonts = {*re.findall(rb"/BaseFont/[A-Z]{6}\+(\w+)", content)}
    assert fonts == {b"LibertinusSerif"}


def test_a_folder_of_fonts_adds_to_the_embedded_ones(tmp_path: Path) -> None:
    assert invoice_pdf(invoice(), fonts=[tmp_path]) == invoice_pdf(invoice())


def test_every_language_has_every_text() -> None:
    assert {language.tag for language in texts.LANGUAGES.values()} == {"en", "de"}
    for language in texts.LANGUAGES.values():
        assert all(language.labels.values())
        assert language.labels.keys() == texts.LANGUAGES["en"].labels.keys()

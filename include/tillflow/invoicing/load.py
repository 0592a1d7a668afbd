"""An invoice, its credit note and its sales from the books, as the documents need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.invoicing.documents.texts import language_of
from tillflow.invoicing.lock import UnknownInvoiceError
from tillflow.invoicing.model import (
    ExcludedProduct,
    Invoice,
    InvoiceType,
    Line,
    Part,
    TaxCategory,
    tax_breakdown,
    totals_of,
)
from tillflow.invoicing.parties import Address, Buyer, Seller
from tillflow.invoicing.sale_row import SaleRow

_SQL: Final = beside(__file__, "load.sql")
#: rows that are fetched at once from the server's cursor
_PAGE: Final = 2_000


class NotCreditedError(TillflowError):
    """The invoice has no credit note."""


def load_invoice(conn: Connection, invoice_id: int) -> Invoice:
    """The draft or posted invoice. Raises UnknownInvoiceError."""
    found = _found(conn, invoice_id)
    return _invoice(conn, found, InvoiceType.INVOICE, found["invoice_no"], found["invoice_date"], found["due_date"])


def load_credit_note(conn: Connection, invoice_id: int) -> Invoice:
    """The credit note of an invoice: its amounts, owed the other way. Raises UnknownInvoiceError, NotCreditedError."""
    found = _found(conn, invoice_id)
    if found["credit_no"] is None:
        raise NotCreditedError(f"invoice {invoice_id} has not been credited")
    return _invoice(conn, found, InvoiceType.CREDIT_NOTE, found["credit_no"], found["credit_date"], None)


def sales_of(conn: Connection, invoice_id: int) -> Iterator[SaleRow]:
    """Every sale of the invoice, from a cursor of the server: however many there are. Moments are the site's."""
    with conn.transaction(), conn.cursor("invoice_sales") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_SQL.sales.sql, {"invoice_id": invoice_id})
        for vended_at, recorded_at, is_backdated, *sale, zone in cursor:
            yield SaleRow(vended_at.astimezone(ZoneInfo(zone)), recorded_at, _part(is_backdated), *sale)


def _found(conn: Connection, invoice_id: int) -> Mapping[str, Any]:
    names = (
        "id", "currency", "date_from", "date_to", "state", "invoice_no", "invoice_date", "due_date", "payment_days",
        "seller", "buyer", "credit_no", "credit_date", "reason",
    )  # fmt: skip
    found = _SQL.invoice(conn, invoice_id=invoice_id)
    if found is None:
        raise UnknownInvoiceError(f"there is no invoice {invoice_id}")
    return dict(zip(names, found, strict=True))


def _invoice(
    conn: Connection, found: Mapping[str, Any], kind: InvoiceType, number: str | None, issued: Any, due: Any
) -> Invoice:
    lines = tuple(_line(*row) for row in _SQL.lines(conn, invoice_id=found["id"]))
    credits_one, buyer = kind is InvoiceType.CREDIT_NOTE, _buyer(found["buyer"])
    return Invoice(
        id=found["id"],
        number=number,
        type=kind,
        currency=found["currency"],
        issue_date=issued,
        due_date=due,
        tax_point=issued,
        period_start=found["date_from"],
        period_end=found["date_to"] - timedelta(days=1),
        seller=_seller(found["seller"]),
        buyer=buyer,
        lines=lines,
        tax=tax_breakdown(lines),
        totals=totals_of(lines),
        payment_terms="" if credits_one else f"{found['payment_days']} days net",
        notes=(found["reason"],) if credits_one else (),
        excluded=tuple(ExcludedProduct(*row) for row in _SQL.excluded(conn, invoice_id=found["id"])),
        preceding_number=found["invoice_no"] if credits_one else None,
        preceding_date=found["invoice_date"] if credits_one else None,
        language=language_of(buyer.address.country),
    )


def _line(
    is_backdated: bool,
    site: str,
    site_name: str,
    equipment: str,
    product: str,
    product_name: str,
    quantity: int,
    price_minor: int,
    net_minor: int,
    rate_bp: int,
) -> Line:
    return Line(
        part=_part(is_backdated),
        site=site,
        site_name=site_name,
        equipment=equipment,
        product=product,
        product_name=product_name,
        quantity=quantity,
        price_minor=price_minor,
        net_minor=net_minor,
        tax_category=TaxCategory.STANDARD if rate_bp else TaxCategory.ZERO,
        tax_rate_bp=rate_bp,
    )


def _part(is_backdated: bool) -> Part:
    return Part.BACKDATED if is_backdated else Part.CURRENT


def _seller(frozen: Mapping[str, str | None]) -> Seller:
    given = _texts(frozen)
    names = (
        "name", "tax_id", "registration_id", "email", "phone", "electronic_address", "electronic_scheme",
        "payment_account",
    )  # fmt: skip
    return Seller(address=_address(given), **{name: given.get(name, "") for name in names})


def _buyer(frozen: Mapping[str, str | None]) -> Buyer:
    given = _texts(frozen)
    return Buyer(address=_address(given), **{name: given.get(name, "") for name in ("key", "name", "tax_id", "email")})


def _address(given: Mapping[str, str]) -> Address:
    lines = tuple(given[name] for name in ("address_line_1", "address_line_2") if name in given)
    return Address(lines, **{name: given.get(name, "") for name in ("city", "region", "postcode", "country")})


def _texts(frozen: Mapping[str, str | None]) -> dict[str, str]:
    """What was given; a part that was not is left out."""
    return {name: text for name, text in frozen.items() if text is not None}

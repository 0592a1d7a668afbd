"""Every sale of an invoice, one per row: what the customer checks the invoice against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.invoicing.sale_row import SaleRow
from tillflow.money import from_minor

HEADER: Final = (
    "PART", "VENDED_AT", "SITE", "SITE_NAME", "EQUIPMENT", "SELECTION", "PRODUCT", "PRODUCT_NAME", "QUANTITY",
    "UNIT_PRICE", "AMOUNT", "CURRENCY", "TAX_RATE", "USER", "USER_NAME", "RECORDED_AT", "IMPORT_ID", "ROW",
)  # fmt: skip
_PERCENT: Final = Decimal("0.01")


def sales_csv(sales: Iterable[SaleRow]) -> Iterator[bytes]:
    """The sales as CSV for people, in pieces as they are made: `sales` may come from a cursor."""
    return csv_chunks(map(sale_cells, sales), HEADER)


def sale_cells(sale: SaleRow) -> tuple[Cell, ...]:
    """VENDED_AT is the site's time with its offset, RECORDED_AT is UTC; amounts without tax, the rate in percent."""
    currency = sale.currency
    return (
        sale.part.value, sale.vended_at.isoformat(" ", "seconds"), sale.site, sale.site_name, sale.equipment,
        sale.selection, sale.product, sale.product_name, sale.quantity,
        _money(sale.unit_price_minor, currency), _money(sale.amount_minor, currency), currency,
        percent(sale.tax_rate_bp), sale.user, sale.user_name,
        _in_utc(sale.recorded_at), sale.import_id, sale.row_no,
    )  # fmt: skip


# Prices, rates and moments of recording repeat through a million rows.
@lru_cache(maxsize=4096)
def _money(minor: int, currency: str) -> Decimal:
    return Decimal(from_minor(minor, currency))


@lru_cache(maxsize=64)
def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(" ", "seconds")


@lru_cache(maxsize=64)
def percent(rate_bp: int) -> Decimal:
    """1900 -> 19.00, in percent with two places."""
    return rate_bp * _PERCENT

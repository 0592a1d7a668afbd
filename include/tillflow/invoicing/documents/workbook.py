"""The invoice as a workbook: its sums, and every sale behind them."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import BinaryIO

from tillflow.exports.xlsx import Sheet, write_workbook
from tillflow.invoicing.documents import sales_list, summary
from tillflow.invoicing.model import Invoice
from tillflow.invoicing.sale_row import SaleRow


def sales_xlsx(target: str | PathLike[str] | BinaryIO, invoice: Invoice, sales: Iterable[SaleRow]) -> None:
    """Write the sheets Summary and Sales; a million sales fit, what exceeds one sheet goes on in `Sales 2`."""
    sheets = [
        Sheet("Summary", summary.HEADER, summary.summary_rows(invoice)),
        Sheet("Sales", sales_list.HEADER, map(sales_list.sale_cells, sales)),
    ]
    write_workbook(target, sheets)

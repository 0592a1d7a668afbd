"""The exception report as files: CSV and XLSX, however many exceptions there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from os import PathLike
from typing import BinaryIO, Final

from tillflow.equipment_sync.exception_report import OpenException
from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.exports.xlsx import write_xlsx

HEADER: Final = (
    "EXCEPTION_ID", "IMPORT_ID", "FILE", "ROW", "CUSTOMER", "CUSTOMER_NAME", "SITE", "SITE_NAME", "EQUIPMENT",
    "VENDED_AT", "ZONE", "RECORDED_AT", "AGE_DAYS", "SELECTION", "PRODUCT", "PRODUCT_NAME", "QUANTITY", "CURRENCY",
    "VALUE", "IDENTITY", "REASON_CODES", "REASONS", "FIX_CODES", "SUGGESTED_FIX",
)  # fmt: skip
#: between several reasons or fixes in one cell; sentences hold commas and semicolons
_BETWEEN: Final = " | "


def exceptions_csv(exceptions: Iterable[OpenException]) -> Iterator[bytes]:
    """The report as CSV, in pieces as they are made: safe for spreadsheets, UTF-8 with BOM."""
    return csv_chunks(map(_cells, exceptions), HEADER)


def exceptions_xlsx(target: str | PathLike[str] | BinaryIO, exceptions: Iterable[OpenException]) -> int:
    """Write the report as a workbook; returns the number of exceptions."""
    return write_xlsx(target, HEADER, map(_cells, exceptions), "Exceptions")


def _cells(one: OpenException) -> tuple[Cell, ...]:
    """VENDED_AT is the site's time with its offset, RECORDED_AT in UTC; several fixes stand in the reasons' order."""
    vend = one.vend
    return (
        vend.id, vend.import_id, vend.file_name, vend.row_no, vend.customer, vend.customer_name, vend.site,
        vend.site_name, vend.asset_no, vend.local_time, vend.zone,
        vend.recorded_at.astimezone(UTC).isoformat(" ", "seconds"), one.age_days, vend.selection,
        vend.product_code, vend.product_name, vend.quantity, vend.currency, vend.amount, vend.identity,
        _BETWEEN.join(vend.reasons), _BETWEEN.join(title for _, title in one.reasons),
        _BETWEEN.join(fix.code for fix in one.fixes), _BETWEEN.join(fix.sentence for fix in one.fixes),
    )  # fmt: skip

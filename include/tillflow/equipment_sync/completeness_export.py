"""The completeness check as CSV files, in pieces as they are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tillflow.equipment_sync.completeness import MeterDifference, MissingTransactions, SilentMachine, site_time
from tillflow.exports.csv_cells import csv_chunks

MISSING_HEADER: Final = (
    "EQUIPMENT", "BOOT_ID", "CUSTOMER", "CUSTOMER_NAME", "SITE", "SITE_NAME", "FIRST_MISSING", "LAST_MISSING",
    "MISSING", "VEND_BEFORE", "VEND_AFTER", "ZONE",
)  # fmt: skip
METER_HEADER: Final = (
    "EQUIPMENT", "BOOT_ID", "CUSTOMER", "CUSTOMER_NAME", "SITE", "SITE_NAME", "SELECTION", "BOARD_ID", "NUMBER_BEFORE",
    "NUMBER", "VEND_BEFORE", "VEND", "ZONE", "METER_BEFORE", "METER", "COUNTED", "RECORDED", "UNRECORDED",
    "MISSING_TRANSACTIONS",
)  # fmt: skip
SILENT_HEADER: Final = (
    "EQUIPMENT", "NAME", "SITE_NAME", "CUSTOMER_NAME", "LAST_VEND_UTC", "SILENT_HOURS", "ALLOWED_HOURS",
)  # fmt: skip


def missing_csv(found: Iterable[MissingTransactions]) -> Iterator[bytes]:
    """One row per gap; times are the site's."""
    rows = (
        (
            one.asset_no, one.boot_id, one.customer, one.customer_name, one.site, one.site_name, one.first, one.last,
            one.count, site_time(one.before_at, one.zone), site_time(one.after_at, one.zone), one.zone,
        )
        for one in found
    )  # fmt: skip
    return csv_chunks(rows, MISSING_HEADER)


def meter_csv(found: Iterable[MeterDifference]) -> Iterator[bytes]:
    """One row per pair of readings that do not agree with the recorded vends; times are the site's."""
    rows = (
        (
            one.asset_no, one.boot_id, one.customer, one.customer_name, one.site, one.site_name, one.selection,
            one.board_id, one.seq_before, one.seq, site_time(one.before_at, one.zone),
            site_time(one.after_at, one.zone), one.zone, one.meter_before, one.meter, one.counted, one.recorded,
            one.unrecorded, one.missing,
        )
        for one in found
    )  # fmt: skip
    return csv_chunks(rows, METER_HEADER)


def silent_csv(found: Iterable[SilentMachine]) -> Iterator[bytes]:
    """One row per silent machine."""
    rows = (
        (
            one.asset_no, one.name, one.site, one.customer, site_time(one.last_vend_at, "UTC"), one.silent_hours,
            one.silent_after_hours,
        )
        for one in found
    )  # fmt: skip
    return csv_chunks(rows, SILENT_HEADER)

"""Portal data as it may be kept: the files as they came, every PIN blanked. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from tillflow.portal.read_sheet import Sheet, header_names, read_records
from tillflow.portal.tables import Table, table_of


def without_pins(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`files` for the archive. One in which PINs cannot be told from other values is left out."""
    kept = {}
    for name, content in files.items():
        table = table_of(name)
        if table is not None and (clean := _blanked(table, name, content)) is not None:
            kept[name] = clean
    return kept


def _blanked(table: Table, name: str, content: bytes) -> bytes | None:
    if not table.holds_secrets:
        return content
    sheet = Sheet(table, name)
    records = read_records(sheet, content)
    header = header_names(records[0][1]) if records else []
    known = {column.name for column in table.columns}
    is_regular = all(len(cells) == len(header) for _, cells in records)
    if sheet.errors or not is_regular or not known.issuperset(header) or len(set(header)) < len(header):
        return None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    written = 0
    for number, cells in records:
        # a blank row stays one, so that row numbers are those of the file as it came
        text.write("\r\n" * (number - written - 1))
        blank_pin = number != records[0][0] and "pin" in header
        writer.writerow("" if blank_pin and name == "pin" else cell for name, cell in zip(header, cells, strict=True))
        written = number
    return text.getvalue().encode()

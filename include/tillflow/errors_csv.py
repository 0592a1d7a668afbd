"""`errors.csv`: the rows of an import that wait, as a file that is corrected and uploaded again.

The original columns in their order, then where each row came from and what is wrong with it. A row of the corrected
file names by IMPORT and ROW the one that it replaces. The card token is left blank and has to be given again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tillflow.db.connection import Connection
from tillflow.exports.csv_cells import Cell, csv_chunks
from tillflow.import_rows import FileOfRows, ImportedRow, rows_waiting

ADDED: Final = ("ROW", "ERROR_CODE", "ERROR_COLUMN", "ERROR_REASON", "IMPORT")
_NOT_SENT_BACK: Final = {"card_token", "pin"}
_BETWEEN: Final = "; "


def errors_csv(conn: Connection, import_id: int, file: FileOfRows) -> Iterator[bytes]:
    """The file, in pieces as they are made: safe for spreadsheets, UTF-8 with BOM."""
    own = {name.lower() for name in ADDED}
    columns = [name for name in file.columns if name not in own]
    rows = rows_waiting(conn, import_id, file.kind)
    header = [*(name.upper() for name in columns), *ADDED]
    return csv_chunks((_cells(import_id, row, columns) for row in rows), header)


def _cells(import_id: int, row: ImportedRow, columns: list[str]) -> list[Cell]:
    fields = [None if name in _NOT_SENT_BACK else row.fields.get(name) for name in columns]
    reasons = [reason for reason in row.reasons if reason.column is not None]
    return [
        *fields,
        row.row_no,
        _BETWEEN.join(reason.code for reason in reasons),
        _BETWEEN.join((reason.column or "").upper() for reason in reasons),
        _BETWEEN.join(f"{reason.message}: {reason.action}" for reason in reasons),
        import_id,
    ]

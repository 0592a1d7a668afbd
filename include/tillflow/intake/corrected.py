"""A file may bring rows of an earlier import again, corrected: each names the row that it replaces.

The columns IMPORT and ROW of an `errors.csv` say which. Only a row that waits for a person, in the same channel, is
replaced, and not by an uploader who may not resolve; what other files write into columns of these names means nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from tillflow.db.connection import Connection
from tillflow.db.queries import beside, texts_beside
from tillflow.intake.judge import ImportRow

_SQL: Final = beside(__file__, "corrected.sql")
_ROWS: Final = texts_beside(__file__, "corrected.duckdb.sql")
#: as the archive calls them: the format knows no such columns
_COLUMNS: Final = frozenset({"extra.import", "extra.row"})
_LOCKED: Final = pa.schema([("exception_id", pa.int64()), ("import_id", pa.int32()), ("named_row", pa.int32())])


def read_unguarded(engine: duckdb.DuckDBPyConnection) -> None:
    """Where the file was made from an `errors.csv`, take its values for what they were before the export."""
    if _names_rows(engine):
        engine.execute(_ROWS["create_guarded"])
        engine.execute(_ROWS["create_unguarded"])


def put_aside_named(conn: Connection, engine: duckdb.DuckDBPyConnection, row: ImportRow) -> list[int]:
    """The exceptions that rows of `archived` correct, locked; the engine keeps which row corrects which."""
    if not _names_rows(engine):
        return []
    named = engine.sql(_ROWS["named_rows"]).to_arrow_table()
    locked = list(
        _SQL.lock_corrected(
            conn,
            import_ids=named["import_id"].to_pylist(),
            row_nos=named["named_row"].to_pylist(),
            channel_id=row.channel_id,
            uploader=row.uploader,
        )
    )
    if not locked:
        return []
    engine.register("named", named)
    engine.register("locked", pa.table(list(zip(*locked, strict=True)), schema=_LOCKED))
    engine.execute(_ROWS["create_corrections"])
    return [exception_id for exception_id, *_ in locked]


def supersede(conn: Connection, engine: duckdb.DuckDBPyConnection, row: ImportRow, *, now: datetime) -> None:
    """Close the exceptions that rows of this import correct, and link the import to the one they came with."""
    pairs = engine.sql(_ROWS["corrections"]).fetchall()
    exception_ids, row_nos = (list(part) for part in zip(*pairs, strict=True))
    _SQL.supersede(conn, exception_ids=exception_ids, row_nos=row_nos, import_id=row.id, actor=row.uploader, now=now)
    _SQL.set_parent(conn, import_id=row.id, exception_ids=exception_ids)


def _names_rows(engine: duckdb.DuckDBPyConnection) -> bool:
    return {name for name, *_ in engine.execute("describe archived").fetchall()} >= _COLUMNS

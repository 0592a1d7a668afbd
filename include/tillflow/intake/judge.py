"""What a kind of file brings to the booking: its layout, its rules, its queries, its portal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.intake.catalogue import Catalogue
from tillflow.intake.dialect import Layout


@dataclass(frozen=True)
class ImportRow:
    """The import as it is recorded."""

    id: int
    kind: Kind
    channel_id: int | None
    file_name: str
    uploader: str
    sha256: str
    received_at: datetime
    booked_at: datetime | None
    rejected_at: datetime | None
    archive_path: str | None
    reading: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """Rows that are kept beside the books: what `query` finds, of files that have `column`, goes to `table`."""

    column: str
    table: str
    query: str


@dataclass(frozen=True)
class Judge:
    """One kind of file. `queries` are DuckDB texts with the names that `booking` runs in order."""

    kind: Kind
    layout: Layout
    catalogue: Catalogue
    queries: Mapping[str, str]
    sales_table: str
    #: the code of a row that cannot be read; such a row is an exception even where it is not billable
    unreadable: str | None
    #: sets what the views read, before any row is looked at
    define: Callable[[Connection, duckdb.DuckDBPyConnection, ImportRow], None]
    #: hands the portal data that the rows of `parsed` speak of to the engine, as tables; without an import where
    #: rows of several are judged again
    load_portal: Callable[[Connection, duckdb.DuckDBPyConnection, ImportRow | None], None]
    #: whether a row may name the waiting row of an earlier import that it replaces
    takes_corrections: bool = False
    kept: tuple[Kept, ...] = ()

"""Named queries: SQL stands in .sql files beside the code that asks; parameters are always bound."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import aiosql


@cache
def load(path: Path, adapter: str = "psycopg") -> Any:
    """The queries of one .sql file as methods: `load(file).find_import(conn, id=7)`."""
    return aiosql.from_path(path, adapter)


def beside(module_file: str, name: str) -> Any:
    """`beside(__file__, "receive.sql")`: the named queries that stand beside a module."""
    return load(Path(module_file).with_name(name))


def texts_beside(module_file: str, name: str) -> dict[str, str]:
    """Query name -> SQL with `$parameter` marks, of a `.duckdb.sql` file beside a module.

    DuckDB's own calls are used to run them, for they return relations and Arrow, not rows.
    """
    queries = load(Path(module_file).with_name(name), "duckdb")
    return {query: getattr(queries, query).sql for query in queries.available_queries if not query.endswith("_cursor")}

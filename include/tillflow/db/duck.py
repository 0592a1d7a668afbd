"""DuckDB as the vectorised engine of the judge: embedded, bounded in memory, never on the network."""

from __future__ import annotations

from pathlib import Path

import duckdb


def open_engine(*, memory_mb: int, threads: int, temp_dir: Path) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory engine that spills to `temp_dir` above `memory_mb`.

    Extensions cannot be installed or loaded, so nothing is ever fetched. ICU is one of them, so zone
    names mean nothing here: instants come with an offset or are converted before.
    """
    temp_dir.mkdir(parents=True, exist_ok=True)
    return duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "threads": threads,
            "temp_directory": str(temp_dir),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )

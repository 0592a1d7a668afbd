"""The unit: plain COPY of the file into an unlogged, keyless table of text."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from bench.case import Figures, Given

_BLOCK = 1 << 20


def run(given: Given) -> Figures:
    with Path(given.file).open("rb") as file, psycopg.connect(given.database_url, autocommit=True) as conn:
        columns = ", ".join(f'"{name}" text' for name in file.readline().decode().strip().split(","))
        file.seek(0)
        conn.execute("create schema peer")
        conn.execute(f"create unlogged table peer.raw ({columns})")
        started = time.perf_counter()
        cursor = conn.cursor()
        with cursor.copy("copy peer.raw from stdin (format csv, header match)") as copy:
            while block := file.read(_BLOCK):
                copy.write(block)
        seconds = time.perf_counter() - started
        assert cursor.rowcount == given.rows, f"{cursor.rowcount} rows arrived"
    return Figures(seconds, {"copy": seconds})

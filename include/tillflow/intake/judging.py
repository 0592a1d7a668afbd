"""Run the judge over the archived rows of an import, inside the engine; PostgreSQL gives keys and portal data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from tillflow.db import bulk
from tillflow.db.connection import Connection
from tillflow.db.queries import beside, texts_beside
from tillflow.intake.corrected import put_aside_named, read_unguarded
from tillflow.intake.judge import ImportRow, Judge
from tillflow.money import EXPONENTS

_SQL: Final = beside(__file__, "book.sql")
_ROWS: Final = texts_beside(__file__, "rows.duckdb.sql")
_PARSERS: Final = texts_beside(__file__, "parse.duckdb.sql")
#: a machine's clock may run this much ahead of ours (domain 3.2)
CLOCK_TOLERANCE: Final = timedelta(minutes=10)
_STREAMS: Final = pa.schema(
    [("owner", pa.string()), ("part", pa.string()), ("stream_id", pa.int32()), ("high_water", pa.int64())]
)
_RECORDED: Final = pa.schema([("stream_id", pa.int32()), ("seq", pa.int64()), ("content_hash", pa.int64())])


def judge_rows(
    conn: Connection,
    engine: duckdb.DuckDBPyConnection,
    judge: Judge,
    row: ImportRow,
    archive: Path,
    *,
    corrected: Sequence[int] = (),
) -> list[int]:
    """Leave the engine with `judged` (a table) and `verdicts` (a view): one row per row of the import.

    Locks the streams of the rows, so that two imports of the same machine follow each other. Exceptions that the rows
    correct, by `corrected` or because they name them, do not stand in their way; returns their numbers.
    """
    _define(engine, judge, row, archive)
    if judge.takes_corrections:
        read_unguarded(engine)
    judge.define(conn, engine, row)
    engine.execute(judge.queries["create_parsed"])
    _lock_streams(conn, engine, judge)
    judge.load_portal(conn, engine, row)
    _judge(engine, judge)
    aside = [*corrected, *(put_aside_named(conn, engine, row) if judge.takes_corrections else ())]
    _compare_with_the_books(conn, engine, aside)
    engine.execute(judge.queries["create_verdicts"].replace("{standing_mask}", judge.catalogue.mask("standing")))
    return aside


def judge_again(
    conn: Connection, engine: duckdb.DuckDBPyConnection, judge: Judge, rows: pa.Table
) -> pa.RecordBatchReader:
    """Judge rows of many imports against the portal data of today, by the rules and queries of their import.

    `rows`: exception_id, raw (JSON as archived), latest_vend_us. Only for kinds whose facts need nothing of the
    import itself. Returns a row each: exception_id, judged (codes), and what was found. Locks nothing.
    """
    engine.register("given", rows)
    _define_rules(engine, judge)
    columns = {name: "varchar" for name in judge.layout.known if name != "pin"} | {"pin_hash": "uuid"}
    engine.execute(_ROWS["create_archived_again"].replace("{columns}", json.dumps(columns)))
    engine.register("streams", _STREAMS.empty_table())
    engine.execute(judge.queries["create_parsed"])
    judge.load_portal(conn, engine, None)
    _judge(engine, judge)
    return engine.sql(_ROWS["judged_again"]).to_arrow_reader()


def set_variables(engine: duckdb.DuckDBPyConnection, variables: dict[str, Any]) -> None:
    """Set what the queries read with `getvariable`: a view takes no parameters."""
    for name, value in variables.items():
        engine.execute(f"set variable {name} = $1", [value])


def _judge(engine: duckdb.DuckDBPyConnection, judge: Judge) -> None:
    for name in ("create_facts", "create_judged"):
        engine.execute(judge.queries[name].replace("{facts_mask}", judge.catalogue.mask("facts")))


def define_words(engine: duckdb.DuckDBPyConnection) -> None:
    """Give the engine what `create_parsed` reads values with: the parsers, and the currencies."""
    engine.register(
        "currencies", pa.table({"code": list(EXPONENTS), "exponent": pa.array(EXPONENTS.values(), pa.int32())})
    )
    engine.execute(_PARSERS["create_parsers"])


def _define_rules(engine: duckdb.DuckDBPyConnection, judge: Judge) -> None:
    catalogue = judge.catalogue
    set_variables(
        engine,
        {
            "rule_codes": [rule.code for rule in catalogue.rules],
            "critical": catalogue.critical_bits,
            "unreadable": catalogue.bits(judge.unreadable) if judge.unreadable else 0,
        },
    )
    define_words(engine)
    engine.execute(_ROWS["create_reason_macro"])


def _define(engine: duckdb.DuckDBPyConnection, judge: Judge, row: ImportRow, archive: Path) -> None:
    first_row = int(row.reading["first_row"])
    blank_rows = list(row.reading.get("blank_rows", ()))
    set_variables(
        engine,
        {
            "archive": str(archive),
            "first_row": first_row,
            # the k-th blank row stands behind this many rows of data
            "blank_behind": [blank - first_row - k for k, blank in enumerate(blank_rows)],
            "now": row.received_at,
            "now_us": round(row.received_at.timestamp() * 1_000_000),
            "latest_vend": row.received_at + CLOCK_TOLERANCE,
        },
    )
    _define_rules(engine, judge)
    engine.execute(_ROWS["create_archived"])


def _lock_streams(conn: Connection, engine: duckdb.DuckDBPyConnection, judge: Judge) -> None:
    seen = engine.sql(judge.queries["streams_seen"]).to_arrow_table()
    names: dict[str, Any] = {
        "kind": judge.kind.value,
        "owners": seen["owner"].to_pylist(),
        "parts": seen["part"].to_pylist(),
    }
    _SQL.add_streams(conn, **names)
    locked = list(_SQL.lock_streams(conn, **names))
    owners, parts, ids, marks = zip(*locked, strict=True) if locked else ((), (), (), ())
    engine.register("streams", pa.table([owners, parts, ids, marks], schema=_STREAMS))


def _compare_with_the_books(conn: Connection, engine: duckdb.DuckDBPyConnection, corrected: Sequence[int]) -> None:
    """Only rows that might have been seen before are looked up; most files hold none."""
    recorded = _RECORDED.empty_table()
    engine.execute(_ROWS["create_repeated"])
    engine.execute(_ROWS["create_suspect_rows"])
    suspects = engine.sql(_ROWS["suspects"]).to_arrow_table()
    if suspects.num_rows:
        _SQL.create_suspect_table(conn)
        bulk.write(conn, "suspect", suspects.to_reader())
        _SQL.analyze_suspects(conn)
        recorded = bulk.read(conn, _SQL.recorded.sql, _RECORDED, {"corrected": list(corrected)})
    engine.register("recorded", recorded)
    engine.execute(_ROWS["create_standing"])
    engine.execute(_ROWS["create_placed"])

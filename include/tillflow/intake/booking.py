"""Book one import: judge its archived rows, let the gate decide, write them, prove the balance, commit.

Everything happens in one transaction over one snapshot, so a task that dies leaves nothing behind and
a task that runs twice finds the import booked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import psycopg
import pyarrow.parquet as pq
from psycopg import Rollback
from psycopg.rows import class_row

from tillflow.clock import Clock
from tillflow.db import bulk
from tillflow.db.connection import Connection, repeatable
from tillflow.db.duck import open_engine
from tillflow.db.queries import beside, texts_beside
from tillflow.errors import FileError, FileRefusedError, TillflowError
from tillflow.intake.balance import balance_enforced, balance_of
from tillflow.intake.corrected import supersede
from tillflow.intake.gate import Check
from tillflow.intake.judge import ImportRow, Judge
from tillflow.intake.judging import judge_rows
from tillflow.intake.refused import move_to_refused
from tillflow.intake.stopwatch import Stopwatch
from tillflow.intake.storage import Storage
from tillflow.intake.verdict_gate import Evidence, file_errors, gather_evidence, run_gate
from tillflow.settings import Settings

_SQL: Final = beside(__file__, "book.sql")
_ROWS: Final = texts_beside(__file__, "rows.duckdb.sql")
_BATCH: Final = 65_536

log = logging.getLogger(__name__)


class NoSuchImportError(TillflowError):
    """There is no import with this number."""


@dataclass(frozen=True)
class Booked:
    """What became of an import. `balance`: one row per currency, as in intake.balance."""

    import_id: int
    was_booked_before: bool
    balance: tuple[Mapping[str, Any], ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class _Tools:
    conn: Connection
    engine: duckdb.DuckDBPyConnection
    judge: Judge
    clock: Clock
    watch: Stopwatch


def book_import(
    conn: Connection, import_id: int, judge: Judge, *, storage: Storage, settings: Settings, clock: Clock
) -> Booked:
    """Book import `import_id`, once; a second call reports what the first did.

    Raises FileRefusedError when the rules refuse the file as a whole; the refusal is recorded.
    """
    with open_engine(
        memory_mb=settings.duckdb_memory_mb, threads=settings.duckdb_threads, temp_dir=settings.temp_dir
    ) as engine:
        tools = _Tools(conn, engine, judge, clock, Stopwatch())
        with balance_enforced():
            row = repeatable(conn, lambda: _book(tools, import_id, storage, settings.temp_dir))
        refused = [FileError(*error) for error in _SQL.file_errors(conn, import_id=import_id)]
        if refused:
            # Also after a task that died between the refusal and this: the archive keeps what was taken.
            move_to_refused(engine, storage, settings, row, refused)
    if refused:
        error = FileRefusedError(row.file_name, refused)
        error.import_id = import_id
        raise error
    log.info("import %s booked: %s", import_id, {k: round(v, 2) for k, v in tools.watch.seconds.items()})
    return Booked(import_id, row.booked_at is not None, balance_of(conn, import_id), tools.watch.seconds)


def _book(tools: _Tools, import_id: int, storage: Storage, temp_dir: Path) -> ImportRow:
    """The transaction. Returns the import as it stood before."""
    row = _lock_import(tools.conn, import_id)
    if row.booked_at or row.rejected_at or row.archive_path is None:
        return row
    if row.kind != tools.judge.kind:
        raise TillflowError(f"import {import_id} is {row.kind}, not {tools.judge.kind}")
    with storage.local_copy(row.archive_path, temp_dir) as archive:
        with tools.watch.step("judge"):
            corrected = judge_rows(tools.conn, tools.engine, tools.judge, row, archive)
        staged, now = pq.read_metadata(archive).num_rows, tools.clock()
        # The database writes the sales while this process decides: together as long as the longer of the two.
        with ThreadPoolExecutor(1, "gate") as beside:
            gate = beside.submit(_decide, tools, _evidence(tools, row, staged))
            with tools.watch.step("write"):
                errors = _write_sales(tools, row, gate, now)
        with tools.watch.step("write"):
            if errors:
                _refuse(tools, row, errors, now)
            else:
                _write_rest(tools, row, now)
                if corrected:
                    supersede(tools.conn, tools.engine, row, now=now)
    return row


def _lock_import(conn: Connection, import_id: int) -> ImportRow:
    with conn.cursor(row_factory=class_row(ImportRow)) as cursor:
        row = cursor.execute(_SQL.lock_import.sql, {"import_id": import_id}).fetchone()
    if row is None:
        raise NoSuchImportError(f"there is no import {import_id}")
    return row


def _evidence(tools: _Tools, row: ImportRow, staged: int) -> Evidence:
    limit = _SQL.max_row_errors(tools.conn, channel_id=row.channel_id)
    with tools.watch.step("gate"):
        return gather_evidence(tools.engine, tools.judge, rows=staged, seed=row.sha256, max_row_errors=limit)


def _decide(tools: _Tools, evidence: Evidence) -> list[Check]:
    with tools.watch.step("gate, beside the write"):
        return run_gate(tools.judge, evidence)


def _write_sales(tools: _Tools, row: ImportRow, gate: Future[list[Check]], now: datetime) -> list[FileError]:
    """Append the sales before the gate has decided; what it refuses is taken back. Returns why it refuses."""
    try:
        with tools.conn.transaction():
            _copy(tools, tools.judge.sales_table, tools.judge.queries["sales"], row, now=now)
            errors = file_errors(tools.judge, gate.result())
            if errors:
                raise Rollback
    except psycopg.Error:
        gate.result()  # a judge that lets the unbookable pass is the better reason, and raised here
        raise
    _record_checks(tools.conn, row.id, gate.result())
    return errors


def _write_rest(tools: _Tools, row: ImportRow, now: datetime) -> None:
    """Append everything else to the books; the triggers prove the balance when the transaction commits."""
    _copy(tools, "intake.transaction", _ROWS["transactions"], row, json_columns=("raw",))
    _copy(tools, "books.exception", tools.judge.queries["exceptions"], row, now=now)
    _copy(tools, "intake.balance", _ROWS["balance"], row)
    sent = tools.engine.sql("from archived").columns
    for kept in tools.judge.kept:
        if kept.column in sent:
            _copy(tools, kept.table, tools.judge.queries[kept.query], row)
    waters = tools.engine.sql(_ROWS["high_waters"]).to_arrow_table()
    _SQL.raise_high_waters(tools.conn, ids=waters["stream_id"].to_pylist(), marks=waters["high_water"].to_pylist())
    _SQL.mark_booked(tools.conn, import_id=row.id, at=now)
    _SQL.add_event(tools.conn, at=now, actor=row.uploader, import_id=row.id, action="booked", reason=None, after=None)


def _copy(
    tools: _Tools, table: str, query: str, row: ImportRow, *, now: Any = None, json_columns: tuple[str, ...] = ()
) -> None:
    parameters = {"import_id": row.id} | ({"recorded_at": now} if now else {})
    relation = tools.engine.sql(query, params=parameters)
    bulk.write(tools.conn, table, relation.to_arrow_reader(_BATCH), json=json_columns)


def _record_checks(conn: Connection, import_id: int, checks: Sequence[Check]) -> None:
    _SQL.add_checks(
        conn,
        [
            {"import_id": import_id, "failing_rows": list(check.failing_rows)}
            | {name: getattr(check, name) for name in Check.__dataclass_fields__ if name != "failing_rows"}
            for check in checks
        ],
    )


def _refuse(tools: _Tools, row: ImportRow, errors: Sequence[FileError], now: datetime) -> None:
    """Nothing of the file is booked: every row read is a row rejected."""
    record_file_errors(tools.conn, row.id, errors)
    _copy(tools, "intake.balance", _ROWS["balance_of_refused"], row)
    _SQL.mark_rejected(tools.conn, import_id=row.id, at=now)
    _SQL.add_event(
        tools.conn,
        at=now,
        actor=row.uploader,
        import_id=row.id,
        action="refused",
        reason=f"{len(errors)} file errors",
        after=json.dumps({"first": errors[0].code}),
    )


def record_file_errors(conn: Connection, import_id: int, errors: Sequence[FileError]) -> None:
    """Keep why a file was refused, in the order in which a person reads it."""
    _SQL.add_file_errors(
        conn,
        [
            {
                "import_id": import_id,
                "position": position,
                "code": error.code,
                "row_no": error.row,
                "column_name": error.column,
                "message": f"{error.file}: {error.message}" if error.file else error.message,
            }
            for position, error in enumerate(errors, 1)
        ],
    )

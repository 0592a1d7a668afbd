"""Correct a row that waits and judge it again: by the judge of the import, as of now.

The row stays as it arrived; what a person changes is kept beside it. What breaks no rule any more is a sale in the
same transaction; else every reason that is left is told with its field, and the correction is kept all the same.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import IsolationLevel
from psycopg.rows import class_row

from tillflow.db import bulk
from tillflow.db.connection import Connection, repeatable
from tillflow.db.duck import open_engine
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake import booking
from tillflow.intake.balance import balance_enforced
from tillflow.intake.card_numbers import holds_card_number
from tillflow.intake.judge import ImportRow
from tillflow.intake.judging import judge_rows
from tillflow.offline_sales.judge import CATALOGUE, LAYOUT, make_judge
from tillflow.settings import Settings

_SQL: Final = beside(__file__, "resolve.sql")
_BOOK: Final = beside(booking.__file__, "book.sql")
_HIDDEN: Final = "card_token"
#: what stands for a card token wherever a person reads
MASK: Final = "[card token]"
_LONGEST: Final = 1_000


class NotWaitingError(TillflowError):
    """The row waits for nobody (any more); nothing was changed."""


class ChangedMeanwhileError(TillflowError):
    """Somebody else has corrected the row since it was read; nothing was changed."""


class BadCorrectionError(TillflowError):
    """A field is none of this file's, or may not be kept; nothing was changed. `column`: which one."""

    def __init__(self, column: str | None, message: str) -> None:
        self.column = column
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One reason why the row is no sale, at its field; `column` is lower case, as the field's name."""

    code: str
    column: str
    title: str
    message: str
    action: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What came of it: a sale, or what is left. `corrections`: how many the row has, for the next one to name."""

    is_sale: bool
    errors: tuple[FieldError, ...]
    corrections: int


@dataclass(frozen=True)
class _Attempt:
    conn: Connection
    engine: duckdb.DuckDBPyConnection
    settings: Settings
    import_id: int
    row_no: int
    actor: str
    now: datetime
    expected: int | None


def resolve(
    conn: Connection,
    import_id: int,
    row_no: int,
    fields: Mapping[str, str | None],
    *,
    settings: Settings,
    actor: str,
    now: datetime,
    expected: int | None = None,
    preview: bool = False,
) -> Resolution:
    """Correct `fields` (by column, any case; blank or None empties one) of a waiting row and judge it as of `now`.

    `expected`: how many corrections the person has seen, where they have. `preview` keeps nothing. Raises
    NotWaitingError, ChangedMeanwhileError, BadCorrectionError.
    """
    changed = _checked(fields)
    with open_engine(
        memory_mb=settings.duckdb_memory_mb, threads=settings.duckdb_threads, temp_dir=settings.temp_dir
    ) as engine:
        attempt = _Attempt(conn, engine, settings, import_id, row_no, actor, now, expected)
        with balance_enforced():
            if not preview:
                return repeatable(conn, lambda: _resolve(attempt, changed))
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            try:
                with conn.transaction(force_rollback=True):
                    found = _resolve(attempt, changed)
                    _SQL.check_constraints_now(conn)
                    return found
            finally:
                conn.isolation_level = None


def errors_of(codes: list[str]) -> tuple[FieldError, ...]:
    """What reasons mean, in the order of the rules; a reason that speaks of several columns stands once each."""
    return tuple(_error(rule) for rule in CATALOGUE.rules if rule.code in codes)


def _checked(fields: Mapping[str, str | None]) -> dict[str, str | None]:
    """The fields by the columns of the format. What must not be kept is refused before anything is."""
    changed: dict[str, str | None] = {}
    for name, value in fields.items():
        text = (value or "").strip(" \t\xa0")
        if holds_card_number(name) or holds_card_number(text):
            column = name.lower() if name.lower() in LAYOUT.known else None
            raise BadCorrectionError(
                column, "there is a card number in it: take the gateway's token of the card, never the number"
            )
        column = name.strip().lower()
        if column not in LAYOUT.known:
            raise BadCorrectionError(None, "there is no such column in a file of offline sales")
        if len(text) > _LONGEST or "\0" in text:
            raise BadCorrectionError(column, f"{column.upper()} is longer than {_LONGEST} characters, or no text")
        changed[column] = text or None
    return changed


def _resolve(attempt: _Attempt, changed: Mapping[str, str | None]) -> Resolution:
    conn, import_id, row_no = attempt.conn, attempt.import_id, attempt.row_no
    row = _lock_import(conn, import_id)
    found = _SQL.lock_exception(conn, import_id=import_id, row_no=row_no)
    if row is None or found is None:
        raise NotWaitingError(f"{import_id}-{row_no} is no row that waits to be resolved")
    exception_id, state, currency, minor, _ = found
    if state != "open":
        raise NotWaitingError(f"{import_id}-{row_no} waits no more: somebody has closed it, and it is {state}")
    raw, corrections = _SQL.row_as_it_stands(conn, import_id=import_id, row_no=row_no)
    raw.pop("number", None)  # of the row; a column of that name in the file is `extra.number`
    if attempt.expected is not None and attempt.expected != len(corrections):
        raise ChangedMeanwhileError(f"{import_id}-{row_no} was corrected by somebody else meanwhile: look at it again")
    for correction in corrections:
        raw |= correction
    after = {name: value for name, value in changed.items() if (raw.get(name) or None) != value}
    _judge(attempt, row, raw | after, exception_id)
    if after:
        _keep(attempt, exception_id, {name: raw.get(name) for name in after}, after, len(corrections) + 1)
    errors = _errors(attempt.engine)
    if errors:
        _SQL.keep_waiting(conn, id=exception_id, reasons=sorted({error.code for error in errors}))
    else:
        _become_sale(attempt, exception_id, currency, minor)
    return Resolution(not errors, errors, len(corrections) + bool(after))


def _lock_import(conn: Connection, import_id: int) -> ImportRow | None:
    with conn.cursor(row_factory=class_row(ImportRow)) as cursor:
        return cursor.execute(_BOOK.lock_import.sql, {"import_id": import_id}).fetchone()


def _judge(attempt: _Attempt, row: ImportRow, raw: Mapping[str, str | None], exception_id: int) -> None:
    """As a file of one row that came now; the row that waits does not stand in its own way."""
    arrived_now = replace(row, received_at=attempt.now, reading={"first_row": attempt.row_no})
    judge = replace(make_judge(attempt.settings.default_country), takes_corrections=False)
    with tempfile.TemporaryDirectory(prefix="resolve-", dir=attempt.settings.temp_dir) as folder:
        archive = Path(folder) / "row.parquet"
        pq.write_table(pa.table({name: pa.array([value], pa.string()) for name, value in raw.items()}), archive)
        judge_rows(attempt.conn, attempt.engine, judge, arrived_now, archive, corrected=[exception_id])
        # `archived` is a view of the file, and the sale is read through it
        attempt.engine.execute("create or replace table resolved_row as from archived")
        attempt.engine.execute("create or replace view archived as from resolved_row")


def _errors(engine: duckdb.DuckDBPyConnection) -> tuple[FieldError, ...]:
    ((verdict, reasons),) = engine.execute("select verdict, reasons from verdicts").fetchall()
    if verdict == "duplicate":
        (rule,) = [rule for rule in CATALOGUE.rules if rule.code == "order_conflict"]
        message = "this order is recorded already, with the same content"
        return (FieldError(rule.code, rule.column, rule.title, message, "abandon the row, or give it its own number"),)
    return tuple(_error(rule) for rule in CATALOGUE.rules if reasons >> rule.bit & 1)


def _error(rule: Any) -> FieldError:
    return FieldError(rule.code, rule.column, rule.title, rule.message, rule.action)


def _keep(
    attempt: _Attempt, exception_id: int, before: Mapping[str, Any], after: Mapping[str, Any], number: int
) -> None:
    """The correction, and its line in the history: the line shows no token, the old one is kept nowhere twice."""
    shown_before, shown_after = json.dumps(masked(before)), json.dumps(masked(after))
    _SQL.add_correction(
        attempt.conn, import_id=attempt.import_id, row_no=attempt.row_no, correction_no=number, now=attempt.now,
        actor=attempt.actor, before=shown_before, after=json.dumps(after),
    )  # fmt: skip
    _record(attempt, exception_id, "corrected", shown_before, shown_after)


def masked(fields: Mapping[str, str | None]) -> dict[str, str | None]:
    """The fields as a person may see them."""
    return {name: MASK if name == _HIDDEN and value else value for name, value in fields.items()}


def _become_sale(attempt: _Attempt, exception_id: int, currency: str, minor: int) -> None:
    conn, import_id, row_no = attempt.conn, attempt.import_id, attempt.row_no
    judge = make_judge(attempt.settings.default_country)
    sale = attempt.engine.sql(judge.queries["sales"], params={"import_id": import_id, "recorded_at": attempt.now})
    bulk.write(conn, judge.sales_table, sale.to_arrow_reader())
    _SQL.close_as_sale(conn, id=exception_id, now=attempt.now)
    _SQL.leave_exceptions(conn, import_id=import_id, currency=currency, minor=minor)
    _SQL.join_sales(conn, import_id=import_id, row_no=row_no)
    _SQL.raise_high_water(conn, import_id=import_id, row_no=row_no)
    _record(attempt, exception_id, "resolved", None, None)


def _record(attempt: _Attempt, exception_id: int, action: str, before: str | None, after: str | None) -> None:
    _SQL.record(
        attempt.conn, now=attempt.now, actor=attempt.actor, exception_id=exception_id, action=action, reason=None,
        before=before, after=after,
    )  # fmt: skip

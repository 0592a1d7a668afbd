"""From the judge's tables to the frames that Great Expectations judges, and back to checks and file errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from tillflow.db.queries import texts_beside
from tillflow.errors import FileError
from tillflow.intake import gate
from tillflow.intake.catalogue import Catalogue
from tillflow.intake.gate import MAX_LISTED, Check, GateError
from tillflow.intake.judge import Judge

if TYPE_CHECKING:
    import pandas as pd

_SQL: Final = texts_beside(__file__, "verdict_gate.duckdb.sql")
#: files up to this many rows are checked natively whole, larger ones by a sample of this size
SAMPLE_ROWS: Final = 10_000


def run_gate(
    engine: duckdb.DuckDBPyConnection, judge: Judge, *, rows: int, seed: str, max_row_errors: int | None
) -> list[Check]:
    """All checks of an import whose rows are judged. Raises GateError where judge and checks disagree."""
    rules = judge.catalogue.rules
    frame = _frame(judge.catalogue, engine.sql(_SQL["masks"]).to_arrow_table())
    failing = frame[frame["in_error"] == 1].head(MAX_LISTED)
    checks = gate.check_verdicts(rules, frame, failing, rows=rows, max_row_errors=max_row_errors)
    return checks + _native_checks(engine, judge, rows, seed)


def file_errors(judge: Judge, checks: Sequence[Check]) -> list[FileError]:
    """Every row that breaks a critical rule, or the one threshold that was crossed, as the operator reads it."""
    by_name = {rule.name: rule for rule in judge.catalogue.rules}
    errors = []
    for check in checks:
        if not check.refuses_the_file:
            continue
        rule = by_name.get(check.rule)
        if rule is None:
            errors.append(_threshold_error(check))
        else:
            errors += [
                FileError(rule.code, f"{rule.message}; {rule.action}", row, rule.column.upper())
                for row in check.failing_rows
            ]
    return sorted(errors, key=lambda error: (error.row or 0, error.code))


def _threshold_error(check: Check) -> FileError:
    if check.rule != "too_many_row_errors":
        # The remaining table checks cannot fail unless the judge lost or repeated a row.
        raise GateError(f"the judge is broken: {check.rule} does not hold for {check.evaluated} rows")
    text = f"{check.evaluated} rows are in error, more than the channel allows; correct them and upload again"
    return FileError(check.rule, text)


def _frame(catalogue: Catalogue, masks: pa.Table) -> pd.DataFrame:
    """row_no, in_error and one 0/1 column per rule; a byte a cell, for a file has millions of rows."""
    import pandas as pd  # a DAG file is parsed every few seconds and must not pay for it

    mask = masks["reasons"].to_numpy()
    columns = {"row_no": masks["row_no"].to_numpy(), "in_error": (mask != 0).astype("int8")}
    columns |= {rule.name: ((mask >> rule.bit) & 1).astype("int8") for rule in catalogue.rules}
    return pd.DataFrame(columns, copy=False)


def _native_checks(engine: duckdb.DuckDBPyConnection, judge: Judge, rows: int, seed: str) -> list[Check]:
    has_all_rows = rows <= SAMPLE_ROWS
    frame = engine.sql(_SQL["sampled_texts"], params={"seed": seed, "rows": SAMPLE_ROWS}).df()
    rules = [rule for rule in judge.catalogue.rules if rule.natives]
    checks = gate.check_natively(rules, frame, has_all_rows=has_all_rows)
    numbers, broken = frame["row_no"].to_numpy(), frame["broken"].to_numpy()
    judged = {rule.name: set(numbers[(broken >> rule.bit) & 1 == 1].tolist()) for rule in rules if rule.over == "facts"}
    repeated = set(numbers[frame["is_repeated"].to_numpy()].tolist())
    judged |= {rule.name: repeated for rule in rules if rule.over == "standing"}
    if differences := gate.disagreements(checks, judged):
        raise GateError("Great Expectations and the judge disagree: " + "; ".join(differences))
    return checks

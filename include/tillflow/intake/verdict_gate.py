"""From the judge's tables to the frames that Great Expectations judges, and back to checks and file errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from tillflow.db.queries import texts_beside
from tillflow.errors import FileError
from tillflow.intake import gate
from tillflow.intake.catalogue import Catalogue
from tillflow.intake.gate import MAX_LISTED, OF_THE_TABLE, Check, GateError
from tillflow.intake.judge import Judge

if TYPE_CHECKING:
    import pandas as pd

_SQL: Final = texts_beside(__file__, "verdict_gate.duckdb.sql")
#: files up to this many rows are checked natively whole, larger ones by a sample of this size
SAMPLE_ROWS: Final = 10_000
#: the verdicts of a larger file are judged in slices of this size
SLICE_ROWS: Final = 500_000


@dataclass(frozen=True)
class Evidence:
    """What the gate judges, taken out of the engine so that it can decide while the engine goes on."""

    #: row_no and reasons (a bit per rule) of all rows, by row_no
    masks: pa.Table
    #: the texts of a sample, and what the judge made of them
    sample: pd.DataFrame
    #: how many rows were staged
    rows: int
    #: how many rows in error the channel allows
    max_row_errors: int | None


def gather_evidence(
    engine: duckdb.DuckDBPyConnection, judge: Judge, *, rows: int, seed: str, max_row_errors: int | None
) -> Evidence:
    """The evidence of an import whose rows are judged."""
    masks = engine.sql(_SQL["masks"]).to_arrow_table()
    sample = engine.sql(_SQL["sampled_texts"], params={"seed": seed, "rows": SAMPLE_ROWS}).df()
    return Evidence(masks, sample, rows, max_row_errors)


def run_gate(judge: Judge, evidence: Evidence) -> list[Check]:
    """All checks of an import. Raises GateError where judge and checks disagree."""
    return merged(_verdict_checks(judge, evidence)) + _native_checks(judge, evidence)


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


def _verdict_checks(judge: Judge, evidence: Evidence) -> Iterator[list[Check]]:
    """The checks of each slice. Slices hold the memory that Great Expectations takes, whatever the file's size."""
    rows_left, errors_left, last_row = evidence.rows, evidence.max_row_errors, 0
    for offset in range(0, max(evidence.masks.num_rows, 1), SLICE_ROWS):
        frame = _frame(judge.catalogue, evidence.masks.slice(offset, SLICE_ROWS))
        if len(frame) and frame["row_no"].iloc[0] <= last_row:  # within a slice, Great Expectations looks
            raise GateError(f"the judge is broken: row {last_row} has two verdicts")
        is_last = offset + SLICE_ROWS >= evidence.masks.num_rows
        yield gate.check_verdicts(
            judge.catalogue.rules,
            frame,
            # what the slices before have not used up: too few or too many rows show in the last one
            rows=rows_left if is_last else len(frame),
            max_row_errors=errors_left,
        )
        rows_left -= len(frame)
        if errors_left is not None:
            errors_left = max(0, errors_left - int(frame["in_error"].sum()))
        last_row = int(frame["row_no"].iloc[-1]) if len(frame) else last_row


def merged(slices: Iterable[Sequence[Check]]) -> list[Check]:
    """The checks of the whole file out of those of its slices: failed where one failed, counted together."""
    whole: dict[tuple[str, str], Check] = {}
    for check in chain.from_iterable(slices):
        key = (check.rule, check.expectation)
        whole[key] = _added(whole[key], check) if key in whole else check
    return list(whole.values())


def _added(one: Check, other: Check) -> Check:
    failed = (one.failed, other.failed)
    return replace(
        one,
        success=one.success and other.success,
        evaluated=one.evaluated + other.evaluated,
        failed=max(failed) if one.rule in OF_THE_TABLE else sum(failed),
        failing_rows=(one.failing_rows + other.failing_rows)[:MAX_LISTED],
    )


def _native_checks(judge: Judge, evidence: Evidence) -> list[Check]:
    frame, has_all_rows = evidence.sample, evidence.rows <= SAMPLE_ROWS
    rules = [rule for rule in judge.catalogue.rules if rule.natives]
    checks = gate.check_natively(rules, frame, has_all_rows=has_all_rows)
    numbers, broken = frame["row_no"].to_numpy(), frame["broken"].to_numpy()
    judged = {rule.name: set(numbers[(broken >> rule.bit) & 1 == 1].tolist()) for rule in rules if rule.over == "facts"}
    repeated = set(numbers[frame["is_repeated"].to_numpy()].tolist())
    judged |= {rule.name: repeated for rule in rules if rule.over == "standing"}
    if differences := gate.disagreements(checks, judged):
        raise GateError("Great Expectations and the judge disagree: " + "; ".join(differences))
    return checks

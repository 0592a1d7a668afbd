"""Great Expectations as the gate: it judges the verdicts of every row, and the judge itself on a sample.

The only module that imports it, and only when a file is booked: the import takes seconds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tillflow.errors import TillflowError
from tillflow.intake.catalogue import Native, Rule, Severity

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult

#: no more failing rows than this are listed for a rule; the count is always exact
MAX_LISTED: Final = 100_000
#: checks of a whole table, which fail once and not by the row
OF_THE_TABLE: Final = frozenset({"every_row_is_judged", "too_many_row_errors"})
#: sets are compared without case: the column of that name holds the lower-case text
LOWER_CASE: Final = "lower_case."


class GateError(TillflowError):
    """A check could not be carried out, or the judge and Great Expectations disagree: our defect."""


@dataclass(frozen=True)
class Check:
    """What one expectation said."""

    suite: str
    rule: str
    expectation: str
    severity: str
    mostly: float
    success: bool
    evaluated: int
    failed: int
    failing_rows: tuple[int, ...]

    @property
    def refuses_the_file(self) -> bool:
        """Whether this check alone keeps the file out of the books."""
        return not self.success and self.severity == Severity.CRITICAL


def check_verdicts(
    rules: Sequence[Rule],
    frame: pd.DataFrame,
    *,
    rows: int,
    max_row_errors: int | None,
) -> list[Check]:
    """Judge every row's verdict, of a whole file or of a slice of it.

    `frame`: row_no and one 0/1 column per rule (1: broken).
    `rows`: how many were staged, so that an empty or short frame cannot pass.
    """
    import great_expectations.expectations as gxe

    def expect_unbroken(rule: Rule) -> Any:
        return gxe.ExpectColumnValuesToBeInSet(
            column=rule.name, value_set=[0], severity=rule.severity.value, meta={"rule": rule.name}
        )

    table = [
        gxe.ExpectTableRowCountToEqual(value=rows, severity="critical", meta={"rule": "every_row_is_judged"}),
        gxe.ExpectColumnValuesToBeUnique(column="row_no", severity="critical", meta={"rule": "row_is_judged_once"}),
    ]
    if max_row_errors is not None:
        table.append(
            gxe.ExpectColumnSumToBeBetween(
                column="in_error", max_value=max_row_errors, severity="critical", meta={"rule": "too_many_row_errors"}
            )
        )
    return _run("verdicts", [*table, *map(expect_unbroken, rules)], frame)


def check_natively(rules: Sequence[Rule], frame: pd.DataFrame, *, has_all_rows: bool) -> list[Check]:
    """Judge the text of rows by patterns, sets, lengths and uniqueness.

    `frame`: row_no, stream_id, seq, and the trimmed text of the columns that rules speak of.
    """
    sets = {rule.column for rule in rules for native in rule.natives if native.form == "in_set"}
    frame = frame.assign(
        **{f"{LOWER_CASE}{column}": frame[column].str.lower() for column in sets.intersection(frame.columns)}
    )
    expectations = [
        expectation
        for rule in rules
        for native in rule.natives
        if (rule.column in frame.columns or native.form == "unique") and (has_all_rows or native.form != "unique")
        for expectation in [_native(rule, native)]
    ]
    return _run("native", expectations, frame) if expectations else []


def disagreements(checks: Iterable[Check], judged: dict[str, set[int]]) -> list[str]:
    """Rules for which Great Expectations and the judge name different rows of the same sample.

    `judged`: rule name -> the sample's rows that the judge found broken.
    """
    native: dict[str, set[int]] = {}
    for check in checks:
        native.setdefault(check.rule, set()).update(check.failing_rows)
    return [
        f"{rule}: rows {sorted(rows ^ judged.get(rule, set()))[:10]}"
        for rule, rows in native.items()
        if rows != judged.get(rule, set())
    ]


def _native(rule: Rule, native: Native) -> Any:
    import great_expectations.expectations as gxe

    common: dict[str, Any] = {"severity": "warning", "meta": {"rule": rule.name}}
    if native.form == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, **common)
    if native.form == "match":
        return gxe.ExpectColumnValuesToMatchRegex(column=rule.column, regex=rf"\A(?:{native.argument})\Z", **common)
    if native.form == "in_set":
        return gxe.ExpectColumnValuesToBeInSet(column=f"{LOWER_CASE}{rule.column}", value_set=native.values, **common)
    if native.form == "length":
        low, high = map(int, native.values)
        return gxe.ExpectColumnValueLengthsToBeBetween(column=rule.column, min_value=low, max_value=high, **common)
    if native.form == "unique":
        return gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["stream_id", "seq"], ignore_row_if="any_value_is_missing", **common
        )
    raise ValueError(f"rule {rule.name}: no native check is called {native.form}")


_WITH_ROWS: Final = {"result_format": "COMPLETE", "exclude_unexpected_values": True, "partial_unexpected_count": 0}


def _run(suite: str, expectations: list[Any], frame: pd.DataFrame) -> list[Check]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    # Failing rows are listed by the index: by a column they would be looked up one by one. And the batch is asked,
    # not a validation definition, which would also store the result: that took longer than the checks.
    numbered = frame.set_axis(frame["row_no"].to_numpy())
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": numbered})
    result = batch.validate(gx.ExpectationSuite(suite, expectations=expectations), result_format=_WITH_ROWS)
    return _checks(suite, result)


def _checks(suite: str, result: ExpectationSuiteValidationResult) -> list[Check]:
    checks = []
    for one in result.results:
        if raised := _raised(one.exception_info):
            # Great Expectations reports a check that raised as one that found bad data.
            raise GateError(f"the check {one.expectation_config.type} could not be carried out: {raised}")
        found, config = one.result, one.expectation_config
        rows = found.get("unexpected_index_list") or []  # of whatever length; the values' lists end at 200
        checks.append(
            Check(
                suite=suite,
                rule=config.meta["rule"],
                expectation=config.type,
                severity=str(getattr(one.expectation_config.severity, "value", config.severity)),
                mostly=float(config.kwargs.get("mostly", 1)),
                success=bool(one.success),
                evaluated=int(found.get("element_count", found.get("observed_value") or 0)),
                failed=int(found.get("unexpected_count", 0 if one.success else 1)),
                failing_rows=tuple(map(int, rows[:MAX_LISTED])),
            )
        )
    return checks


def _raised(info: dict[str, Any] | None) -> str | None:
    entries = [info] if info and "raised_exception" in info else (info or {}).values()
    messages = (
        entry.get("exception_message") for entry in entries if isinstance(entry, dict) and entry.get("raised_exception")
    )
    return next(messages, None)

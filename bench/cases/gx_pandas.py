"""Great Expectations the usual way: the whole file as a pandas frame, one expectation a rule; nothing is loaded."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from bench.case import Figures, Given

_INSTANT: Final = (
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
)
_FLAGS: Final = "1 true t yes y 0 false f no n".split()


def run(given: Given) -> Figures:
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd

    from tillflow.money import EXPONENTS

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    started = time.perf_counter()
    frame = pd.read_csv(given.file, dtype=str, engine="pyarrow")
    read = time.perf_counter()
    expectations: list[Any] = [
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=list(frame.columns)),
        gxe.ExpectTableRowCountToEqual(value=given.rows),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("equipment", "txn_seq", "result")),
        *(
            gxe.ExpectColumnValueLengthsToBeBetween(column=name, min_value=1, max_value=40)
            for name in ("equipment", "boot_id")
        ),
        gxe.ExpectColumnValuesToMatchRegex(column="txn_seq", regex="^[0-9]{1,15}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="vended_at", regex=_INSTANT),
        gxe.ExpectColumnValuesToMatchRegex(column="quantity", regex="^0*[1-9][0-9]{0,3}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="unit_price", regex=r"^[0-9]{1,12}(\.[0-9]{1,4})?$"),
        gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=list(EXPONENTS)),
        gxe.ExpectColumnValuesToBeInSet(column="result", value_set=["vend", "test", "free", "failed", "refund"]),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=name, value_set=_FLAGS)
            for name in ("accept_any_card", "override_facility")
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["equipment", "boot_id", "txn_seq"]),
    ]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batch = (
        context.data_sources.add_pandas("rows")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("rows")
        .get_batch({"dataframe": frame})
    )
    result = batch.validate(gx.ExpectationSuite("rows", expectations=expectations), result_format="SUMMARY")
    done = time.perf_counter()
    broken = [one for one in result.results if "exception_message" in str(one.exception_info) and not one.result]
    assert not broken, broken
    return Figures(done - started, {"read": read - started, "checks": done - read}, note=f"{len(expectations)} checks")

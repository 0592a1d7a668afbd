"""How the judge reads an amount, against the module that knows money."""

from __future__ import annotations

import duckdb
import pytest

from tillflow.db.queries import texts_beside
from tillflow.intake import judging
from tillflow.money import EXPONENTS, from_minor, to_minor

AMOUNTS = [
    "0", "0.00", "2", "2.5", "2.50", "2.500", "02.50", ".5", "5.", "-1", "+1", "", " 1", "1,00", "1e2", "NaN",
    "Infinity", "1_000", "٢", "2.5000", "2.50000", "999999999999", "999999999999.99", "1234567890123", "0.0001",
]  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect()
    engine.execute(texts_beside(judging.__file__, "parse.duckdb.sql")["create_parsers"])
    return engine


@pytest.mark.parametrize("currency", ["JPY", "AUD", "KWD", "CLF"])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_the_judge_reads_what_the_money_module_reads(
    engine: duckdb.DuckDBPyConnection, currency: str, amount: str
) -> None:
    read = engine.execute("select as_minor($1, $2)", [amount, EXPONENTS[currency]]).fetchone()
    expected = None if amount.startswith("-") else to_minor(amount, currency)
    assert read == (expected,)


@pytest.mark.parametrize(
    ("currency", "exponent", "text"),
    [("JPY", 0, "1234"), ("AUD", 2, "12.34"), ("KWD", 3, "1.234"), ("CLF", 4, "0.1234")],
)
def test_minor_units_by_currency(currency: str, exponent: int, text: str) -> None:
    assert EXPONENTS[currency] == exponent
    assert from_minor(1234, currency) == text
    assert to_minor(text, currency) == 1234
    assert to_minor(f"{text}0" if exponent else f"{text}.0", currency) is None


def test_no_currency_has_no_amounts() -> None:
    assert to_minor("1", "XXX") is None

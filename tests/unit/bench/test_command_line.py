"""The options of `./tillflow bench`."""

from __future__ import annotations

import pytest

from bench.__main__ import parser


def test_the_defaults_measure_everything() -> None:
    options = parser().parse_args([])
    assert options.rows == [100_000, 1_000_000, 5_000_000]
    assert (options.rounds, options.without, options.json) == (2, [], None)
    assert options.only == ["floor", "ours", "pandas", "dlt", "gx"]


def test_sizes_are_sorted_and_named_once() -> None:
    assert parser().parse_args(["--rows", "1_000_000,100000,100000"]).rows == [100_000, 1_000_000]


@pytest.mark.parametrize(
    "wrong", [["--rows", "0"], ["--rows", "many"], ["--rounds", "0"], ["--only", "ours,polars"], ["--without", ""]]
)
def test_a_wrong_option_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(wrong)
    assert stopped.value.code == 2
    assert wrong[0] in capsys.readouterr().err

"""`./tillflow bench reconciliation`: its options, and what its ratio is of."""

from __future__ import annotations

import pytest

from bench.case import Figures
from bench.reconciliation import measured, parser


def test_the_defaults_compare_two_sizes() -> None:
    options = parser().parse_args([])
    assert (options.rows, options.rounds, options.json) == ([20_000, 100_000], 2, None)


def test_a_row_is_compared_with_a_row_of_the_import() -> None:
    """Fewer rows are judged again than were imported: not billable ones are no exceptions."""
    one = measured("reconcile", Figures(seconds=3.0, peak_mb=200.04), 500, seconds_of_a_row=2.0 / 1000)
    assert (one.of_import, one.peak_mb) == (3.0, 200.0)


@pytest.mark.parametrize("wrong", [["--rows", "0"], ["--rows", "many"], ["--rounds", "0"]])
def test_a_wrong_option_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(wrong)
    assert stopped.value.code == 2
    assert wrong[0] in capsys.readouterr().err

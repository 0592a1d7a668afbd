"""Killed at every boundary, under every fault of the gateway, for every outcome: charged once, never lost.

Judged from the gateway's ledger, not from our own books. What each mutant breaks is shown by
`./tillflow test tests/faults/test_payment_matrix.py -k teeth -rP`.
"""

from __future__ import annotations

import sys

import pytest

from tests.faults.payment_matrix import FROZEN_POINTS, KILL_POINTS, RECOVERY_POINTS, Matrix
from tests.faults.payment_mutants import MUTANTS


@pytest.mark.parametrize("point", [None, *KILL_POINTS])
def test_killed_while_charging(matrix: Matrix, point: str | None) -> None:
    assert matrix.run(point) == []


@pytest.mark.parametrize("point", RECOVERY_POINTS)
def test_killed_again_while_settling_what_a_killed_worker_left(matrix: Matrix, point: str) -> None:
    assert matrix.run("answered", recovery_point=point) == []


@pytest.mark.parametrize("point", FROZEN_POINTS)
def test_frozen_past_its_lease_and_woken_after_somebody_else_settled(matrix: Matrix, point: str) -> None:
    assert matrix.run(point, freeze=True) == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_matrix_has_teeth(matrix: Matrix, mutant: str) -> None:
    wrong = matrix.run("answered", mutant=mutant)
    sys.stdout.write("\n".join(wrong))
    assert wrong

"""The page of error codes says what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tillflow.docs_pages.error_codes import ERROR_CODES_PAGE, error_codes_page
from tillflow.intake import verdict_gate
from tillflow.intake.file_errors import FILE_ERRORS
from tillflow.payment_reasons import REASONS

INTAKE = Path(verdict_gate.__file__).parent


def test_the_committed_page_is_the_generated_one() -> None:
    again = "stale: run PYTHONPATH=include .tillflow/venv/bin/python -m tillflow.docs_pages"
    assert ERROR_CODES_PAGE.read_text(encoding="utf-8") == error_codes_page(), again


def test_the_messages_of_the_machines_manual_are_on_it() -> None:
    page = error_codes_page()
    for message in ("Unknown Product Selection.", "Unknown User.", "User Role Mismatch.", "User Access Issue."):
        assert f"| {message} |" in page


def raised_codes(path: Path) -> Iterator[str]:
    """First arguments of `FileError(...)` and `.refuse(...)` that are written out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        code = node.args[0]
        if name in {"FileError", "refuse"} and isinstance(code, ast.Constant):
            yield str(code.value)


def test_exactly_the_file_errors_that_are_raised_are_explained() -> None:
    raised = {code for path in INTAKE.glob("*.py") for code in raised_codes(path)}
    # not written where it is raised: the code is the name of the check that was broken
    assert 'check.rule != "too_many_row_errors"' in Path(verdict_gate.__file__).read_text(encoding="utf-8")
    assert raised | {"too_many_row_errors"} == set(FILE_ERRORS)


def test_exactly_the_reasons_of_ours_that_stop_a_payment_are_explained() -> None:
    """They stand in the code as plain words; a bank's decline codes are many, and are not listed."""
    package = INTAKE.parent
    files = ["payments/claims.sql", "payments/decisions.sql", "payments/settlement.py", "payments/stripe_gateway.py"]
    files += ["offline_sales/attribute.sql", "reporting/payment_report.sql"]
    code = "\n".join((package / name).read_text(encoding="utf-8") for name in files)
    assert {reason for reason in REASONS if not re.search(rf"['\"]{reason}['\"]", code)} == set()
    stopping = re.findall(r"then '(\w+)'$|stopped_by ?= ?['\"](\w+)['\"]", code, re.MULTILINE)
    assert {word for pair in stopping for word in pair if word} <= set(REASONS)

"""docs/error-codes.md: every code a person can meet: the catalogues, the file errors, the payments' reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tillflow.codes import Kind
from tillflow.intake.catalogue import Native, Rule, Severity, load_catalogue
from tillflow.intake.file_errors import FILE_ERRORS
from tillflow.payment_reasons import REASONS
from tillflow.settings import REPOSITORY

ERROR_CODES_PAGE: Final = REPOSITORY / "docs" / "error-codes.md"

_PACKAGE: Final = Path(__file__).parents[1]
_HEAD: Final = """\
# Error codes

<!-- Made by `python -m tillflow.docs_pages`; a test fails when it is stale. Change the catalogues, not this page. -->

Codes are stable: mails, the validation page, `.errors.csv` and the database all use them. A row has **all** its
codes, not the first one. The edges of each rule are decided in
[0003](decisions/0003-judgement-edges.md).
"""
_FILE_ERRORS: Final = """\
## Files that are refused
Nothing of the file is booked; all errors that can be known at once are listed, each with its row and column.
Portal data has codes of its own besides: see [Portal data files](file-formats/portal-data.md#errors).
"""
_RULES: Final = {
    Kind.EQUIPMENT_SYNC: """\
## Vends that wait for a person
Machine dumps: [the format](file-formats/equipment-sync.md). The row becomes an exception; the rest of the file is
booked. What would clear it is suggested row by row: [Exceptions](operating.md#exceptions).
""",
    Kind.OFFLINE_SALES: """\
## Offline sales that wait for a person
Orders: [the format](file-formats/offline-sales.md). The row becomes an exception; the rest of the file is
booked.
""",
}
_CRITICAL: Final = """\
## Offline sales that refuse the file
One such row, and nothing of the file is booked.
"""
_PAYMENTS: Final = """\
## Payments that wait for a person
What stops a payment, or keeps the buyer from the product of a paid sale; [what to do](operating.md#payments) in each
state. Every other code is the bank's own decline code: ask the buyer for another card, or abandon the row. Of a refund
it says why the gateway refused: send the refund again, or pay the money out by hand.
"""
_FOOT: Final = """\
*Checked twice*: what Great Expectations verifies over the text of the rows on top of the verdict (all rows of a file
up to 10,000 rows, a sample of a larger one); where the two disagree the file is not booked and the run is red.
"""


def error_codes_page() -> str:
    """The page as it has to be."""
    parts = [_HEAD, _FILE_ERRORS + _table(("code", "meaning", "what to do"), _file_errors())]
    for kind, head in _RULES.items():
        rules = load_catalogue(_PACKAGE / kind.value / "rules.duckdb.sql").rules
        critical = [rule for rule in rules if rule.severity is Severity.CRITICAL]
        if critical:
            parts.append(_CRITICAL + _rules(critical))
        parts.append(head + _rules([rule for rule in rules if rule.severity is not Severity.CRITICAL]))
    payments = _PAYMENTS + _table(("code", "message", "what to do"), _payment_reasons())
    return "\n".join([*parts, _FOOT, payments])


def _file_errors() -> Iterator[Sequence[str]]:
    for code, text in FILE_ERRORS.items():
        yield f"`{code}`", text.meaning, text.action


def _payment_reasons() -> Iterator[Sequence[str]]:
    for code, reason in REASONS.items():
        yield f"`{code}`", f"{reason.title}.", reason.action


def _rules(rules: Iterable[Rule]) -> str:
    rows = (
        (
            f"`{rule.code}`",
            f"{rule.title}.",
            f"`{rule.column}`",
            rule.message,
            rule.action,
            ", ".join(map(_native, rule.natives)),
        )
        for rule in rules
    )
    return _table(("code", "message", "column", "when", "what to do", "checked twice"), rows)


def _native(native: Native) -> str:
    """How the second check is said to a reader; patterns stay in the catalogue."""
    forms = {"not_null": "given", "match": "pattern", "in_set": "one of a set", "unique": "unique", "length": "length"}
    return forms[native.form]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)

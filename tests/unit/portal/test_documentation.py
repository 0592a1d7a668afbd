"""The page operators read says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tillflow.portal.tables import TABLES, Table

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "file-formats" / "portal-data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_names_every_column_in_order(table: Table) -> None:
    (row,) = re.findall(rf"^\| `{table.name}\.csv` \| (.*) \|$", PAGE, re.MULTILINE)
    columns = [cell.split(" ")[0] for cell in row.split(", ")]
    assert [re.sub(r"\*", "", column) for column in columns] == [column.name for column in table.columns]
    assert [bool(re.fullmatch(r"(\*|\*\*\*)\w+\1", column)) for column in columns] == [
        column.optional for column in table.columns
    ]


def test_the_page_explains_exactly_the_codes_there_are() -> None:
    sources = [path for path in (ROOT / "include/tillflow/portal").iterdir() if path.suffix in {".py", ".sql"}]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    used = set(re.findall(r"(?:FileError|refuse)\(\s*\"(\w+)\"", code))
    used |= set(re.findall(r"'((?:bad|missing|taken)_value|duplicate_row|unknown_reference|overlapping_period)'", code))
    errors = PAGE[PAGE.index("## Errors") : PAGE.index("## Examples")]
    assert used == set(re.findall(r"`(\w+)`(?=[^|]*\|[^|]*\|$)", errors, re.MULTILINE))

"""The validation page of an import: what Great Expectations said of it, as one HTML file without a script.

It shows numbers, rule texts and row numbers; no value of the file is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from psycopg.rows import dict_row

from tillflow.codes import ImportStatus
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.intake.balance import BUCKETS, balance_of
from tillflow.intake.catalogue import Catalogue, Severity, load_catalogue
from tillflow.intake.file_errors import FILE_ERRORS
from tillflow.intake.storage import Storage
from tillflow.money import from_minor

VALIDATION: Final = "validation"
#: failing rows that are listed for a check; the others are counted
MOST_ROWS: Final = 50

_PACKAGE: Final = Path(__file__).parents[1]
_SQL: Final = beside(__file__, "validation_page.sql")
_SUITES: Final = {
    "file": "The file as a whole",
    "verdicts": "The verdict of every row",
    "native": "The text of rows, checked a second time",
}
_OURS: Final = "this is a defect of Tillflow: report it"
#: checks of the whole table, beside those of the catalogue: title, message, action, what was counted
_TABLE_CHECKS: Final = {
    "every_row_is_judged": ("Row Not Judged", "there are not as many verdicts as rows", _OURS, "verdicts"),
    "row_is_judged_once": ("Row Judged Twice", "a row has two verdicts", _OURS, "verdicts"),
    "too_many_row_errors": (
        "Too Many Row Errors",
        FILE_ERRORS["too_many_row_errors"].meaning,
        FILE_ERRORS["too_many_row_errors"].action,
        "rows in error",
    ),
}
_UNIQUE: Final = "expect_compound_columns_to_be_unique"
_PACKINGS: Final = {"plain": "plain text", "xlsx": "workbook (XLSX)"}
_ENCODINGS: Final = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}
_FORMS: Final = {"csv": "CSV", "json_lines": "JSON Lines"}
_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


class NoValidationError(TillflowError):
    """There is no import with this number."""


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """One check with the texts of its rule.

    `counted`: what `evaluated` counts, where that is not rows that may fail. `rows`: the first failing
    ones, `more`: how many others.
    """

    code: str
    column: str
    title: str
    message: str
    action: str
    expectation: str
    severity: str
    success: bool
    evaluated: int
    counted: str
    failed: int
    rows: tuple[int, ...]
    more: int
    order: int

    @property
    def share(self) -> str:
        """The failed part of what was evaluated, in percent; a part above nothing is never shown as nothing."""
        percent = 100 * self.failed / self.evaluated if self.evaluated else 0.0
        return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def validation_key(import_id: int) -> str:
    """Where the page lies in the storage."""
    return f"{VALIDATION}/{import_id}.html"


def page_of(conn: Connection, import_id: int, storage_url: str) -> str | None:
    """The place of an import's page as people are told it; None where Great Expectations never saw its rows."""
    if not _SQL.is_validated(conn, import_id=import_id):
        return None
    parts = urlsplit(storage_url)
    if "@" in parts.netloc:  # a login is nobody's business
        storage_url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return f"{storage_url}/{validation_key(import_id)}"


def write_validation_page(conn: Connection, storage: Storage, import_id: int) -> None:
    """Write the page of an import that was judged; again is the same again. Raises UnavailableError."""
    if _SQL.is_validated(conn, import_id=import_id):
        storage.write(validation_key(import_id), render_validation_page(conn, import_id).encode())


def render_validation_page(conn: Connection, import_id: int) -> str:
    """The page as HTML. Raises NoValidationError where there is no such import."""
    found = _one(conn, import_id)
    checks = _checks(conn, import_id, found["kind"])
    return _template().render(
        found,
        import_id=import_id,
        received=f"{found['received_at']:%Y-%m-%d %H:%M} UTC",
        refused=found["status"] == ImportStatus.REJECTED,
        read=_read(found["reading"]),
        warnings=found["reading"].get("warnings", ()),
        balance=balance_of(conn, import_id),
        buckets=("read", *BUCKETS),
        suites=[(_SUITES[name], checks[name]) for name in _SUITES if checks.get(name)],
        broken=sum(not check.success for check in checks.get("verdicts", ())),
        in_all=len(checks.get("verdicts", ())),
    )


def _one(conn: Connection, import_id: int) -> Mapping[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SQL.find_import.sql, {"import_id": import_id}).fetchone()
    if found is None:
        raise NoValidationError(f"there is no import {import_id}")
    return found


def _checks(conn: Connection, import_id: int, kind: str) -> dict[str, list[ShownCheck]]:
    """By suite: first what is broken, then the rest, each in the order of the catalogue."""
    path = _PACKAGE / kind / "rules.duckdb.sql"
    catalogue = load_catalogue(path) if path.exists() else Catalogue(())
    suites: dict[str, list[ShownCheck]] = {}
    for suite, rule, *said in _SQL.checks_of(conn, import_id=import_id, most=MOST_ROWS):
        suites.setdefault(suite, []).append(_shown(catalogue, rule, said))
    for checks in suites.values():
        checks.sort(key=lambda check: (check.success, check.order, check.expectation))
    return suites


def _shown(catalogue: Catalogue, name: str, said: Sequence[Any]) -> ShownCheck:
    expectation, severity, success, evaluated, failed, rows = said
    rule = next((rule for rule in catalogue.rules if rule.name == name), None)
    if rule is None:  # of the table, or of a catalogue that has changed since
        title, message, action, counted = _TABLE_CHECKS.get(name, (name, "", "", ""))
        code, _, column = name.partition("__")
        order = list(_TABLE_CHECKS).index(name) - len(_TABLE_CHECKS) if name in _TABLE_CHECKS else 0
    else:
        title, message, action, counted = rule.title, rule.message, rule.action, ""
        if expectation == _UNIQUE:  # coarser than the rule: a copy with the same content is no conflict
            message, action = "the number stands in more than one row", "compare the rows; equal ones are duplicates"
        code, column, order = rule.code, rule.column, rule.bit
    return ShownCheck(
        code=code,
        column=column.upper(),
        title=title,
        message=message,
        action=action,
        expectation=expectation,
        severity=severity,
        success=success,
        evaluated=evaluated,
        counted=counted,
        failed=failed,
        rows=tuple(rows),
        more=failed - len(rows) if rows else 0,
        order=order,
    )


def _read(reading: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the text was read, as far as it is known: a file refused early was not read at all."""
    packing, blank_rows = reading.get("packing", ""), reading.get("blank_rows", ())
    shown = (
        ("Packed as", _PACKINGS.get(packing, packing)),
        ("Encoding", _ENCODINGS.get(reading.get("encoding", ""), "")),
        ("Form", _FORMS.get(reading.get("form", ""), "")),
        ("Delimiter", _DELIMITERS.get(reading.get("delimiter", ""), "")),
        ("Blank rows skipped", str(len(blank_rows)) if blank_rows else ""),
    )
    return [(name, value) for name, value in shown if value]


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["money"] = from_minor
    environment.globals["critical"] = Severity.CRITICAL.value
    return environment.get_template("validation_page.html")

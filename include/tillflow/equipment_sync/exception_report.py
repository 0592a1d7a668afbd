"""The vends that wait for a person: where, since when, why, how much, and what would clear them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from psycopg.rows import kwargs_row

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.equipment_sync.exception_facts import Facts, Fix, Vend
from tillflow.equipment_sync.judge import CATALOGUE
from tillflow.equipment_sync.malformed_columns import MalformedColumns
from tillflow.equipment_sync.suggested_fixes import suggested_fixes

#: exceptions asked for at once: bounds the memory, and what one statement works out
PAGE: Final = 1_000

_sql: Final = beside(__file__, "exception_report.sql")
_VEND: Final = tuple(field.name for field in fields(Vend))
_TITLES: Final = {rule.code: rule.title for rule in CATALOGUE.rules}


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """Which exceptions; None is any.

    Days are inclusive and are the site's; where an exception has no site, those of `zone`. A vend
    whose time cannot be read counts on the day it was recorded. `viewer`, a customer's key, is told
    no names of other customers, their users and sites; it does not limit the exceptions.
    """

    customer: str | None = None
    site: str | None = None
    equipment: str | None = None
    day_from: date | None = None
    day_to: date | None = None
    reason: str | None = None
    zone: str = "UTC"
    viewer: str | None = None


@dataclass(frozen=True, slots=True)
class OpenException:
    """One vend with everything its reader needs; `reasons` are codes with their titles, `age_days` whole days."""

    vend: Vend
    reasons: tuple[tuple[str, str], ...]
    age_days: int
    fixes: tuple[Fix, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """Exceptions with one reason (None: all, each once): minor units by currency, days the oldest waits."""

    reason: str | None
    title: str
    exceptions: int
    minor: Mapping[str, int]
    oldest_days: int


def open_exceptions(
    conn: Connection, wanted: ExceptionFilter, *, now: datetime, after: int = 0, most: int | None = None
) -> Iterator[OpenException]:
    """The open exceptions behind number `after` in the order of their numbers, at most `most`.

    Read page by page, so constant memory; the last number is the cursor of the next list. Pages of
    one repeatable-read transaction belong together.
    """
    parameters = _parameters(wanted) | {"viewer": wanted.viewer}
    with MalformedColumns() as malformed:
        while most is None or most > 0:
            asked = PAGE if most is None else min(PAGE, most)
            page = _page(conn, parameters | {"after": after, "most": asked})
            broken = malformed.of({vend.id: facts.raw for vend, facts in page if facts.raw is not None})
            for vend, facts in page:
                fixes = suggested_fixes(vend, facts, broken.get(vend.id, ()))
                yield OpenException(vend, titled(vend.reasons), _days(now - vend.recorded_at), fixes)
            if len(page) < asked:
                return
            after, most = page[-1][0].id, None if most is None else most - asked


def totals(conn: Connection, wanted: ExceptionFilter, *, now: datetime) -> list[Total]:
    """All together first, then by reason in order of their codes; an exception counts under each reason it has."""
    found = []
    for reason, group in groupby(_sql.totals(conn, **_parameters(wanted)), key=lambda row: row[0]):
        rows = list(group)
        found.append(
            Total(
                reason=reason,
                title="All" if reason is None else _TITLES.get(reason, reason),
                exceptions=sum(row[2] for row in rows),
                minor={row[1]: row[3] for row in rows},
                oldest_days=_days(now - min(row[4] for row in rows)),
            )
        )
    return found or [Total(None, "All", 0, {}, 0)]


def titled(codes: list[str]) -> tuple[tuple[str, str], ...]:
    """Each reason with its title in the catalogue."""
    return tuple((code, _TITLES.get(code, code)) for code in codes)


def _parameters(wanted: ExceptionFilter) -> dict[str, Any]:
    names = ("customer", "site", "equipment", "reason", "day_from", "day_to", "zone")
    return {name: getattr(wanted, name) for name in names}


def _page(conn: Connection, parameters: Mapping[str, Any]) -> list[tuple[Vend, Facts]]:
    with conn.cursor(row_factory=kwargs_row(_split)) as cursor:
        # prepared, it would get one plan for every filter, made for tables of average size
        return cursor.execute(_sql.open_exceptions.sql, parameters, prepare=False).fetchall()


def _split(**columns: Any) -> tuple[Vend, Facts]:
    """A row's columns: what a reader sees, and what the suggestions are made of."""
    vend = Vend(**{name: columns.pop(name) for name in _VEND})
    return vend, Facts(**columns)


def _days(age: timedelta) -> int:
    return max(0, age // timedelta(hours=24))

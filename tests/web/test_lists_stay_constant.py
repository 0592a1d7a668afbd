"""No page and no list of the API reads a table that grows from end to end, however old the desk is.

What is open is another matter: reports sum up all of it, and the page of an import all of its rows. Which machines are
silent is asked of each machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.web import situations
from tests.web.conftest import PEOPLE, Site
from tests.web.growth import GROWN, LARGE, let_grow
from tests.web.routes import ANYBODY, ROUTES
from tests.web.test_every_route import request_of
from tillflow.codes import ImportStatus
from tillflow.stack.postgres import PostgresServer
from tillflow.web import database as web_database

#: rows of one table that one part of a query may read: a page of two hundred, and what belongs to its rows
MOST: Final = 1_500
#: whole by intent: a file of everything, made when somebody asks for it
WHOLE: Final = (".csv", ".xlsx", ".pdf", "/download/", "openapi.json")
STATES: Final = [str(state).replace(" ", "%20") for state in ImportStatus]
#: addresses with a query of their own, beside what ROUTES has
FILTERED: Final = (
    ("provider", "exceptions/?generate=1"),
    ("provider", "exceptions/?customer=harbour&generate=1"),
    ("provider", "invoices/?customer=harbour&state=posted"),
    ("provider", "invoices/?state=draft"),
    *(("lottery_admin", f"offline-sales/?status={status}") for status in STATES),
    ("auditor", "api/v1/imports?status=requires%20action"),
    *(("provider", f"portal/{table}/") for table in ("equipment", "access", "planograms", "products", "allocations")),
)  # fmt: skip

#: one row for each machine, which the list of silent ones looks at
MACHINES: Final = {"portal.equipment", "portal.allocation"}

Reads = list[tuple[str, str, int, str]]


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(table, kind of scan, rows it looked at) of each scan in a plan that was carried out."""
    if "Relation Name" in plan:
        looked_at = sum(
            plan.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        )
        yield f"{plan['Schema']}.{plan['Relation Name']}", plan["Node Type"], int(looked_at * plan["Actual Loops"])
    for part in plan.get("Plans", []):
        yield from scans(part)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """What the desk's queries look at, while they are carried out: (table, kind of scan, rows, query)."""
    seen: Reads = []

    def explain(cursor: psycopg.Cursor[Any], query: str, params: Any) -> None:
        if query.lstrip().startswith(("select", "with", "--")) and "insert into" not in query:
            with cursor.connection.cursor() as other:
                psycopg.Cursor.execute(other, f"explain (analyze, verbose, timing off, format json) {query}", params)
                ((found,),) = other.fetchall()
            plan = found if isinstance(found, list) else json.loads(found)
            seen.extend((*one, query) for one in scans(plan[0]["Plan"]))

    class Explaining(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **named: Any) -> Any:
            explain(self, str(query), params)
            return super().execute(query, params, **named)

    class ExplainingOnTheServer(psycopg.ServerCursor[Any]):
        def execute(self, query: Any, params: Any = None, **named: Any) -> Any:
            explain(self, str(query), params)
            return super().execute(query, params, **named)

    real = web_database.connect

    def connect(*args: Any, **named: Any) -> Any:
        connection = real(*args, **named)
        connection.cursor_factory, connection.server_cursor_factory = Explaining, ExplainingOnTheServer
        return connection

    monkeypatch.setattr(web_database, "connect", connect)
    return seen


@pytest.mark.slow
def test_no_page_reads_a_large_table_from_end_to_end(site: Site, postgres: PostgresServer, reads: Reads) -> None:
    situations.sampled(site)
    asked = [
        (person, *request_of(site, name))
        for name, row in sorted(ROUTES.items())
        if name.startswith("GET ") and not name.endswith(WHOLE)
        for person in PEOPLE
        if row.status.get(person, row.status.get(ANYBODY)) == 200
    ]
    admin = urlunsplit(urlsplit(postgres.superuser_url)._replace(path=urlsplit(site.database).path))
    let_grow(admin)
    asked += [(person, "GET", f"/tillflow/{path}", {}) for person, path in FILTERED]

    found: dict[tuple[str, str], int] = {}
    tables: set[str] = set()
    for person, method, address, sent in asked:
        reads.clear()
        answer = site.as_(person).request(method, address, **sent)
        assert answer.status_code == 200, (person, address, answer.text[:300])
        tables |= {table for table, _, _, _ in reads}
        for table, scan, rows, query in reads:
            if table in LARGE and rows > MOST and (table not in MACHINES or "as silence" not in query):
                key = f"{scan} of {table}, {' '.join(query.split())[:90]}"
                found[address, key] = max(rows, found.get((address, key), 0))
    assert {"intake.import", "books.exception", "books.invoice", "portal.consumer"} <= tables, "the queries were seen"
    assert not found, f"with {GROWN} more rows in each table:\n" + "\n".join(
        f"{address} reads {rows} rows: {query}" for (address, query), rows in sorted(found.items())
    )

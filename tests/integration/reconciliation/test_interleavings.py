"""Two reconciliations that share rows, a sync and an invoice at once, in two hundred orders drawn from seeds.

In one order of four everything is real. In the others what the judge says of open exceptions is remembered, for it
says the same every time and takes longer than all the rest; who waits for whom, and what is written, is as real.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from tests.importing import Importer
from tests.integration.reconciliation.conftest import JUNE, NOW, SAMPLES, Desk
from tests.interleaving import Interleaving
from tillflow import reconciliations
from tillflow.codes import Kind as FileKind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.intake import booking
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.post import post
from tillflow.invoicing.prepare import prepare
from tillflow.reconciliation.reconcile import Counts, JudgeAgain, open_reconciliation, reconcile
from tillflow.reconciliation.scope import Kind, Scope
from tillflow.stack.postgres import PostgresServer

INTERLEAVINGS = 200
#: shared out among tests that may run beside each other
PARTS = 4
SCOPES = {
    "users": Scope(Kind.USER, customer="harbour"),
    "products": Scope(Kind.PRODUCT, equipment="VM-17", date_from=JUNE[0], date_to=JUNE[1]),
}
MONTHS = [date(2026, month, 1) for month in (6, 7, 8)]
Caller = Callable[[Connection], Any]

#: what no order may change: the end of each row, and the balance of each import
OUTCOME = """
select i.file_name, x.row_no, x.state, x.reasons::text, x.cleared_reasons::text
from books.exception as x inner join intake.import as i on i.id = x.import_id
union all
select i.file_name, s.row_no, 'sale', s.amount_minor::text, s.quantity::text
from books.vend_sale as s inner join intake.import as i on i.id = s.import_id
union all
select i.file_name, 0, b.currency, b.sale_minor::text, b.exception_minor::text
from intake.balance as b inner join intake.import as i on i.id = b.import_id
order by 1, 2, 3, 4, 5
"""
INVOICED = """
select count(*), count(s.seq), sum(s.amount_minor)
from books.invoiced_sale as i left join books.vend_sale as s using (stream_id, seq)
"""

_numbers = itertools.count(1)


class Memory:
    """A judge that answers from memory what it was asked before, unless it is to think."""

    def __init__(self, importer: Importer) -> None:
        self.thinks = True
        self._importer = importer
        self._answers: dict[str, pa.Table] = {}

    def judge_of(self, conn: Connection) -> JudgeAgain:
        def judge(rows: pa.Table) -> pa.RecordBatchReader:
            question = repr(rows.to_pylist())
            if self.thinks:
                return reconciliations.judge_of(conn, self._importer.settings)(rows)
            if question not in self._answers:
                self._answers[question] = reconciliations.judge_of(conn, self._importer.settings)(rows).read_all()
            return self._answers[question].to_reader()

        return judge


class Prepared(NamedTuple):
    """A database in which everything is ready to run, to be copied; and who runs."""

    url: str
    admin: psycopg.Connection
    callers: dict[str, Caller]
    memory: Memory


@pytest.fixture
def prepared(
    desk: Desk, database: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Prepared]:
    """Both dumps are booked, the portal has been repaired since, and a third dump has been taken in."""
    monkeypatch.setattr(booking, "gather_evidence", lambda *args, **kwargs: None)
    desk.add_selection()
    desk.portal(
        "users",
        "customer,user,name,role,card_no,facility_id\n"
        "harbour,h90,Zoe Zero,Consumer,4711,0\nharbour,h19,Sam Tech,Consumer,00040019,57\n",
    )
    desk.portal("access", "customer,user,equipment\nharbour,h90,VM-17\n")
    received = desk.importer.receive(FileKind.EQUIPMENT_SYNC, third_dump(), "third.csv")
    importer, memory = desk.importer, Memory(desk.importer)

    def sync(conn: Connection) -> None:
        Importer(conn, importer.home, NOW).book(FileKind.EQUIPMENT_SYNC, received.import_id)

    def run(scope: Scope) -> Caller:
        def call(conn: Connection) -> Counts:
            number = open_reconciliation(conn, scope, request_key=str(scope), requested_by="ann", now=NOW)
            return reconcile(conn, number, memory.judge_of(conn), clock=lambda: NOW)

        return call

    for scope in SCOPES.values():
        freeze_names(desk, database, scope)
    desk.conn.close()
    callers: dict[str, Caller] = {name: run(scope) for name, scope in SCOPES.items()}
    callers |= {"sync": sync, "invoice": lambda conn: invoice(conn, *MONTHS[:2])}
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        yield Prepared(database, admin, callers, memory)


def freeze_names(desk: Desk, database: str, scope: Scope) -> None:
    """Let what the judge finds have the same numbers in every copy: it is judged once, and only that is kept."""

    def judge(rows: pa.Table) -> pa.RecordBatchReader:
        with connect(database, role=APP_ROLE) as conn:
            return reconciliations.judge_of(conn, desk.importer.settings)(rows)

    preview = reconciliations.use_case.preview
    preview(desk.conn, scope, judge, requested_by="ann", clock=lambda: NOW)


def invoice(conn: Connection, day_from: date, day_to: date) -> None:
    """Prepare and post what there is to invoice."""
    for draft in prepare(conn, BillingRange("harbour", day_from, day_to), actor="ann", now=NOW):
        if draft.sale_rows:
            post(conn, draft.invoice_id, number=None, actor="ann", now=NOW)


def third_dump() -> bytes:
    """New rows of the machine; rows that repeat open exceptions, and one that contradicts one."""
    header, *rows = (SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv").read_text().splitlines()
    new = [row.replace("VM-17,10", "VM-17,70", 1) for row in rows[:8] if ",000C," not in row and ",4711," not in row]
    waiting = [row for row in rows if ",000C," in row or ",4711," in row]
    return "\n".join([header, *new, *waiting, waiting[0].replace(",1.20,", ",1.30,")]).encode()


@contextmanager
def copied(prepared: Prepared) -> Iterator[str]:
    """The URL of a copy of the prepared database, dropped afterwards."""
    source = urlsplit(prepared.url)
    name = sql.Identifier(f"interleaved_{next(_numbers)}")
    template = sql.Identifier(source.path.strip("/"))
    for statement in (
        "create database {} template {} owner tillflow_migrator",
        "grant temporary on database {} to tillflow_app",
        "alter database {} set deadlock_timeout = '10ms'",  # noticed at once, and not after a second
    ):
        prepared.admin.execute(sql.SQL(statement).format(name, template))
    yield urlunsplit(source._replace(path=f"/{name.as_string().strip(chr(34))}"))
    prepared.admin.execute(sql.SQL("drop database {} with (force)").format(name))


def rename_everybody(url: str) -> None:
    """Names that no sale has yet: whoever judges first has to freeze them."""
    with connect(url) as conn:
        for table in ("site", "product", "consumer"):
            conn.execute(sql.SQL("update portal.{} set name = name || '!'").format(sql.Identifier(table)))


def outcome(url: str, results: dict[str, Any]) -> list[Any]:
    """What has become of every row. What must hold in every order is checked on the way."""
    with connect(url) as conn:
        conn.execute("select intake.verify_balance(id) from intake.import")
        resolved = conn.execute(
            "select count(*), count(distinct exception_id) from books.reconciliation_record where outcome = 'SUCCESS'"
        ).fetchone()
        assert resolved is not None
        assert resolved == (sum(results[name].reconciled for name in SCOPES),) * 2
        for sales in (
            "select count(*) from books.exception where state = 'reconciled'",
            "select count(*) from books.vend_sale join intake.transaction using (import_id, row_no)",
        ):
            assert conn.execute(sales).fetchone() == resolved[:1]
        invoice(conn, *MONTHS[1:])  # the next invoice takes what the first one missed
        invoiced = conn.execute(INVOICED).fetchone()
        assert invoiced is not None
        assert invoiced[0] == invoiced[1]
        return [invoiced, *conn.execute(OUTCOME).fetchall()]


def one_after_the_other(prepared: Prepared) -> list[Any]:
    with copied(prepared) as url, connect(url, role=APP_ROLE) as conn:
        return outcome(url, {name: call(conn) for name, call in prepared.callers.items()})


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_the_order_every_exception_is_resolved_once_and_the_books_are_the_same(
    prepared: Prepared, part: int
) -> None:
    expected = one_after_the_other(prepared)
    seeds = range(part, INTERLEAVINGS, PARTS)
    steps = blocked = 0
    for turn, seed in enumerate(seeds):
        prepared.memory.thinks = turn % 4 == 0
        with copied(prepared) as url:
            if prepared.memory.thinks:
                rename_everybody(url)
            interleaving = Interleaving(url, seed)
            assert outcome(url, interleaving.run(prepared.callers)) == expected, f"seed {seed}"
            steps, blocked = steps + interleaving.steps, blocked + interleaving.blocked
    assert steps > 100 * len(seeds)  # they did meet, statement by statement,
    assert blocked > len(seeds)  # and waited for each other

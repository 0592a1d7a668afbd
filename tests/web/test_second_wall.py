"""Behind the desk's own checks the database looks again: a forgotten `where` shows nothing of others, nor writes it."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import errors

from tests.web.conftest import NOW, Site
from tests.web.situations import a_reconciliation, add_import, an_exception, four_orders
from tillflow.codes import Kind
from tillflow.db.connection import DESK_ROLE, connect

#: what hangs on an invoice
PARTS = (
    "invoice_line", "invoice_tax", "invoice_left_out", "invoice_sale", "invoiced_sale", "invoice_number", "credit_note",
)  # fmt: skip
EVERYBODY = ("uploader", "lottery_admin", "other_admin", "provider", "customer_user", "auditor", "nobody", "")
_DRAFT = """
insert into books.invoice (
    customer_id, currency, date_from, date_to, zone, range_from, range_to, seller, buyer, payment_days, prepared_by,
    prepared_at
)
select c.id, 'AUD', '2026-06-01', '2026-07-01', c.zone, '2026-06-01', '2026-07-01', '{}',
    jsonb_build_object('key', c.key, 'name', c.name), 14, 'provider', %(now)s
from portal.customer as c where c.key = %(customer)s
returning id
"""
_FILLED = (
    "insert into books.invoice_line values (%(id)s, 1, false, 's', 's', 'a', 'p', 'p', 1, 100, 100, 0, 1)",
    "insert into books.invoice_tax values (%(id)s, 0, 100, 0)",
    "insert into books.invoice_left_out values (%(id)s, 'excluded', 'q', 'q', 1, 100, 1)",
    "insert into books.invoice_sale values (%(id)s, 1, %(id)s, 0, false, false)",
    "insert into books.invoiced_sale values (1, %(id)s, %(id)s)",
    "update books.invoice set content_hash = decode(repeat('00', 32), 'hex'), sale_rows = 1, net_minor = 100,"
    " total_minor = 100 where id = %(id)s",
    "update books.invoice set state = 'posted', invoice_no = 'N-' || id, invoice_date = date_from, due_date = date_to,"
    " closed_by = 'provider', closed_at = %(now)s where id = %(id)s",
    "insert into books.invoice_number values ('N-' || %(id)s, %(id)s, false)",
    "insert into books.credit_note values (%(id)s, 'CN-' || %(id)s, '2026-07-01', 'wrong', 'provider', %(now)s)",
)


def credited_invoice(site: Site, customer: str) -> int:
    """An invoice with one of everything: posted, and credited."""
    (number,) = site.conn.execute(_DRAFT, {"customer": customer, "now": NOW}).fetchone()  # type: ignore[misc]
    for statement in _FILLED:
        site.conn.execute(statement, {"id": number, "now": NOW})
    return int(number)


def seen(site: Site, person: str, question: str) -> list[Any]:
    with site.desk(person) as conn:
        return [value for (value,) in conn.execute(question)]  # type: ignore[call-overload]


@pytest.mark.parametrize("table", ["invoice", *PARTS])
def test_an_invoice_and_its_parts_are_there_for_its_customer_and_for_those_who_see_all(site: Site, table: str) -> None:
    ours, theirs = credited_invoice(site, "harbour"), credited_invoice(site, "ridge")
    column = "id" if table == "invoice" else "invoice_id"
    found = {one: seen(site, one, f"select {column} from books.{table} order by 1") for one in EVERYBODY}
    assert found == {one: [] for one in EVERYBODY} | {
        "provider": [ours, theirs], "auditor": [ours, theirs], "customer_user": [ours],
    }  # fmt: skip


@pytest.mark.parametrize("table", ["reconciliation", "number_series"])
def test_what_belongs_to_no_customer_is_there_for_those_who_see_all(site: Site, table: str) -> None:
    a_reconciliation(site)
    site.conn.execute("insert into books.number_series (prefix) values ('INV-')")
    found = {one: len(seen(site, one, f"select 1 from books.{table}")) for one in EVERYBODY}
    assert found == dict.fromkeys(EVERYBODY, 0) | {"provider": 1, "auditor": 1}


def test_the_records_of_a_reconciliation_are_there_for_those_who_see_all(site: Site) -> None:
    site.conn.execute(
        "insert into books.reconciliation_record (reconciliation_id, exception_id, outcome, cleared_reasons, reasons)"
        " values (%s, %s, 'FAILURE', '{}', '{unknown_user}')",
        [a_reconciliation(site)["number"], an_exception(site)["number"]],
    )
    found = {one: len(seen(site, one, "select 1 from books.reconciliation_record")) for one in EVERYBODY}
    assert found == dict.fromkeys(EVERYBODY, 0) | {"provider": 1, "auditor": 1}


@pytest.mark.parametrize("person", ["customer_user", "auditor", "lottery_admin", ""])
def test_nobody_but_the_provider_writes_invoices_or_reconciliations(site: Site, person: str) -> None:
    number = credited_invoice(site, "harbour")
    a_reconciliation(site)
    with site.desk(person) as conn:
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            conn.execute(
                "insert into books.reconciliation (kind, customer_id, requested_by, requested_at, request_key)"
                " values ('user', 1, 'x', now(), 'smuggled')"
            )
        for statement in _FILLED[:5]:
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                conn.execute(statement, {"id": number, "now": NOW})
        # what is not seen is not updated; what is seen may not be
        try:
            changed = conn.execute("update books.reconciliation set requested_by = 'me'").rowcount
        except errors.InsufficientPrivilege:
            changed = 0
        assert changed == 0
        for table in ("invoice_sale", "invoiced_sale"):
            assert conn.execute(f"delete from books.{table}").rowcount == 0  # type: ignore[arg-type]
    assert site.conn.execute("select count(*) from books.invoiced_sale").fetchone() == (1,)


def test_the_provider_lets_sales_of_a_credited_invoice_go(site: Site) -> None:
    number = credited_invoice(site, "harbour")
    with site.desk("provider") as conn:
        assert conn.execute("delete from books.invoiced_sale where invoice_id = %s", [number]).rowcount == 1


def test_attempts_corrections_and_validations_are_there_with_their_import(site: Site) -> None:
    ours = four_orders(site)
    dump = add_import(site.conn, None, "dump.csv", Kind.EQUIPMENT_SYNC)
    site.conn.execute(
        "insert into books.payment_attempt (payment_id, attempt_no, card_token, started_at)"
        " select id, 1, card_token, %s from books.payment where payment_type = 'CC'",
        [NOW],
    )
    site.as_("lottery_admin").post(
        f"/tillflow/api/v1/transactions/{ours}-2/resolve", json={"fields": {"FIRST_NAME": "Eve"}}
    )
    site.conn.execute(
        "insert into intake.validation values (%s, 'file', 'r', 'e', 'info', 1, true, 1, 0, '{}')", [dump]
    )
    for table, own in (
        ("books.payment_attempt", {"uploader", "lottery_admin", "auditor"}),
        ("intake.correction", {"uploader", "lottery_admin", "auditor"}),
    ):
        assert {one for one in EVERYBODY if seen(site, one, f"select 1 from {table}")} == own
    checked = {one: set(seen(site, one, "select import_id from intake.validation")) for one in EVERYBODY}
    assert checked == {one: set() for one in EVERYBODY} | {
        "uploader": {ours}, "lottery_admin": {ours}, "auditor": {ours, dump}, "provider": {dump},
    }  # fmt: skip


def test_every_table_that_could_have_a_wall_has_one_or_is_known_to_have_none(site: Site) -> None:
    """A new table is walled, or a successor says here why not."""
    without = {
        # written by COPY
        "books.exception", "books.offline_sale", "books.vend_sale", "intake.transaction", "intake.balance",
        "intake.meter_reading",
        # names without anybody's sales, counters and rules
        "books.place", "books.item", "books.vendee", "books.move", "books.draw_counter", "intake.stream",
        # read by way of payments and imports; see the decision on the desk
        "books.refund", "books.attribution", "books.reversal",
    }  # fmt: skip
    with connect(site.database, role=DESK_ROLE) as conn:
        found = conn.execute(
            "select schemaname || '.' || tablename from pg_tables"
            " where schemaname in ('books', 'intake') and not rowsecurity"
        ).fetchall()
    assert {name for (name,) in found} == without

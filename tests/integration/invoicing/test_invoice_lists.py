"""A page of invoices costs the same behind the second wall, whoever asks and however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from tillflow.db.connection import DESK_ROLE, connect
from tillflow.invoices import list_invoices

CUSTOMERS = 50
EACH = 200
#: rows of invoices that a page may touch
FEW = 500
_MANY = f"""
insert into portal.customer (key, name, zone, currency) select 'c' || n, 'C', 'UTC', 'AUD'
from generate_series(1, {CUSTOMERS}) as n;
insert into portal.operator (user_name, capability) values ('provider', 'provider'), ('auditor', 'auditor');
insert into portal.operator (user_name, capability, customer_id)
select 'user', 'customer_user', c.id from portal.customer as c where c.key = 'c7';
insert into books.invoice (
    customer_id, currency, date_from, date_to, zone, range_from, range_to, seller, buyer, payment_days, prepared_by,
    prepared_at
)
select c.id, 'AUD', date '2000-01-01' + n, date '2000-01-02' + n, 'UTC', '2000-01-01', '2000-01-02', '{{}}',
    jsonb_build_object('key', c.key, 'name', c.name), 14, 'x', now()
from generate_series(1, {EACH}) as n cross join portal.customer as c
order by n, c.id;
update books.invoice set state = 'discarded', reason = 'x', closed_at = now(), closed_by = 'x' where id = 1;
analyze books.invoice, portal.customer;
"""
_TOUCHED = """
select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int from pg_stat_xact_user_tables
where relname = 'invoice'
"""


@pytest.fixture
def many(database: str) -> str:
    with connect(database) as owner:
        owner.execute(_MANY)
    return database


@pytest.mark.parametrize(
    ("person", "wanted", "found"),
    [
        ("provider", {"customers": None}, range(10_000, 9_950, -1)),
        ("auditor", {"customers": None, "before": 5_000}, range(4_999, 4_949, -1)),
        ("provider", {"customers": None, "status": "discarded"}, [1]),
        ("provider", {"customers": None, "customer": "c7"}, range(9_957, 7_457, -50)),
        ("provider", {"customers": None, "customer": "nobody"}, []),
        ("user", {"customers": ["c7"]}, range(9_957, 7_457, -50)),
        ("user", {"customers": ["c7"], "customer": "c8"}, []),
        # what the first wall forgets the second one keeps
        ("user", {"customers": None}, range(9_957, 7_457, -50)),
        ("nobody", {"customers": None, "before": 100}, []),
    ],
)
def test_a_page_touches_few_invoices(many: str, person: str, wanted: dict[str, Any], found: list[int]) -> None:
    given = dict(wanted)
    with connect(many, role=DESK_ROLE) as conn, conn.transaction():
        conn.execute("select set_config('tillflow.person', %s, false)", [person])
        page = list_invoices(conn, given.pop("customers"), limit=50, **given)
        touched = conn.execute(_TOUCHED).fetchone()
    assert [one.invoice_id for one in page] == list(found)
    assert {one.status for one in page} <= {"discarded" if one == 1 else "draft" for one in found}
    assert touched is not None
    is_walled_in = person == "user" and wanted["customers"] is None
    assert is_walled_in or touched[0] < FEW

"""A customer with machines, and sales that stand in the books as an import would leave them: what invoices need."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tillflow.db.connection import Connection
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.post import Posted, post
from tillflow.invoicing.prepare import Prepared, prepare

NOW = datetime.fromisoformat("2026-07-01T02:00:00+00:00")

_PRODUCT = """
with product as (
    insert into portal.product (code, name, tax_rate_bp, not_invoiced_from)
    values (%(code)s, %(name)s, %(rate)s, %(not_invoiced_from)s)
    on conflict (code) do update
    set tax_rate_bp = excluded.tax_rate_bp, not_invoiced_from = excluded.not_invoiced_from
    returning id, code, name
)
insert into books.item (product_id, code, name) select id, code, name from product
on conflict (product_id, code, name) do nothing
"""
_PLACE = """
insert into books.place (
    equipment_id, asset_no, site_id, site_key, site_name, customer_id, customer_key, customer_name
)
select %(machine)s, %(asset_no)s, s.id, s.key, s.name, c.id, c.key, c.name
from portal.site as s inner join portal.customer as c on c.id = s.customer_id
where s.key = %(site)s
on conflict (equipment_id, site_id, customer_id, asset_no, site_key, site_name, customer_key, customer_name) do nothing
"""
_VENDEE = """
insert into books.vendee (consumer_id, customer_id, key, name)
select 1, id, 'h01', 'Ann Lee' from portal.customer where key = %(customer)s
on conflict (consumer_id, customer_id, key, name) do nothing
"""
_SALE = """
insert into books.vend_sale (
    stream_id, seq, import_id, row_no, vended_at, recorded_at, place_id, item_id, vendee_id, selection, quantity,
    unit_price_minor, amount_minor, planogram_price_minor, currency, content_hash
)
values (
    %(stream)s, %(seq)s, 1, %(seq)s, %(vended)s, %(recorded)s, %(place)s, %(item)s, %(vendee)s, '000C', %(quantity)s,
    %(price)s, %(quantity)s::bigint * %(price)s::bigint, %(price)s, %(currency)s, %(seq)s
)
"""


@dataclass
class Round:
    """The vending round of one customer; `now` moves only when a test says so."""

    conn: Connection
    customer: str = "harbour"
    zone: str = "Australia/Sydney"
    currency: str = "AUD"
    now: datetime = NOW
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.conn.execute(
            "insert into portal.customer (key, name, zone, currency, billing_email)"
            " values (%s, 'Harbour Mining', %s, %s, 'accounts@harbour.example')",
            [self.customer, self.zone, self.currency],
        )
        self.add_site("depot")

    def add_site(self, site: str) -> None:
        self.conn.execute(
            "insert into portal.site (key, customer_id, name, zone)"
            " select %s, id, initcap(%s), zone from portal.customer where key = %s",
            [f"{self.customer}-{site}", site, self.customer],
        )

    def set_product(self, code: str, rate: int = 1000, not_invoiced_from: str | None = None) -> None:
        given = {"code": code, "name": f"Product {code}", "rate": rate, "not_invoiced_from": not_invoiced_from}
        self.conn.execute(_PRODUCT, given)

    def sell(self, vended: str | datetime, recorded: str | datetime | None = None, **given: Any) -> int:
        """Book one sale; returns its seq (its stream is 1). Recorded at its vend unless it says when."""
        sale: dict[str, Any] = {
            "product": "1001", "price": 350, "quantity": 1, "currency": self.currency, "machine": 17, "site": "depot",
            "seq": next(self.numbers), "stream": 1, "vended": vended, "recorded": recorded or vended,
        }  # fmt: skip
        sale |= given
        if not self._id("select max(id) from books.item where code = %(product)s", sale):
            self.set_product(sale["product"])
        sale["asset_no"], sale["site"] = f"VM-{sale['machine']}", f"{self.customer}-{sale['site']}"
        sale["customer"] = self.customer
        self.conn.execute(_PLACE, sale)
        self.conn.execute(_VENDEE, sale)
        sale["item"] = self._id("select max(id) from books.item where code = %(product)s", sale)
        sale["place"] = self._id(
            "select max(id) from books.place where asset_no = %(asset_no)s and site_key = %(site)s", sale
        )
        sale["vendee"] = self._id("select max(id) from books.vendee where name = 'Ann Lee'", sale)
        self.conn.execute(_SALE, sale)
        return int(sale["seq"])

    def prepare(self, date_from: str, date_to: str, conn: Connection | None = None) -> Prepared:
        """The draft in the customer's currency."""
        return self.prepare_all(date_from, date_to, conn)[0]

    def prepare_all(self, date_from: str, date_to: str, conn: Connection | None = None) -> tuple[Prepared, ...]:
        wanted = BillingRange(self.customer, date.fromisoformat(date_from), date.fromisoformat(date_to))
        return prepare(conn or self.conn, wanted, actor="ann", now=self.now)

    def post(self, invoice_id: int, number: str | None = None, conn: Connection | None = None) -> Posted:
        return post(conn or self.conn, invoice_id, number=number, actor="ann", now=self.now)

    def sales_in(self, invoice_id: int) -> dict[int, str]:
        """seq -> part, of the sales that an invoice holds."""
        found = self.conn.execute(
            "select seq, case when is_late then 'late' when is_backdated then 'backdated' else 'current' end"
            " from books.invoice_sale where invoice_id = %s order by seq",
            [invoice_id],
        )
        return dict(found.fetchall())

    def left_out(self, invoice_id: int) -> list[tuple[Any, ...]]:
        return self.conn.execute(
            "select why, product_code, sale_rows, net_minor from books.invoice_left_out"
            " where invoice_id = %s order by why, product_code",
            [invoice_id],
        ).fetchall()

    def state(self, invoice_id: int) -> str:
        found = self.conn.execute("select status from books.invoice_status where invoice_id = %s", [invoice_id])
        return str(found.fetchone()[0])  # type: ignore[index]

    def history(self, invoice_id: int) -> list[str]:
        found = self.conn.execute(
            "select action from history.event where subject = 'invoice' and subject_key = %s order by id",
            [str(invoice_id)],
        )
        return [action for (action,) in found]

    def _id(self, question: str, given: dict[str, Any]) -> int | None:
        found = self.conn.execute(question, given).fetchone()  # type: ignore[arg-type]
        return found[0] if found else None

"""A shop with sold orders and a clock that tests turn: what payments need, without a file."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tillflow.db.connection import Connection
from tillflow.payments.charge import Till
from tillflow.payments.gateway import Gateway
from tillflow.payments.schedule import RetryPolicy
from tillflow.payments.sweep import charge_due, settle_unknown

DRAW_OPENS = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
DRAW_CLOSES = datetime.fromisoformat("2027-12-31T00:00:00+00:00")
NOW = datetime.fromisoformat("2026-06-15T04:00:00+00:00")

_PORTAL = """
with channel as (
    insert into portal.channel (key, name, zone) values ('stall', 'Stall', 'Australia/Sydney') returning id
), lottery as (
    insert into portal.lottery (key, name, currency) values ('coast', 'Coast', 'AUD') returning id
), draw as (
    insert into portal.draw (lottery_id, draw_no, open_during)
    select id, 1, tstzrange(%(opens)s, %(closes)s) from lottery returning id
)
insert into portal.draw_product (draw_id, product, name, price_minor, entries)
select id, 'T1', 'Ticket', 500, 1 from draw union all select id, 'B5', 'Book of five', 2000, 5 from draw
"""
_IMPORT = """
insert into intake.import (
    kind, channel_id, file_name, uploader, source, source_version, sha256, size_bytes, received_at, booked_at,
    archive_path
)
values ('offline_sales', 1, %(name)s, 'ann', 'test', %(name)s, md5(%(name)s) || md5(%(name)s), 1, %(now)s, %(now)s, 'x')
returning id
"""
_SALE = """
insert into books.offline_sale (
    stream_id, seq, import_id, row_no, channel_id, draw_id, draw_product_id, buyer_customer_id, first_name, last_name,
    country, email, quantity, amount_minor, currency, payment_type, payment_ref, card_token, sold_at, recorded_at,
    content_hash
)
select
    1, o, %(import_id)s, o + 1, 1, 1, p.id, %(customer)s, 'Ada', 'Li', 'AU',
    replace(%(email)s, '#', o::text), %(quantity)s, p.price_minor * %(quantity)s, 'AUD', %(type)s,
    case when %(type)s in ('CHQ', 'MO', 'BD') then '000417' end,
    case when %(type)s = 'CC' then replace(%(token)s, '#', o::text) end, %(now)s, %(now)s, o
from generate_series(%(first)s::int, %(last)s::int) as o
inner join portal.draw_product as p on p.product = %(product)s
"""


@dataclass
class Shop:
    """Sells orders into one draw; `now` moves only when a test says so."""

    conn: Connection
    gateway: Gateway
    now: datetime = NOW
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    orders: int = 0

    def __post_init__(self) -> None:
        self.conn.execute(_PORTAL, {"opens": DRAW_OPENS, "closes": DRAW_CLOSES})

    def clock(self) -> datetime:
        return self.now

    def till(self, **changed: Any) -> Till:
        given: dict[str, Any] = {
            "conn": self.conn, "gateway": self.gateway, "clock": self.clock, "policy": self.policy, "concurrency": 2,
        }  # fmt: skip
        return Till(**given | changed)

    def later(self, **elapsed: float) -> None:
        """Let time pass."""
        self.now += timedelta(**elapsed)

    def sell(self, payment_type: str = "CC", *, token: str = "tok_ok", count: int = 1, **changed: Any) -> list[int]:
        """Book an import of `count` orders; returns its payments. `#` in token or email is the order's number."""
        first, self.orders = self.orders + 1, self.orders + count
        name = {"name": f"orders-{next(self.numbers)}.csv", "now": self.now}
        (import_id,) = self.conn.execute(_IMPORT, name).fetchone()  # type: ignore[misc]
        order = {
            "import_id": import_id, "customer": None, "email": "buyer#@example.com", "quantity": 1, "product": "T1",
            "type": payment_type, "token": token, "now": self.now, "first": first, "last": self.orders,
        }  # fmt: skip
        self.conn.execute(_SALE, order | changed)
        found = self.conn.execute("select id from books.payment where import_id = %s order by id", [import_id])
        return [payment_id for (payment_id,) in found]

    def charge(self, **changed: Any) -> Counter[str]:
        """What a sweep does with cards: settle, then charge."""
        till = self.till(**changed)
        return settle_unknown(till) + charge_due(till)

    def state(self, payment_id: int) -> str:
        return str(self.column(payment_id, "state"))

    def column(self, payment_id: int, name: str) -> Any:
        row = self.conn.execute(f"select {name} from books.payment where id = %s", [payment_id]).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None

    def attempts(self, payment_id: int) -> list[tuple[str | None, str | None]]:
        """(outcome, code) of every attempt, in order."""
        found = self.conn.execute(
            "select outcome, code from books.payment_attempt where payment_id = %s order by attempt_no", [payment_id]
        )
        return found.fetchall()

    def moves(self, payment_id: int) -> list[str]:
        """The states it went through, as the history tells."""
        found = self.conn.execute(
            "select action from history.event where subject = 'payment' and subject_key = %s order by id",
            [str(payment_id)],
        )
        return [action for (action,) in found]

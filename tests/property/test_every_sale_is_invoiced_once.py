"""Whatever is sold, recorded late, prepared, posted, credited and discarded in whatever order: every billable sale ends
in exactly one invoice that stands, and the money adds up to the last minor unit at every moment.

The oracle is a list of what was sold and the rules of the domain in plain Python; ranges have no gaps.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.billing import Round
from tillflow.db.connection import Connection
from tillflow.invoicing.credit import credit
from tillflow.invoicing.discard import discard
from tillflow.invoicing.post import EmptyInvoiceError
from tillflow.invoicing.uncovered import uncovered

#: zones whose clocks change in the weeks of the test, one of them at midnight; currencies of 0, 2 and 3 places
PLACES = (
    ("Europe/Berlin", "EUR"), ("Australia/Lord_Howe", "JPY"), ("Africa/Cairo", "KWD"), ("Asia/Kolkata", "INR"),
)  # fmt: skip
FIRST_DAY = date(2026, 3, 21)
BEGINS = datetime(2026, 3, 22, tzinfo=UTC)
#: product -> tax in basis points, not invoiced from
PRODUCTS = {"W": (0, None), "J": (700, None), "T": (1900, None), "G": (1000, "2026-04-01T00:00:00Z")}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_examples = itertools.count(1)

sell = st.tuples(
    st.just("sell"),
    st.sampled_from([*PRODUCTS]),
    st.integers(0, 10**7),
    st.sampled_from([1, 2, 9, -1]),
    # how long before its recording it was vended: a machine may be fast, or silent for weeks
    st.one_of(
        st.timedeltas(timedelta(minutes=-10), timedelta(hours=1)), st.timedeltas(timedelta(0), timedelta(days=20))
    ),
    # how long after its recording it was committed: ranges are prepared in between
    st.sampled_from([timedelta(0), timedelta(seconds=30), timedelta(hours=3)]),
)
# Weighted towards what leads to latecomers: ranges that are posted while sales still fall into them.
steps = st.lists(
    st.one_of(
        sell,
        sell,
        st.tuples(st.just("wait"), st.timedeltas(timedelta(minutes=1), timedelta(days=4))),
        st.tuples(st.just("bill next"), st.integers(1, 6)),
        st.tuples(st.just("bill next"), st.integers(1, 6)),
        st.tuples(st.just("prepare next"), st.integers(1, 6)),
        st.tuples(st.just("prepare again"), st.integers(0, 9)),
        st.tuples(st.just("post"), st.integers(0, 9)),
        st.tuples(st.just("credit"), st.integers(0, 9)),
        st.tuples(st.just("discard"), st.integers(0, 9)),
    ),
    min_size=8,
    max_size=30,
)


@dataclass
class Sold:
    """What the oracle knows of a sale."""

    amount: int
    rate: int
    falls_at: datetime
    is_excluded: bool


@dataclass
class Story:
    """One customer, and the operator who bills it."""

    billing: Round
    stream: int
    sold: dict[int, Sold] = field(default_factory=dict)
    ranges: list[tuple[date, date]] = field(default_factory=list)

    def sell(self, product: str, price: int, quantity: int, age: timedelta, late: timedelta) -> None:
        recorded = self.billing.now - late
        vended = recorded - age
        rate, excluded_from = PRODUCTS[product]
        seq = self.billing.sell(
            vended, recorded, product=product, price=price, quantity=quantity, stream=self.stream, machine=1
        )
        excluded = excluded_from is not None and vended >= datetime.fromisoformat(excluded_from)
        self.sold[seq] = Sold(price * quantity, rate, max(vended, recorded), excluded)

    def wait(self, elapsed: timedelta) -> None:
        self.billing.now += elapsed

    def prepare_next(self, days: int) -> None:
        begins = self.ranges[-1][1] if self.ranges else FIRST_DAY
        self.ranges.append((begins, begins + timedelta(days=days)))
        self.prepare(*self.ranges[-1])

    def bill_next(self, days: int) -> None:
        self.prepare_next(days)
        self.post(-1)

    def prepare_again(self, which: int) -> None:
        if self.ranges:
            self.prepare(*self.ranges[which % len(self.ranges)])

    def prepare(self, begins: date, ends: date) -> None:
        self.billing.prepare(begins.isoformat(), ends.isoformat())

    def post(self, which: int) -> None:
        drafts = self.standing("draft")
        if drafts:
            draft = drafts[which % len(drafts)]
            try:
                self.billing.post(draft)
            except EmptyInvoiceError:
                assert self.billing.sales_in(draft) == {}

    def credit(self, which: int) -> None:
        posted = self.standing("posted")
        if posted:
            credit(self.billing.conn, posted[which % len(posted)], reason="x", actor="ann", now=self.billing.now)

    def discard(self, which: int) -> None:
        drafts = self.standing("draft")
        if drafts:
            discard(self.billing.conn, drafts[which % len(drafts)], actor="ann", now=self.billing.now, reason="x")

    def standing(self, status: str) -> list[int]:
        found = self.billing.conn.execute(
            "select i.id from books.invoice as i inner join books.invoice_status as s on s.invoice_id = i.id"
            " where i.buyer ->> 'key' = %s and s.status = %s order by i.id",
            [self.billing.customer, status],
        )
        return [invoice for (invoice,) in found]

    def take(self, step: tuple[Any, ...]) -> None:
        name, *given = step
        action: Callable[..., None] = getattr(self, name.replace(" ", "_"))
        action(*given)

    # what must be true

    def billable(self) -> dict[int, Sold]:
        return {seq: sale for seq, sale in self.sold.items() if not sale.is_excluded}

    def times_invoiced(self) -> Counter[int]:
        return Counter(
            seq
            for invoice in self.standing("draft") + self.standing("posted")
            for seq in self.billing.sales_in(invoice)
        )

    def check(self) -> None:
        """At every moment: nothing twice, nothing excluded, and what is invoiced or open is what was sold."""
        times = self.times_invoiced()
        assert set(times) <= set(self.billable())
        assert set(times.values()) <= {1}
        still_open = uncovered(self.billing.conn, [self.billing.customer])
        open_minor, open_rows = (
            sum(line.amount_minor for line in still_open),
            sum(line.sale_rows for line in still_open),
        )
        invoices = self.standing("draft") + self.standing("posted")
        net = sum(self.check_sums(invoice) for invoice in invoices)
        assert net + open_minor == sum(sale.amount for sale in self.billable().values())
        assert len(times) + open_rows == len(self.billable())

    def check_sums(self, invoice: int) -> int:
        """The invoice's figures are those of its sales; returns its net."""
        parts = self.billing.sales_in(invoice)
        by_rate: Counter[int] = Counter()
        for seq in parts:
            by_rate[self.sold[seq].rate] += self.sold[seq].amount
        tax = sum(
            int((Decimal(net) * rate / 10_000).quantize(Decimal(1), ROUND_HALF_UP)) for rate, net in by_rate.items()
        )
        net = sum(by_rate.values())
        found = self.billing.conn.execute(
            "select sale_rows, net_minor, tax_minor, total_minor from books.invoice where id = %s", [invoice]
        ).fetchone()
        assert found == (len(parts), net, tax, net + tax)
        return net

    def close(self) -> None:
        """The operator prepares what is open: each range again, and one up to the end; twice, because a later draft
        may let a sale go that belongs to an earlier range whose invoice was credited."""
        self.wait(timedelta(days=2))
        begins = self.ranges[-1][1] if self.ranges else FIRST_DAY
        self.ranges.append((begins, max(begins, self.billing.now.date()) + timedelta(days=3)))
        for begins, ends in self.ranges * 2:
            self.prepare(begins, ends)
        self.check()
        assert uncovered(self.billing.conn, [self.billing.customer]) == []
        assert self.times_invoiced() == dict.fromkeys(self.billable(), 1)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(place=st.sampled_from(PLACES), steps=steps)
def test_every_billable_sale_is_in_exactly_one_invoice(
    conn: Connection, place: tuple[str, str], steps: list[tuple[Any, ...]]
) -> None:
    number = next(_examples)
    billing = Round(conn, f"c{number}", *place, now=BEGINS)
    for code, (rate, excluded_from) in PRODUCTS.items() if number == 1 else ():
        billing.set_product(code, rate, excluded_from)
    story = Story(billing, stream=number)
    for step in steps:
        story.take(step)
        story.check()
    story.close()
    for invoice in story.standing("draft"):
        if billing.sales_in(invoice):
            billing.post(invoice)
    story.check()
    assert {*story.billable()} == set(story.times_invoiced())


def test_the_oracle_can_fail(conn: Connection) -> None:
    """A sale that is taken out of an invoice, or is in two, is found."""
    billing = Round(conn, "teeth", *PLACES[0], now=BEGINS)
    billing.set_product("W", 0)
    story = Story(billing, stream=1)
    story.sell("W", 100, 1, timedelta(days=1), timedelta(0))
    story.prepare_next(20)
    story.check()
    conn.execute("delete from books.invoice_sale")
    with pytest.raises(AssertionError):
        story.check()
    story.ranges.append((FIRST_DAY, FIRST_DAY + timedelta(days=30)))  # overlaps
    story.prepare_again(0)
    story.prepare_again(1)
    with pytest.raises(AssertionError):
        story.check()

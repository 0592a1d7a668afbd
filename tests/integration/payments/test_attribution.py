"""What is paid gives its buyer the product, once: found or made buyers, entries without gap or overlap."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from tests.paying import DRAW_CLOSES, Shop
from tests.racing import Running, at_once, wait_until_blocked
from tillflow.db.connection import APP_ROLE, connect
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments.decisions import approve_funds, request_refund


def attribute(shop: Shop, **given: Any) -> Counter[str]:
    return attribute_paid(given.pop("conn", shop.conn), now=shop.now, actor="test", **given)


def entries(shop: Shop, *, draw: int = 1) -> list[tuple[int, int]]:
    """(first, last) of every order, by number."""
    found = shop.conn.execute(
        "select lower(entries), upper(entries) - 1 from books.attribution where draw_id = %s order by 1", [draw]
    )
    return found.fetchall()  # type: ignore[return-value]


def entries_of(shop: Shop, payment_id: int) -> tuple[int, int] | None:
    found = shop.conn.execute(
        "select lower(entries), upper(entries) - 1 from books.attribution where payment_id = %s", [payment_id]
    )
    return found.fetchone()  # type: ignore[return-value]


def assert_whole(shop: Shop, count: int, *, draw: int = 1) -> None:
    """The draw has given 1..count, each once, and its counter knows."""
    given = [number for first, last in entries(shop, draw=draw) for number in range(first, last + 1)]
    assert given == list(range(1, count + 1))
    counter = shop.conn.execute("select next_entry from books.draw_counter where draw_id = %s", [draw]).fetchone()
    assert (counter or (1,)) == (count + 1,)


def buyer_of(shop: Shop, payment_id: int) -> tuple[Any, ...]:
    """(customer id, e-mail address, first name) of who has the product."""
    found = shop.conn.execute(
        "select b.customer_id, b.email, b.first_name from books.attribution as a"
        " inner join portal.buyer as b on b.id = a.buyer_id where a.payment_id = %s",
        [payment_id],
    ).fetchone()
    assert found is not None
    return found


def add_buyer(shop: Shop, customer_id: str | None, email: str | None, name: str) -> None:
    shop.conn.execute(
        "insert into portal.buyer (customer_id, email, first_name, last_name) values (%s, %s, %s, 'Old')",
        [customer_id, email, name],
    )


def buyers(shop: Shop) -> int:
    return int(shop.conn.execute("select count(*) from portal.buyer").fetchone()[0])  # type: ignore[index]


def stuck(shop: Shop, payment_id: int) -> tuple[str, str | None]:
    return shop.column(payment_id, "product_state"), shop.column(payment_id, "product_problem")


class TestTheBuyer:
    def test_is_found_by_number_and_not_by_address(self, shop: Shop) -> None:
        add_buyer(shop, "C-7", "other@example.com", "Numbered")
        add_buyer(shop, None, "ada@example.com", "Unnumbered")
        (payment,) = shop.sell("CASH", customer="C-7", email="ada@example.com")
        assert attribute(shop) == Counter(attributed=1)
        assert buyer_of(shop, payment) == ("C-7", "other@example.com", "Numbered")
        assert buyers(shop) == 2

    def test_is_found_by_address_among_those_without_a_number(self, shop: Shop) -> None:
        add_buyer(shop, "C-7", "ada@example.com", "Numbered")
        add_buyer(shop, None, "ada@example.com", "Unnumbered")
        (payment,) = shop.sell("CASH", email="ada@example.com")
        attribute(shop)
        assert buyer_of(shop, payment) == (None, "ada@example.com", "Unnumbered")
        assert buyers(shop) == 2

    def test_with_a_number_is_not_found_by_address(self, shop: Shop) -> None:
        add_buyer(shop, "C-7", "ada@example.com", "Numbered")
        (payment,) = shop.sell("CASH", email="ada@example.com")
        attribute(shop)
        assert buyer_of(shop, payment) == (None, "ada@example.com", "Ada")

    def test_is_made_once_for_all_orders_of_an_address(self, shop: Shop) -> None:
        shop.sell("CASH", email="ada@example.com", count=3)
        shop.later(minutes=1)
        shop.sell("CASH", email="ada@example.com")
        attribute(shop, batch=2)
        assert buyers(shop) == 1
        made = shop.conn.execute(
            "select actor, subject_key, action, after ->> 'email' from history.event where subject = 'portal.buyers'"
        ).fetchall()
        assert made == [("test", "email/ada@example.com", "added", "ada@example.com")]

    def test_with_a_postal_address_alone_is_made_for_every_order(self, shop: Shop) -> None:
        first, second = shop.sell("CASH", email=None, count=2)
        assert attribute(shop) == Counter(attributed=2)
        assert buyer_of(shop, first) == buyer_of(shop, second) == (None, None, "Ada")
        assert buyers(shop) == 2

    def test_is_made_once_from_two_sales_at_once(self, shop: Shop, database: str) -> None:
        """Two draws, so that no counter keeps the two callers apart: the address does."""
        add_draw(shop, 2)
        with connect(database, role=APP_ROLE) as first, connect(database, role=APP_ROLE) as second:
            (one,) = shop.sell("CASH", email="ada@example.com")
            with first.transaction():
                attribute(shop, conn=first)
                (two,) = shop.sell("CASH", email="ada@example.com")
                shop.conn.execute("update books.offline_sale set draw_id = 2, draw_product_id = 3 where seq = 2")
                late = Running(lambda: attribute(shop, conn=second))
                wait_until_blocked(shop.conn, second)
            assert late.result() == Counter(attributed=1)
        assert buyers(shop) == 1
        assert buyer_of(shop, one) == buyer_of(shop, two)
        made = shop.conn.execute("select count(*) from history.event where subject = 'portal.buyers'").fetchone()
        assert made == (1,)

    def test_that_is_not_known_keeps_the_sale_waiting_until_they_are(self, shop: Shop) -> None:
        (payment,) = shop.sell("CASH", customer="C-9")
        (other,) = shop.sell("CASH")
        assert attribute(shop) == Counter(stuck=1, attributed=1)
        assert stuck(shop, payment) == ("stuck", "unknown_customer")
        assert attribute(shop) == Counter()
        add_buyer(shop, "C-9", None, "Late")
        assert attribute(shop) == Counter(attributed=1)
        assert stuck(shop, payment) == ("attributed", None)
        assert buyer_of(shop, payment) == ("C-9", None, "Late")
        assert (entries_of(shop, other), entries_of(shop, payment)) == ((1, 1), (2, 2))


class TestTheEntries:
    def test_are_quantity_times_the_products_in_the_order_of_payment(self, shop: Shop) -> None:
        (late,) = shop.sell("CHQ", quantity=2)
        (book,) = shop.sell("CASH", product="B5", quantity=3)
        (ticket,) = shop.sell("CASH", quantity=4)
        shop.later(minutes=5)
        approve_funds(shop.conn, late, actor="ann", now=shop.now)
        assert attribute(shop) == Counter(attributed=3)
        assert [entries_of(shop, payment) for payment in (book, ticket, late)] == [(1, 15), (16, 19), (20, 21)]
        assert_whole(shop, 21)

    @pytest.mark.parametrize("batch", [1, 3, 7, 100])
    def test_have_no_gap_over_many_batches(self, shop: Shop, batch: int) -> None:
        shop.sell("CASH", count=10)
        shop.sell("CASH", count=10, product="B5")
        assert attribute(shop, batch=batch) == Counter(attributed=20)
        assert_whole(shop, 60)

    def test_are_given_once(self, shop: Shop) -> None:
        shop.sell("CASH", count=3)
        assert attribute(shop) == Counter(attributed=3)
        assert attribute(shop) == Counter()
        shop.sell("CASH")
        assert attribute(shop) == Counter(attributed=1)
        assert_whole(shop, 4)

    def test_of_one_import_leave_the_others_alone(self, shop: Shop) -> None:
        (other,) = shop.sell("CASH")
        (payment,) = shop.sell("CASH")
        assert attribute(shop, import_id=shop.column(payment, "import_id")) == Counter(attributed=1)
        assert shop.column(other, "product_state") == "pending"
        assert entries_of(shop, payment) == (1, 1)

    def test_are_counted_in_each_draw(self, shop: Shop) -> None:
        add_draw(shop, 2)
        shop.sell("CASH", count=6)
        shop.conn.execute(
            "update books.offline_sale set draw_id = 2, draw_product_id = 3 where seq % 2 = 0"  # two tickets each
        )
        assert attribute(shop, batch=4) == Counter(attributed=6)
        assert_whole(shop, 3, draw=1)
        assert_whole(shop, 6, draw=2)

    def test_of_two_callers_at_once_do_not_overlap(self, shop: Shop, database: str) -> None:
        shop.sell("CASH", count=200)
        shop.sell("CASH", count=100, product="B5", email=None)

        results = at_once(database, lambda conn: attribute(shop, conn=conn, batch=7), callers=4)
        assert sum(results, Counter()) == Counter(attributed=300)
        assert_whole(shop, 700)

    def test_of_a_caller_who_is_rolled_back_are_given_to_the_next(self, shop: Shop, database: str) -> None:
        shop.sell("CASH", count=5)
        with connect(database, role=APP_ROLE) as other:
            with connect(database, role=APP_ROLE) as doomed, doomed.transaction(force_rollback=True):
                assert attribute(shop, conn=doomed, batch=3) == Counter(attributed=5)
                late = Running(lambda: attribute(shop, conn=other))
                wait_until_blocked(shop.conn, other)
            assert late.result() == Counter(attributed=5)
        assert_whole(shop, 5)

    def test_overlap_nowhere_whoever_writes_them(self, shop: Shop) -> None:
        first, second = shop.sell("CASH", count=2)
        statement = "insert into books.attribution values (%s, 1, 1, int8range(1, 5), now())"
        shop.conn.execute(statement, [first])
        with pytest.raises(psycopg.errors.ExclusionViolation):
            shop.conn.execute(statement, [second])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop.conn.execute("delete from books.attribution")


class TestWhatIsPaidAndCannotBeGiven:
    def test_a_draw_that_was_closed_at_the_moment_of_payment(self, shop: Shop) -> None:
        (early,) = shop.sell("CHQ")
        (late,) = shop.sell("CHQ")
        approve_funds(shop.conn, early, actor="ann", now=DRAW_CLOSES - timedelta(seconds=1))
        approve_funds(shop.conn, late, actor="ann", now=DRAW_CLOSES)
        shop.now = DRAW_CLOSES + timedelta(days=1)  # the moment of payment counts, not that of the call
        assert attribute(shop) == Counter(attributed=1, stuck=1)
        assert stuck(shop, late) == ("stuck", "draw_closed")
        shop.conn.execute("update portal.draw set open_during = '[2026-01-01,2028-01-02)'")
        assert attribute(shop) == Counter(attributed=1)
        assert_whole(shop, 2)

    def test_a_draw_that_is_sold_out(self, shop: Shop) -> None:
        shop.conn.execute("update portal.draw set max_entries = 3")
        payments = shop.sell("CASH", count=4)
        assert attribute(shop) == Counter(attributed=3, stuck=1)
        assert stuck(shop, payments[3]) == ("stuck", "draw_sold_out")
        shop.conn.execute("update portal.draw set max_entries = 4")
        assert attribute(shop) == Counter(attributed=1)
        assert_whole(shop, 4)

    def test_an_order_that_is_too_big_keeps_no_smaller_one_from_what_is_left(self, shop: Shop) -> None:
        shop.conn.execute("update portal.draw set max_entries = 8")
        (first,) = shop.sell("CASH", product="B5")
        (too_big,) = shop.sell("CASH", product="B5")
        small = shop.sell("CASH", count=3)
        assert attribute(shop) == Counter(attributed=4, stuck=1)
        assert [entries_of(shop, payment) for payment in (first, *small)] == [(1, 5), (6, 6), (7, 7), (8, 8)]
        assert stuck(shop, too_big) == ("stuck", "draw_sold_out")
        (later,) = shop.sell("CASH")
        assert attribute(shop) == Counter(stuck=1)
        assert stuck(shop, later) == ("stuck", "draw_sold_out")

    def test_what_stays_stuck_keeps_nothing_else_from_being_given(self, shop: Shop) -> None:
        """More of it than a batch holds, paid before the others."""
        hopeless = shop.sell("CASH", customer="nobody", count=5)
        repaired = shop.sell("CASH", customer="C-1", count=2)
        assert attribute(shop, batch=2) == Counter(stuck=7)
        add_buyer(shop, "C-1", None, "Ann")
        fresh = shop.sell("CASH", count=3)
        assert attribute(shop, batch=2) == Counter(attributed=5)
        assert {shop.column(payment, "product_state") for payment in (*repaired, *fresh)} == {"attributed"}
        assert {stuck(shop, payment) for payment in hopeless} == {("stuck", "unknown_customer")}
        assert_whole(shop, 5)

    def test_one_problem_that_follows_another_is_the_reason_from_then_on(self, shop: Shop) -> None:
        (payment,) = shop.sell("CASH", customer="C-9", quantity=2)
        attribute(shop)
        shop.conn.execute("update books.payment set told_at = now()")
        shop.conn.execute("update portal.draw set max_entries = 1")
        assert attribute(shop) == Counter()
        add_buyer(shop, "C-9", None, "Late")
        assert attribute(shop) == Counter(stuck=1)
        assert stuck(shop, payment) == ("stuck", "draw_sold_out")
        assert shop.column(payment, "told_at") is None  # what the person was told to do is done
        assert attribute(shop) == Counter()

    def test_a_sale_without_its_draw(self, shop: Shop) -> None:
        (payment,) = shop.sell("CASH")
        shop.conn.execute("update books.offline_sale set draw_id = 77")
        assert attribute(shop) == Counter(stuck=1)
        assert stuck(shop, payment) == ("stuck", "draw_closed")

    def test_a_product_that_the_draw_does_not_sell_any_more(self, shop: Shop) -> None:
        gone, there = shop.sell("CASH", count=2)
        shop.conn.execute("update books.offline_sale set draw_product_id = 77 where seq = 1")
        assert attribute(shop) == Counter(stuck=1, attributed=1)
        assert stuck(shop, gone) == ("stuck", "unknown_product")
        assert entries_of(shop, there) == (1, 1)

    def test_being_stuck_is_in_the_history(self, shop: Shop) -> None:
        (payment,) = shop.sell("CASH", customer="C-9")
        attribute(shop)
        found = shop.conn.execute(
            "select actor, action, reason, before ->> 'state' from history.event"
            " where subject = 'product of payment' and subject_key = %s",
            [str(payment)],
        ).fetchall()
        assert found == [("test", "stuck", "unknown_customer", "pending")]

    @pytest.mark.parametrize("when", ["pending", "stuck"])
    def test_what_is_refunded_is_never_given(self, shop: Shop, when: str) -> None:
        (payment,) = shop.sell("CASH", customer="C-9")
        if when == "stuck":
            attribute(shop)
        request_refund(shop.conn, payment, actor="ann", now=shop.now, reason="not wanted")
        add_buyer(shop, "C-9", None, "Late")
        assert attribute(shop) == Counter()
        assert stuck(shop, payment) == ("void", None)
        assert entries(shop) == []

    def test_what_is_not_paid_is_not_given(self, shop: Shop) -> None:
        shop.sell("CC")
        shop.sell("CHQ")
        assert attribute(shop) == Counter()


def test_a_freshly_booked_import_is_not_compared_with_every_buyer(shop: Shop) -> None:
    """The planner takes what was written a moment ago for empty: a plan with a loop in a loop takes minutes."""
    shop.sell("CASH", count=10_000)
    shop.conn.execute("set statement_timeout = '30s'")
    assert attribute(shop) == Counter(attributed=10_000)
    assert_whole(shop, 10_000)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_sold_a_draw_has_given_exactly_1_to_n(shop: Shop, seed: int) -> None:
    """Random orders, limits, buyers, batches, repairs and refunds; the numbers add up after every call."""
    random = Random(seed)  # repeatable, not secret
    shop.conn.execute("update portal.draw set max_entries = %s", [random.choice([None, 20, 60])])
    paid: list[int] = []
    for step in range(6):
        for _ in range(random.randrange(1, 5)):
            customer, email = random.choice(
                [(None, "b#@example.com"), (None, "same@example.com"), (None, None), (f"C-{step}", None)]
            )
            paid += shop.sell(
                "CASH", count=random.randrange(1, 4), quantity=random.randrange(1, 4),
                product=random.choice(["T1", "B5"]), customer=customer, email=email,
            )  # fmt: skip
        if random.random() < 0.4:
            add_buyer(shop, f"C-{random.randrange(step + 1)}-{step}", None, "Ann")
            shop.conn.execute("update portal.draw set max_entries = max_entries + 10")
        if random.random() < 0.4:
            chosen = random.choice(paid)
            if shop.column(chosen, "product_state") != "void":
                request_refund(shop.conn, chosen, actor="ann", now=shop.now, reason="not wanted")
        attribute(shop, batch=random.choice([1, 2, 5, 1000]))
        expected = shop.conn.execute(
            "select coalesce(sum(s.quantity * w.entries), 0), count(*) from books.attribution as a"
            " inner join books.payment as p on p.id = a.payment_id"
            " inner join books.offline_sale as s on s.stream_id = p.stream_id and s.seq = p.seq"
            " inner join portal.draw_product as w on w.id = s.draw_product_id"
        ).fetchone()
        assert expected is not None
        assert_whole(shop, int(expected[0]))
        shop.later(minutes=1)
    left = shop.conn.execute("select count(*) from books.payment where product_state = 'pending'").fetchone()
    assert left == (0,)


def add_draw(shop: Shop, draw_no: int) -> None:
    """Draw 2 of the shop's lottery; its one product, the third there is, gives two entries."""
    shop.conn.execute(
        "with draw as (insert into portal.draw (lottery_id, draw_no, open_during)"
        " select lottery_id, %s, open_during from portal.draw limit 1 returning id)"
        " insert into portal.draw_product (draw_id, product, name, price_minor, entries)"
        " select id, 'T2', 'Two', 900, 2 from draw",
        [draw_no],
    )

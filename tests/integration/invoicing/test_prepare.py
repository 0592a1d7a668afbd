"""Which sales a range holds, what the draft says, and what preparing again does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.billing import NOW, Round
from tests.racing import at_once
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.invoicing.billing_range import BillingRange, EmptyRangeError, first_instant
from tillflow.invoicing.prepare import UnknownCustomerError, prepare

JUNE = ("2026-06-01", "2026-07-01")
JULY = ("2026-07-01", "2026-08-01")


def test_a_range_begins_and_ends_at_midnight_of_the_customer(harbour: Round) -> None:
    before = harbour.sell("2026-05-31T23:59:59.999999+10:00")
    first = harbour.sell("2026-06-01T00:00:00+10:00")
    last = harbour.sell("2026-06-30T23:59:59.999999+10:00")
    after = harbour.sell("2026-07-01T00:00:00+10:00")
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {first: "current", last: "current"}
    assert harbour.sales_in(harbour.prepare("2026-05-01", "2026-06-01").invoice_id) == {before: "current"}
    assert harbour.sales_in(harbour.prepare(*JULY).invoice_id) == {after: "current"}


def test_vended_before_and_recorded_in_the_range_is_backdated(harbour: Round) -> None:
    old = harbour.sell("2026-05-20T10:00:00+10:00", "2026-06-03T10:00:00+10:00")
    draft = harbour.prepare(*JUNE)
    assert harbour.sales_in(draft.invoice_id) == {old: "backdated"}
    assert (draft.current_rows, draft.backdated_rows, draft.backdated_minor) == (0, 1, 350)


def test_vended_in_the_range_and_recorded_after_it_waits_for_the_next(harbour: Round) -> None:
    late = harbour.sell("2026-06-30T20:00:00+10:00", "2026-07-02T10:00:00+10:00")
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {}
    assert harbour.sales_in(harbour.prepare(*JULY).invoice_id) == {late: "backdated"}


def test_a_clock_that_is_fast_puts_a_vend_into_the_range_of_its_vend(harbour: Round) -> None:
    ahead = harbour.sell("2026-07-01T00:04:00+10:00", "2026-06-30T23:58:00+10:00")
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {}
    assert harbour.sales_in(harbour.prepare(*JULY).invoice_id) == {ahead: "current"}


def test_vended_and_recorded_before_the_range_is_not_in_it(harbour: Round) -> None:
    harbour.sell("2026-05-20T10:00:00+10:00", "2026-05-30T10:00:00+10:00")
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {}


def test_another_customers_sales_are_not_in_it(harbour: Round, conn: Connection) -> None:
    Round(conn, "rhein", "Europe/Berlin", "AUD", numbers=harbour.numbers).sell("2026-06-10T10:00:00Z")
    own = harbour.sell("2026-06-10T10:00:00Z")
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {own: "current"}


def test_lines_are_by_site_machine_product_and_price_and_refunds_stand_alone(harbour: Round) -> None:
    harbour.add_site("pit")
    harbour.set_product("1002", rate=700)
    for _ in range(3):
        harbour.sell("2026-06-10T10:00:00Z", quantity=2)
    harbour.sell("2026-06-11T10:00:00Z", quantity=-1)
    harbour.sell("2026-06-11T10:00:00Z", price=400)
    harbour.sell("2026-06-11T10:00:00Z", product="1002", price=999)
    harbour.sell("2026-06-11T10:00:00Z", machine=18, site="pit")
    draft = harbour.prepare(*JUNE)
    lines = harbour.conn.execute(
        "select site_name, asset_no, product_code, quantity, unit_price_minor, net_minor, tax_rate_bp, sale_rows"
        " from books.invoice_line where invoice_id = %s order by line_no",
        [draft.invoice_id],
    ).fetchall()
    assert lines == [
        ("Depot", "VM-17", "1001", 6, 350, 2100, 1000, 3),
        ("Depot", "VM-17", "1001", -1, 350, -350, 1000, 1),
        ("Depot", "VM-17", "1001", 1, 400, 400, 1000, 1),
        ("Depot", "VM-17", "1002", 1, 999, 999, 700, 1),
        ("Pit", "VM-18", "1001", 1, 350, 350, 1000, 1),
    ]
    assert (draft.sale_rows, draft.net_minor) == (7, 3499)


@pytest.mark.parametrize(("sold", "rate", "tax"), [([5], 1000, 1), ([4], 1000, 0), ([5, 5], 1000, 1), ([333], 750, 25)])
def test_tax_is_rounded_once_per_rate_on_its_sum_and_half_goes_up(
    harbour: Round, sold: list[int], rate: int, tax: int
) -> None:
    harbour.set_product("1001", rate=rate)
    for price in sold:
        harbour.sell("2026-06-10T10:00:00Z", price=price)
    draft = harbour.prepare(*JUNE)
    assert (draft.tax_minor, draft.total_minor) == (tax, sum(sold) + tax)


def test_a_refund_is_taxed_as_its_mirror(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z", price=5, quantity=-1)
    draft = harbour.prepare(*JUNE)
    assert (draft.net_minor, draft.tax_minor, draft.total_minor) == (-5, -1, -6)


def test_an_excluded_product_is_left_out_from_the_time_of_its_vend_and_listed(harbour: Round) -> None:
    harbour.set_product("1004", not_invoiced_from="2026-06-15T00:00:00+10:00")
    billed = harbour.sell("2026-06-14T23:59:00+10:00", "2026-06-20T00:00:00+10:00", product="1004")
    harbour.sell("2026-06-15T00:00:00+10:00", product="1004", quantity=2)
    harbour.sell("2026-06-20T00:00:00+10:00", product="1004")
    draft = harbour.prepare(*JUNE)
    assert harbour.sales_in(draft.invoice_id) == {billed: "current"}
    assert harbour.left_out(draft.invoice_id) == [("excluded", "1004", 2, 1050)]


def test_each_currency_gets_a_draft_of_its_own(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    harbour.sell("2026-06-10T10:00:00Z", currency="NZD", price=7)
    aud, nzd = harbour.prepare_all(*JUNE)
    assert [(aud.currency, aud.net_minor), (nzd.currency, nzd.net_minor)] == [("AUD", 350), ("NZD", 7)]


def test_preparing_again_finds_the_draft_that_still_says_the_same(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    first = harbour.prepare(*JUNE)
    assert harbour.prepare(*JUNE) == first
    assert harbour.history(first.invoice_id) == ["prepared"]


def test_preparing_again_replaces_a_draft_that_says_something_else(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    first = harbour.prepare(*JUNE)
    harbour.sell("2026-06-12T10:00:00Z")
    second = harbour.prepare(*JUNE)
    assert (second.sale_rows, second.invoice_id == first.invoice_id) == (2, False)
    assert (harbour.state(first.invoice_id), harbour.state(second.invoice_id)) == ("discarded", "draft")
    assert harbour.sales_in(first.invoice_id) == {}


@pytest.mark.parametrize(
    "change",
    [
        "update portal.customer set city = 'Botany'",
        "insert into portal.provider (name) values ('Southern Vending')",
        "update portal.product set tax_rate_bp = 700",
        "update portal.customer set payment_days = 30",
    ],
)
def test_a_draft_whose_portal_data_changed_is_replaced(harbour: Round, change: str) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    first = harbour.prepare(*JUNE)
    harbour.conn.execute(change)  # type: ignore[arg-type]
    assert harbour.prepare(*JUNE).invoice_id != first.invoice_id


def test_a_range_without_sales_has_an_empty_draft(harbour: Round) -> None:
    draft = harbour.prepare(*JUNE)
    assert (draft.sale_rows, draft.total_minor, draft.currency) == (0, 0, "AUD")


def test_a_draft_in_another_currency_goes_when_its_last_sale_does(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z", currency="NZD", product="1004")
    _, nzd = harbour.prepare_all(*JUNE)
    harbour.set_product("1004", not_invoiced_from="2026-01-01T00:00:00Z")
    assert len(harbour.prepare_all(*JUNE)) == 1
    assert harbour.state(nzd.invoice_id) == "discarded"


def test_two_who_prepare_at_once_get_the_same_draft(harbour: Round, database: str) -> None:
    for _ in range(50):
        harbour.sell("2026-06-10T10:00:00Z")
    drafts = at_once(database, lambda conn: harbour.prepare(*JUNE, conn), callers=4)
    assert len(set(drafts)) == 1
    (standing,) = harbour.conn.execute("select count(*) from books.invoice where state = 'draft'").fetchone()  # type: ignore[misc]
    assert standing == 1


def test_a_sale_that_is_committed_later_is_in_the_draft_when_it_is_prepared_again(
    harbour: Round, database: str
) -> None:
    with connect(database, role=APP_ROLE) as other, other.transaction():
        importing = Round.__new__(Round)
        importing.__dict__.update(harbour.__dict__ | {"conn": other})
        late = importing.sell("2026-06-10T10:00:00Z")
        assert harbour.prepare(*JUNE).sale_rows == 0
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {late: "current"}


def test_wrong_ranges_and_unknown_customers_are_told(conn: Connection) -> None:
    with pytest.raises(EmptyRangeError, match="is empty: its end is the first day that is not in it"):
        BillingRange("harbour", date(2026, 6, 1), date(2026, 6, 1))
    wanted = BillingRange("nobody", date(2026, 6, 1), date(2026, 6, 2))
    with pytest.raises(UnknownCustomerError, match="there is no customer nobody"):
        prepare(conn, wanted, actor="ann", now=NOW)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Australia/Sydney", "2026-10-04", 23),
        ("Australia/Sydney", "2026-04-05", 25),
        ("Europe/Berlin", "2026-06-10", 24),
        ("Africa/Cairo", "2026-04-24", 23),  # clocks skip midnight
        ("Africa/Cairo", "2026-10-29", 25),  # midnight comes twice
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ],
)
def test_days_on_which_clocks_change_have_their_hours(zone: str, day: str, hours: float) -> None:
    this = date.fromisoformat(day)
    assert first_instant(this + timedelta(days=1), zone) - first_instant(this, zone) == timedelta(hours=hours)

"""Sales that no range has covered are seen, each with what to do."""

from __future__ import annotations

from datetime import timedelta

from tests.billing import Round
from tillflow.invoicing.credit import credit
from tillflow.invoicing.uncovered import uncovered

JUNE = ("2026-06-01", "2026-07-01")


def found(harbour: Round) -> list[tuple[str, int, int]]:
    return [(line.why, line.sale_rows, line.amount_minor) for line in uncovered(harbour.conn, ["harbour"])]


def test_everything_is_next_before_the_first_range(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    assert found(harbour) == [("next", 1, 350)]
    assert uncovered(harbour.conn, ["rhein"]) == []
    assert len(uncovered(harbour.conn)) == 1


def test_a_sale_before_the_first_range_is_in_a_gap(harbour: Round) -> None:
    harbour.sell("2026-05-10T10:00:00Z")
    harbour.sell("2026-06-10T10:00:00Z")
    harbour.sell("2026-07-10T10:00:00Z", price=1)
    harbour.prepare(*JUNE)
    assert found(harbour) == [("gap", 1, 350), ("next", 1, 1)]


def test_freed_sales_are_in_a_gap_until_their_range_is_prepared_again(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    june = harbour.prepare(*JUNE).invoice_id
    harbour.post(june)
    harbour.prepare("2026-07-01", "2026-08-01")
    assert found(harbour) == []
    credit(harbour.conn, june, reason="x", actor="ann", now=harbour.now)
    assert found(harbour) == [("gap", 1, 350)]
    harbour.prepare(*JUNE)
    assert found(harbour) == []


def test_a_sale_that_came_after_its_draft_says_so_and_one_after_its_invoice_too(harbour: Round) -> None:
    harbour.sell("2026-06-10T10:00:00Z")
    june = harbour.prepare(*JUNE).invoice_id
    harbour.sell("2026-06-30T10:00:00Z", harbour.now - timedelta(hours=13))
    assert found(harbour) == [("draft", 1, 350)]
    harbour.post(june)
    assert found(harbour) == [("missed", 1, 350)]
    harbour.prepare("2026-07-01", "2026-08-01")
    assert found(harbour) == []


def test_excluded_products_are_nobodys_to_bill(harbour: Round) -> None:
    harbour.set_product("1004", not_invoiced_from="2026-06-15T00:00:00Z")
    harbour.sell("2026-06-14T10:00:00Z", product="1004")
    harbour.sell("2026-06-15T00:00:00Z", product="1004")
    assert found(harbour) == [("next", 1, 350)]

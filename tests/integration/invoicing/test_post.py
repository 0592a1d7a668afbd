"""A draft is posted whole, once, under a number of its own; then nothing of it changes any more."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest
from psycopg import errors, sql

from tests.billing import Round
from tests.racing import Running, at_once, wait_until_blocked
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.invoicing.credit import MissingReasonError, NotPostedError, credit
from tillflow.invoicing.discard import AlreadyPostedError, discard
from tillflow.invoicing.lock import UnknownInvoiceError
from tillflow.invoicing.numbering import BadNumberError, UsedNumberError
from tillflow.invoicing.post import (
    ChangedSnapshotError,
    EmptyInvoiceError,
    InvoicedMeanwhileError,
    NotADraftError,
    Posted,
    post,
)

JUNE = ("2026-06-01", "2026-07-01")
JULY = ("2026-07-01", "2026-08-01")


@pytest.fixture
def draft(harbour: Round) -> int:
    harbour.sell("2026-06-10T10:00:00Z")
    harbour.sell("2026-06-11T10:00:00Z", price=400, quantity=2)
    return harbour.prepare(*JUNE).invoice_id


def held(harbour: Round) -> dict[int, int]:
    """seq -> the invoice that holds the sale."""
    return dict(harbour.conn.execute("select seq, invoice_id from books.invoiced_sale").fetchall())


def test_a_posted_invoice_has_its_number_its_days_and_holds_its_sales(harbour: Round, draft: int) -> None:
    harbour.conn.execute("update portal.customer set payment_days = 30")
    draft = harbour.prepare(*JUNE).invoice_id
    assert harbour.post(draft, "2026-77") == Posted(draft, "2026-77", is_new=True)
    assert harbour.state(draft) == "posted"
    assert held(harbour) == {1: draft, 2: draft}
    found = harbour.conn.execute("select invoice_date, due_date from books.invoice where id = %s", [draft]).fetchone()
    assert found == (date(2026, 7, 1), date(2026, 7, 31))  # 02:00 in UTC is the first of July in Sydney
    assert harbour.history(draft) == ["prepared", "posted"]


def test_the_same_number_again_changes_nothing(harbour: Round, draft: int) -> None:
    harbour.post(draft, "2026-77")
    assert harbour.post(draft, " 2026-77 ") == Posted(draft, "2026-77", is_new=False)
    assert harbour.post(draft) == Posted(draft, "2026-77", is_new=False)
    assert harbour.history(draft) == ["prepared", "posted"]


def test_another_number_is_refused(harbour: Round, draft: int) -> None:
    harbour.post(draft, "2026-77")
    with pytest.raises(NotADraftError, match="has been posted as 2026-77; a number is never changed"):
        harbour.post(draft, "2026-78")


def test_a_used_number_is_refused_in_any_case_and_nothing_is_posted(harbour: Round, draft: int) -> None:
    harbour.post(draft, "abc-1")
    harbour.sell("2026-07-10T10:00:00Z")
    second = harbour.prepare(*JULY).invoice_id
    with pytest.raises(UsedNumberError, match="the number ABC-1 is used already"):
        harbour.post(second, "ABC-1")
    assert harbour.state(second) == "draft"
    assert set(held(harbour)) == {1, 2}


@pytest.mark.parametrize("number", ["", " ", "-1", "1\n2", "x" * 22, "№ 5", "=1+1", "1-"])
def test_what_is_no_number_is_refused(harbour: Round, draft: int, number: str) -> None:
    with pytest.raises(BadNumberError, match="is no invoice number"):
        harbour.post(draft, number)
    assert harbour.state(draft) == "draft"


def test_an_empty_draft_is_refused(harbour: Round) -> None:
    with pytest.raises(EmptyInvoiceError, match="holds no sale"):
        harbour.post(harbour.prepare(*JUNE).invoice_id)


def test_a_sale_that_was_invoiced_meanwhile_is_refused_and_nothing_is_posted(harbour: Round, draft: int) -> None:
    """Ranges that overlap: each draft may hold the sale, one invoice only."""
    harbour.sell("2026-06-25T10:00:00Z")
    other = harbour.prepare("2026-06-11", "2026-07-01").invoice_id
    harbour.post(draft, "first")
    with pytest.raises(InvoicedMeanwhileError, match=r"were invoiced meanwhile \(1 by first\): prepare it again"):
        harbour.post(other)
    assert held(harbour) == {1: draft, 2: draft}
    again = harbour.prepare("2026-06-11", "2026-07-01")
    assert harbour.sales_in(again.invoice_id) == {3: "current"}
    assert harbour.left_out(again.invoice_id) == [("invoiced", "1001", 1, 800)]
    assert harbour.post(again.invoice_id).number == "INV-00001"


def test_a_draft_that_was_replaced_is_refused(harbour: Round, draft: int) -> None:
    harbour.sell("2026-06-12T10:00:00Z")
    harbour.prepare(*JUNE)
    with pytest.raises(NotADraftError, match=r"was discarded \(prepared again: replaced by draft"):
        harbour.post(draft)


def test_a_draft_that_is_not_what_was_seen_is_refused(harbour: Round, draft: int) -> None:
    with pytest.raises(ChangedSnapshotError, match="is not what you have seen"):
        post(harbour.conn, draft, number=None, actor="ann", now=harbour.now, expected_hash=b"\0" * 32)


@pytest.mark.parametrize(
    "change",
    [
        "update books.vend_sale set amount_minor = 349 where seq = 1",
        "update books.vend_sale set vended_at = vended_at + interval '1 microsecond' where seq = 1",
        "delete from books.vend_sale where seq = 1",
        "delete from books.invoice_sale where seq = 1",
        "update books.invoice_line set product_name = 'Gold' where line_no = 1",
    ],
)
def test_a_snapshot_that_differs_from_the_books_is_refused(
    harbour: Round, draft: int, database: str, change: str
) -> None:
    with connect(database) as owner:
        owner.execute(change)  # type: ignore[arg-type]
    with pytest.raises(ChangedSnapshotError, match="prepare it again"):
        harbour.post(draft)
    assert held(harbour) == {}


def test_there_is_no_such_invoice(harbour: Round) -> None:
    with pytest.raises(UnknownInvoiceError, match="there is no invoice 99"):
        harbour.post(99)


def test_a_sale_of_a_posted_invoice_is_in_no_other_draft(harbour: Round, draft: int) -> None:
    harbour.post(draft)
    again = harbour.prepare(*JUNE)
    assert (again.sale_rows, harbour.left_out(again.invoice_id)) == (0, [("invoiced", "1001", 2, 1150)])


def test_what_was_committed_after_its_range_was_prepared_goes_into_the_next(harbour: Round, draft: int) -> None:
    harbour.post(draft)
    late = harbour.sell("2026-06-30T23:00:00+10:00", harbour.now - timedelta(hours=13))
    harbour.now += timedelta(days=31)
    august = harbour.prepare(*JULY)
    assert harbour.sales_in(august.invoice_id) == {late: "late"}
    assert august.backdated_rows == 1
    # taken by one draft, it is in no other
    assert harbour.sales_in(harbour.prepare("2026-08-01", "2026-09-01").invoice_id) == {}
    assert harbour.sales_in(harbour.prepare(*JUNE).invoice_id) == {}
    harbour.post(august.invoice_id)
    assert harbour.sales_in(harbour.prepare("2026-08-01", "2026-09-01").invoice_id) == {}


def test_what_is_missing_in_a_draft_waits_for_the_draft(harbour: Round, draft: int) -> None:
    late = harbour.sell("2026-06-30T23:00:00+10:00", harbour.now - timedelta(hours=13))
    assert harbour.sales_in(harbour.prepare(*JULY).invoice_id) == {}
    assert late in harbour.sales_in(harbour.prepare(*JUNE).invoice_id)


def test_a_series_goes_past_a_number_that_was_given_by_hand(harbour: Round, draft: int) -> None:
    harbour.conn.execute("insert into portal.provider (name, invoice_prefix) values ('S', 'SV-')")
    harbour.post(draft, "SV-00001")
    harbour.sell("2026-07-10T10:00:00Z")
    assert harbour.post(harbour.prepare(*JULY).invoice_id).number == "SV-00002"


def test_a_number_that_was_rolled_back_is_taken_by_the_next(harbour: Round, draft: int) -> None:
    with harbour.conn.transaction(force_rollback=True):
        assert harbour.post(draft).number == "INV-00001"
    assert harbour.post(draft).number == "INV-00001"


def test_a_credit_note_frees_the_sales_for_a_new_invoice(harbour: Round, draft: int) -> None:
    harbour.post(draft)
    credited = credit(harbour.conn, draft, reason="wrong price", actor="ann", now=harbour.now)
    assert (credited.number, credited.is_new) == ("CN-00001", True)
    assert (harbour.state(draft), held(harbour)) == ("credited", {})
    again = credit(harbour.conn, draft, reason="once more", actor="ann", now=harbour.now)
    assert (again.number, again.is_new) == ("CN-00001", False)
    assert harbour.history(draft) == ["prepared", "posted", "credited"]
    new = harbour.prepare(*JUNE)
    assert new.sale_rows == 2
    assert harbour.post(new.invoice_id).number == "INV-00002"
    assert harbour.post(draft).number == "INV-00001"


def test_a_credit_note_needs_a_reason_and_a_posted_invoice(harbour: Round, draft: int) -> None:
    with pytest.raises(NotPostedError, match="is a draft: discard it"):
        credit(harbour.conn, draft, reason="x", actor="ann", now=harbour.now)
    harbour.post(draft)
    with pytest.raises(MissingReasonError):
        credit(harbour.conn, draft, reason=" ", actor="ann", now=harbour.now)
    assert harbour.state(draft) == "posted"


def test_a_credit_note_cannot_have_an_invoices_number(harbour: Round, draft: int) -> None:
    harbour.post(draft, "77")
    with pytest.raises(UsedNumberError):
        credit(harbour.conn, draft, reason="x", actor="ann", now=harbour.now, number="77")
    assert harbour.state(draft) == "posted"


def test_a_discarded_draft_frees_its_sales_and_a_posted_one_is_not_discarded(harbour: Round, draft: int) -> None:
    for _ in range(2):
        discard(harbour.conn, draft, actor="ann", now=harbour.now, reason="wrong month")
    assert harbour.history(draft) == ["prepared", "discarded"]
    with pytest.raises(NotADraftError, match="wrong month"):
        harbour.post(draft)
    again = harbour.prepare(*JUNE).invoice_id
    harbour.post(again)
    with pytest.raises(AlreadyPostedError, match="reverse it by a credit note"):
        discard(harbour.conn, again, actor="ann", now=harbour.now, reason="x")


def test_whether_a_sale_is_invoiced_can_be_asked(harbour: Round, draft: int) -> None:
    ask = "select books.vend_sale_is_invoiced(1, 1), books.vend_sale_is_invoiced(1, 99)"
    assert harbour.conn.execute(ask).fetchone() == (False, False)
    harbour.post(draft)
    assert harbour.conn.execute(ask).fetchone() == (True, False)
    credit(harbour.conn, draft, reason="x", actor="ann", now=harbour.now)
    assert harbour.conn.execute(ask).fetchone() == (False, False)


#: what nobody may do to a posted invoice; the second draft is there to move rows to and from
FORBIDDEN = (
    "update books.invoice set total_minor = total_minor + 1, tax_minor = tax_minor + 1 where id = {posted}",
    "update books.invoice set state = 'draft', invoice_no = null, invoice_date = null, due_date = null,"
    " closed_at = null, closed_by = null where id = {posted}",
    "update books.invoice set invoice_no = 'other' where id = {posted}",
    "delete from books.invoice where id = {posted}",
    "insert into books.invoice_line select {posted}, 99, is_backdated, site_key, site_name, asset_no, product_code,"
    " product_name, quantity, unit_price_minor, net_minor, tax_rate_bp, sale_rows from books.invoice_line"
    " where invoice_id = {posted} and line_no = 1",
    "update books.invoice_line set quantity = 0, net_minor = 0 where invoice_id = {posted}",
    "update books.invoice_line set invoice_id = {draft}, line_no = 99 where invoice_id = {posted} and line_no = 1",
    "update books.invoice_line set invoice_id = {posted}, line_no = 99 where invoice_id = {draft}",
    "delete from books.invoice_line where invoice_id = {posted}",
    "delete from books.invoice_tax where invoice_id = {posted}",
    "update books.invoice_sale set invoice_id = {draft} where invoice_id = {posted}",
    "update books.invoice_sale set invoice_id = {posted} where invoice_id = {draft}",
    "insert into books.invoice_sale values ({posted}, 1, 4711, 0, false, false)",
    "delete from books.invoice_sale where invoice_id = {posted}",
    "insert into books.invoice_left_out values ({posted}, 'excluded', 'x', 'x', 1, 1, 1)",
    "delete from books.invoiced_sale where invoice_id = {posted}",
    "update books.invoiced_sale set invoice_id = {draft}",
    "insert into books.invoiced_sale values (1, 4711, {posted})",
    "insert into books.credit_note values ({draft}, 'C', '2026-07-01', 'x', 'x', now())",
    "delete from books.invoice_number",
    "update books.invoice_number set number = 'other'",
    "update books.number_series set last_no = 0",
    "delete from books.number_series",
    "truncate books.invoice cascade",
    "truncate books.invoice_line",
    "truncate books.invoice_tax",
    "truncate books.invoice_left_out",
    "truncate books.invoice_sale",
    "truncate books.invoiced_sale",
    "truncate books.credit_note",
    "truncate books.invoice_number",
    "truncate books.number_series",
)


@pytest.mark.parametrize("as_owner", [True, False], ids=["owner", "application"])
def test_nobody_changes_what_is_posted(
    harbour: Round, draft: int, database: str, as_owner: bool, subtests: pytest.Subtests
) -> None:
    harbour.post(draft)
    harbour.sell("2026-07-10T10:00:00Z")
    second = harbour.prepare(*JULY).invoice_id
    with connect(database, role=None if as_owner else APP_ROLE) as conn:
        for statement in FORBIDDEN:
            with subtests.test(statement):
                refused = (
                    errors.RestrictViolation if as_owner else (errors.RestrictViolation, errors.InsufficientPrivilege)
                )
                with pytest.raises(refused):
                    conn.execute(sql.SQL(statement).format(posted=sql.Literal(draft), draft=sql.Literal(second)))  # type: ignore[arg-type]


def test_a_line_cannot_slip_into_a_draft_while_it_is_posted(harbour: Round, draft: int, database: str) -> None:
    """The trigger's lock: the row comes before the posting or not at all."""
    statement = "insert into books.invoice_left_out values (%s, 'excluded', 'x', 'x', 1, 1, 1)"
    with connect(database, role=APP_ROLE) as poster, connect(database, role=APP_ROLE) as other:
        with poster.transaction():
            post(poster, draft, number=None, actor="ann", now=harbour.now)
            slipping = Running(lambda: other.execute(statement, [draft]))
            wait_until_blocked(harbour.conn, other)
        with pytest.raises(errors.RestrictViolation, match="is no draft"):
            slipping.result()


def test_an_invoice_that_does_not_add_up_is_not_posted_whoever_asks(harbour: Round, draft: int, database: str) -> None:
    with connect(database) as owner, pytest.raises(psycopg.Error) as refused:
        owner.execute(
            "update books.invoice set state = 'posted', invoice_no = 'x', invoice_date = '2026-07-01',"
            " due_date = '2026-07-01', closed_by = 'x', closed_at = now() where id = %s",
            [draft],
        )
    assert refused.value.sqlstate == "TF001"


def test_two_who_post_the_same_draft_at_once_post_it_once(harbour: Round, draft: int, database: str) -> None:
    found = at_once(database, lambda conn: harbour.post(draft, conn=conn), callers=4)
    assert sorted(one.is_new for one in found) == [False, False, False, True]
    assert {one.number for one in found} == {"INV-00001"}


def test_two_drafts_that_share_a_sale_posted_at_once_are_one_invoice(harbour: Round, draft: int, database: str) -> None:
    other = harbour.prepare("2026-06-11", "2026-07-01").invoice_id
    drafts = iter([draft, other])

    def try_to_post(conn: Connection) -> bool:
        try:
            return harbour.post(next(drafts), conn=conn).is_new
        except InvoicedMeanwhileError:
            return False

    assert sorted(at_once(database, try_to_post)) == [False, True]


def test_a_latecomer_stays_in_the_draft_that_took_it_when_its_own_invoice_is_credited(
    harbour: Round, draft: int
) -> None:
    harbour.post(draft)
    late = harbour.sell("2026-06-30T23:00:00+10:00", harbour.now - timedelta(hours=13))
    july = harbour.prepare(*JULY).invoice_id
    credit(harbour.conn, draft, reason="wrong price", actor="ann", now=harbour.now)
    june = harbour.prepare(*JUNE).invoice_id
    assert harbour.sales_in(july) == {late: "late"}
    assert late not in harbour.sales_in(june)
    assert harbour.left_out(june) == [("in another draft", "1001", 1, 350)]
    assert harbour.post(july).is_new
    assert harbour.post(june).is_new

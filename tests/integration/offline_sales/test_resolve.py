"""A row that waits is corrected, judged again by the same judge, and becomes a sale when nothing is left."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.integration.offline_sales.conftest import NOW, ORDERS, CallCentre
from tests.racing import Running, at_once, wait_until_blocked
from tillflow.codes import Tab
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.offline_sales.resolve import (
    MASK,
    BadCorrectionError,
    ChangedMeanwhileError,
    NotWaitingError,
    Resolution,
)

CARD = "4111 1111 1111 1111"


def test_a_corrected_row_is_a_sale_with_its_payment_and_its_product(centre: CallCentre) -> None:
    waiting = centre.waiting()
    import_id = int(waiting.split("-")[0])
    assert centre.balance(import_id) == {"AUD": (1, 0, 1, 0, 0, 500, 0, 500, 0)}
    assert centre.desk().resolve(waiting, {"quantity": "1"}) == Resolution(is_sale=True, errors=(), corrections=1)
    assert centre.balance(import_id) == {"AUD": (1, 1, 0, 0, 0, 500, 500, 0, 0)}
    row = centre.row(waiting)
    assert (row.verdict, row.tab, row.exception_state, row.reasons) == ("sale", Tab.SUCCESSFUL, "reconciled", ())
    assert row.cleared_reasons == ("bad_quantity",)
    assert row.payment is not None
    assert (row.payment.state, row.payment.product_state) == ("succeeded", "attributed")
    assert [(who, what) for who, what, _ in centre.history(waiting)] == [
        ("lottery_admin", "corrected"),
        ("lottery_admin", "resolved"),
    ]
    assert (row.arrived["quantity"], row.fields["quantity"]) == ("two", "1")


def test_what_is_left_is_told_at_its_field_and_what_was_corrected_is_kept(centre: CallCentre) -> None:
    waiting = centre.waiting(QUANTITY="two", TITLE="Captain", EMAIL="")
    found = centre.desk().resolve(waiting, {"QUANTITY": "1"})
    assert not found.is_sale
    assert [(error.code, error.column) for error in found.errors] == [
        ("bad_title", "title"),
        ("missing_address", "add_line_1"),
        ("missing_address", "add_suburb"),
        ("missing_address", "add_state"),
        ("missing_address", "add_postcode"),
    ]
    assert all(error.message and error.action for error in found.errors)
    row = centre.row(waiting)
    assert (row.fields["quantity"], row.corrections, row.exception_state) == ("1", 1, "open")
    assert {reason.code for reason in row.reasons} == {"bad_title", "missing_address"}
    assert centre.desk().resolve(waiting, {"title": "", "email": "ada@example.com"}).is_sale


def test_a_street_of_which_a_part_is_missing_may_not_be_too_long_either(centre: CallCentre) -> None:
    waiting = centre.waiting(ADD_UNIT="u" * 50, ADD_STREET_NAME="s" * 47)  # 98 with the blank between them
    assert {reason.code for reason in centre.row(waiting).reasons} == {"bad_address"}
    assert centre.desk().resolve(waiting, {"add_unit": "u" * 49}).is_sale


def test_checking_says_the_same_and_keeps_nothing(centre: CallCentre) -> None:
    waiting = centre.waiting(QUANTITY="two", TITLE="Captain")
    before = centre.row(waiting), centre.balance(int(waiting.split("-")[0]))
    checked = centre.desk().check(waiting, {"quantity": "1", "title": "Dr"})
    assert (checked.is_sale, checked.errors) == (True, ())
    assert [error.code for error in centre.desk().check(waiting, {"quantity": "1"}).errors] == ["bad_title"]
    assert (centre.row(waiting), centre.balance(int(waiting.split("-")[0]))) == before
    assert centre.conn.execute("select count(*) from books.payment").fetchone() == (0,)


def test_the_row_stays_as_it_arrived(centre: CallCentre) -> None:
    waiting = centre.waiting()
    centre.desk().resolve(waiting, {"quantity": "1"})
    assert centre.conn.execute("select raw ->> 'quantity' from intake.transaction").fetchone() == ("two",)
    with pytest.raises(psycopg.Error):
        centre.conn.execute("update intake.correction set after = '{}'")
    with pytest.raises(psycopg.Error):
        centre.conn.execute("delete from intake.correction")


@pytest.mark.parametrize("field", ["phone", "card_token", "title"])
def test_a_card_number_is_refused_before_anything_is_kept(centre: CallCentre, field: str) -> None:
    waiting = centre.waiting()
    with pytest.raises(BadCorrectionError, match="card number") as refused:
        centre.desk().resolve(waiting, {"quantity": "1", field: CARD})
    assert refused.value.column == field
    assert "4111" not in str(refused.value)
    assert centre.row(waiting).corrections == 0
    assert b"4111" not in centre.everything()


def test_a_column_that_is_none_is_refused(centre: CallCentre) -> None:
    waiting = centre.waiting()
    for wrong in ({"channel": "club-stall"}, {"nonsense": "1"}, {"title": "x" * 2000}, {"title": "a\0b"}):
        with pytest.raises(BadCorrectionError):
            centre.desk().resolve(waiting, wrong)
    assert centre.row(waiting).corrections == 0


def test_a_card_token_is_replaced_and_never_shown(centre: CallCentre) -> None:
    waiting = centre.waiting(PAYMENT_TYPE="CC", CARD_TOKEN="tok_old_secret", QUANTITY="two")
    assert centre.row(waiting).fields["card_token"] == MASK
    assert centre.desk().resolve(waiting, {"quantity": "1", "card_token": "tok_new_secret"}).is_sale
    assert centre.conn.execute("select card_token, state, next_attempt_at from books.payment").fetchall() == [
        ("tok_new_secret", "due", NOW)
    ]
    shown = f"{centre.row(waiting)}".encode() + centre.everything()
    assert b"secret" not in shown
    before = centre.conn.execute("select before::text from intake.correction").fetchone()
    assert before is not None
    assert "secret" not in before[0]


class TestOrderNumbers:
    def test_a_conflict_is_cleared_by_a_free_number(self, centre: CallCentre) -> None:
        centre.take({})
        conflict = centre.waiting(AMOUNT="10.00", QUANTITY="2")
        assert [reason.code for reason in centre.row(conflict).reasons] == ["order_conflict"]
        (error,) = centre.desk().resolve(conflict, {"quantity": "3", "amount": "15.00"}).errors
        assert (error.code, error.column) == ("order_conflict", "order_id")
        assert centre.desk().resolve(conflict, {"order_id": "9002"}).is_sale
        assert centre.conn.execute("select seq, amount_minor from books.offline_sale order by seq").fetchall() == [
            (9001, 500),
            (9002, 1500),
        ]

    def test_a_number_that_another_row_has_stays_a_conflict(self, centre: CallCentre) -> None:
        centre.take({})
        waiting = centre.waiting(ORDER_ID="9002", QUANTITY="two")
        (error,) = centre.desk().resolve(waiting, {"order_id": "9001", "quantity": "2", "amount": "10.00"}).errors
        assert error.code == "order_conflict"

    def test_the_same_order_again_is_no_second_sale(self, centre: CallCentre) -> None:
        centre.take({})
        waiting = centre.waiting(ORDER_ID="9002", QUANTITY="two")
        (error,) = centre.desk().resolve(waiting, {"order_id": "9001", "quantity": "1"}).errors
        assert (error.column, error.message) == ("order_id", "this order is recorded already, with the same content")
        assert centre.conn.execute("select count(*) from books.offline_sale").fetchone() == (1,)

    def test_a_number_that_is_none_is_told_and_not_booked(self, centre: CallCentre) -> None:
        waiting = centre.waiting()
        found = centre.desk().resolve(waiting, {"order_id": "A-1", "quantity": "1"})
        assert [(error.code, error.column) for error in found.errors] == [("order_id_not_integer", "order_id")]
        assert centre.desk().resolve(waiting, {"order_id": "9100"}).is_sale

    def test_the_number_under_which_it_was_resolved_is_taken(self, centre: CallCentre) -> None:
        waiting = centre.waiting()
        centre.desk().resolve(waiting, {"order_id": "9500", "quantity": "1"})
        again = centre.take({"ORDER_ID": "9500"})
        assert [row.verdict for row in centre.importer.rows(again.import_id)] == ["duplicate"]


def test_it_is_judged_as_of_the_moment_of_resolving(centre: CallCentre) -> None:
    """A draw that has closed meanwhile gives no entries: its cash would be stuck."""
    waiting = centre.waiting()
    centre.conn.execute(
        "update portal.draw set open_during = tstzrange(lower(open_during), %s) where draw_no = 101",
        [NOW + timedelta(hours=1)],
    )
    centre.now += timedelta(hours=2)
    (error,) = centre.desk().resolve(waiting, {"quantity": "1"}).errors
    assert (error.code, error.column) == ("draw_not_open", "draw_no")
    assert centre.desk().resolve(waiting, {"draw_no": "102", "amount": "6.00"}).is_sale
    assert centre.conn.execute("select paid_at, product_state from books.payment").fetchall() == [
        (centre.now, "attributed")
    ]


def test_portal_data_that_was_corrected_is_enough(centre: CallCentre) -> None:
    waiting = centre.waiting(CUSTOMER_ID="C-7777")
    assert not centre.desk().resolve(waiting, {}).is_sale
    centre.conn.execute("insert into portal.buyer (customer_id, first_name, last_name) values ('C-7777', 'A', 'B')")
    assert centre.desk().resolve(waiting, {}).is_sale
    assert centre.row(waiting).corrections == 0


def test_money_that_could_not_be_read_is_counted_as_corrected(centre: CallCentre) -> None:
    booked = centre.take({"CURRENCY": "DOLLARS"}, {"ORDER_ID": "9002"})
    assert centre.balance(booked.import_id) == {
        "AUD": (1, 1, 0, 0, 0, 500, 500, 0, 0),
        "XXX": (1, 0, 1, 0, 0, 0, 0, 0, 0),
    }
    found = centre.desk().resolve(f"{booked.import_id}-2", {"currency": "", "quantity": "2", "amount": "10"})
    assert found.is_sale
    assert centre.balance(booked.import_id) == {
        "AUD": (2, 2, 0, 0, 0, 1500, 1500, 0, 0),
        "XXX": (0, 0, 0, 0, 0, 0, 0, 0, 0),
    }


def test_a_row_is_resolved_while_its_import_is_charged(centre: CallCentre) -> None:
    booked = centre.take({"PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok_ok"}, {"ORDER_ID": "9002", "QUANTITY": "x"})
    status = "select status from intake.import_status where import_id = %s"
    assert centre.conn.execute(status, [booked.import_id]).fetchone() == ("processing",)
    assert centre.desk().resolve(f"{booked.import_id}-3", {"quantity": "1"}).is_sale


def test_resolving_twice_makes_one_sale(centre: CallCentre) -> None:
    waiting = centre.waiting()
    centre.desk().resolve(waiting, {"quantity": "1"})
    with pytest.raises(NotWaitingError, match="waits no more"):
        centre.desk().resolve(waiting, {"quantity": "1"})
    assert centre.conn.execute("select count(*) from books.payment").fetchone() == (1,)


def test_of_two_who_resolve_at_once_one_is_told(centre: CallCentre, database: str) -> None:
    waiting = centre.waiting()

    def resolve(conn: Connection) -> str:
        try:
            return str(centre.desk(conn=conn).resolve(waiting, {"quantity": "1"}).is_sale)
        except NotWaitingError:
            return "told"

    assert sorted(at_once(database, resolve, callers=3)) == ["True", "told", "told"]
    assert centre.conn.execute("select count(*) from books.offline_sale").fetchone() == (1,)


def test_who_waits_for_the_other_is_told(centre: CallCentre, database: str) -> None:
    waiting = centre.waiting()
    with connect(database, role=APP_ROLE) as first, connect(database, role=APP_ROLE) as second:
        with first.transaction():
            first.execute("update books.exception set state = 'abandoned', closed_at = now()")
            late = Running(lambda: centre.desk(conn=second).resolve(waiting, {"quantity": "1"}))
            wait_until_blocked(centre.conn, second)
        with pytest.raises(NotWaitingError, match="it is abandoned"):
            late.result()


def test_who_has_not_seen_the_last_correction_is_told(centre: CallCentre) -> None:
    waiting = centre.waiting(QUANTITY="two", TITLE="Captain")
    centre.desk().resolve(waiting, {"quantity": "1"}, expected=0)
    with pytest.raises(ChangedMeanwhileError):
        centre.desk().resolve(waiting, {"title": "Dr"}, expected=0)
    assert centre.desk().resolve(waiting, {"title": "Dr"}, expected=1).is_sale


def test_two_rows_that_take_one_number_at_once_are_one_sale(centre: CallCentre, database: str) -> None:
    booked = centre.take({"QUANTITY": "x"}, {"ORDER_ID": "9002", "QUANTITY": "y", "FIRST_NAME": "Bea"})
    rows = iter([f"{booked.import_id}-2", f"{booked.import_id}-3"])

    def resolve(conn: Connection) -> bool:
        return centre.desk(conn=conn).resolve(next(rows), {"quantity": "1", "order_id": "9300"}).is_sale

    assert sorted(at_once(database, resolve)) == [False, True]


def test_every_reason_of_the_sample_file_can_be_resolved(centre: CallCentre) -> None:
    """Each row that waits becomes a sale when every field is put right."""
    booked = centre.upload(ORDERS.encode())
    waiting = centre.desk().list_rows(booked.import_id, tab=Tab.REQUIRES_ACTION)
    assert len(waiting) == 27
    right = {
        "lottery": "coast-house", "draw_no": "101", "customer_id": "", "title": "", "first_name": "Ada",
        "last_name": "Nguyen", "add_line_1": "1 Main Street", "add_suburb": "Hobart", "add_state": "TAS",
        "add_postcode": "7000", "add_country": "", "email": "", "phone": "", "product": "TICKET-1", "quantity": "1",
        "amount": "5.00", "currency": "", "payment_type": "CASH", "card_token": "", "sale_date": "2026-06-09",
    }  # fmt: skip
    for row in waiting:
        changed = right | ({"order_id": str(8000 + row.row_no)} if row.reasons[0].code == "order_conflict" else {})
        assert centre.desk().resolve(row.transaction, changed).errors == ()
    assert centre.desk().list_rows(booked.import_id, tab=Tab.REQUIRES_ACTION) == []
    (line,) = [line for currency, line in centre.balance(booked.import_id).items() if currency == "AUD"]
    assert line[:4] == (40, 39, 0, 1)

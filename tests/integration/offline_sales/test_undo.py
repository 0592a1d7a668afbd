"""An import is taken back until anything of it is paid or invoiced; what goes, stays or cannot go is listed."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from tests.importing import Importer
from tests.integration.offline_sales.conftest import NOW, SAMPLES, CallCentre
from tests.racing import at_once
from tillflow.codes import Kind, Tab
from tillflow.db.connection import Connection, connect
from tillflow.errors import FileRefusedError
from tillflow.exception_closing import BadReasonError
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.post import post
from tillflow.invoicing.prepare import prepare
from tillflow.undo import NotUndoableError, Undone

CARD = {"PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok_ok"}
CHEQUE = {"ORDER_ID": "9002", "PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "17"}
BROKEN = {"ORDER_ID": "9003", "QUANTITY": "two"}
WRONG_FILE = (CARD, CHEQUE, BROKEN, CARD)
DUMP = (SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv").read_bytes()


def undo(centre: CallCentre, import_id: int, **given: bool) -> Undone:
    return centre.desk().undo(import_id, reason="the wrong file", **given)


def listed(undone: Undone, outcome: str) -> list[tuple[int, str, str]]:
    return [(row.row_no, row.bucket, row.why) for row in undone.rows[outcome]]


def test_nothing_of_an_unpaid_import_stands_afterwards(centre: CallCentre) -> None:
    booked = centre.take(*WRONG_FILE)
    undone = undo(centre, booked.import_id)
    assert undone.is_whole
    assert listed(undone, "reversed") == [
        (2, "sale", "not_paid"),
        (3, "sale", "not_paid"),
        (4, "exception", "waiting"),
        (5, "duplicate", "duplicate"),
    ]
    assert centre.balance(booked.import_id) == {"AUD": (4, 0, 0, 0, 4, 2000, 0, 0, 2000)}
    assert centre.conn.execute("select count(*) from books.offline_sale").fetchone() == (0,)
    assert centre.conn.execute("select distinct state from books.payment").fetchall() == [("canceled",)]
    status = "select status from intake.import_status where import_id = %s"
    assert centre.conn.execute(status, [booked.import_id]).fetchone() == ("rejected",)
    rows = centre.desk().list_rows(booked.import_id)
    assert [(row.verdict, row.tab) for row in rows] == [("rejected", Tab.ABANDONED)] * 3 + [("rejected", None)]
    assert centre.history(f"{booked.import_id}-2") == [("lottery_admin", "canceled", "the wrong file")]
    assert centre.history(f"{booked.import_id}-4") == [("lottery_admin", "reversed", "the wrong file")]
    event = "select actor, action, reason, after from history.event where subject = 'intake.import' order by id desc"
    assert centre.conn.execute(event).fetchone() == (
        "lottery_admin", "undone", "the wrong file", {"reversed": 4, "kept": 0, "refused": 0},
    )  # fmt: skip


def test_the_same_file_may_be_imported_again(centre: CallCentre) -> None:
    booked = centre.take(*WRONG_FILE)
    with pytest.raises(FileRefusedError, match="already_imported"):
        centre.take(*WRONG_FILE)
    undo(centre, booked.import_id)
    again = centre.take(*WRONG_FILE)
    assert [row.verdict for row in centre.importer.rows(again.import_id)] == [
        "sale", "sale", "exception", "duplicate",
    ]  # fmt: skip
    assert again.import_id != booked.import_id
    states = "select import_id, state from books.payment order by id"
    assert centre.conn.execute(states).fetchall() == [
        (booked.import_id, "canceled"), (booked.import_id, "canceled"), (again.import_id, "due"),
        (again.import_id, "received"),
    ]  # fmt: skip


def test_what_is_paid_stays_and_is_listed(centre: CallCentre) -> None:
    booked = centre.take(*WRONG_FILE, {"ORDER_ID": "9005"})
    undone = undo(centre, booked.import_id)
    assert not undone.is_whole
    assert listed(undone, "refused") == [(6, "sale", "paid")]
    assert undone.count("reversed") == 4
    assert centre.balance(booked.import_id) == {"AUD": (5, 1, 0, 0, 4, 2500, 500, 0, 2000)}
    with pytest.raises(FileRefusedError, match="already_imported"):
        centre.take(*WRONG_FILE, {"ORDER_ID": "9005"})
    assert [row.verdict for row in centre.importer.rows(centre.take(CHEQUE).import_id)] == ["sale"]
    second = undo(centre, booked.import_id)
    assert (second.count("reversed"), listed(second, "refused")) == (0, [(6, "sale", "paid")])


@pytest.mark.parametrize(
    ("moves", "outcome"),
    [
        ([], "reversed"),
        (["in_flight"], "refused"),
        (["in_flight", "unknown"], "refused"),
        (["in_flight", "unknown", "needs_review"], "refused"),
        (["in_flight", "retry_wait"], "reversed"),
        (["failed_hard"], "reversed"),
        (["in_flight", "exhausted"], "reversed"),
        (["in_flight", "succeeded"], "refused"),
        (["canceled"], "kept"),
    ],
)
def test_a_card_goes_back_until_it_may_have_been_charged(centre: CallCentre, moves: list[str], outcome: str) -> None:
    booked = centre.take(CARD)
    for state in moves:
        centre.conn.execute(
            "update books.payment set state = %(s)s,"
            " next_attempt_at = case when %(s)s in ('retry_wait', 'unknown') then %(now)s end,"
            " leased_until = case when %(s)s = 'in_flight' then %(now)s end,"
            " stopped_by = case when %(s)s in ('needs_review', 'failed_hard', 'exhausted') then 'why' end,"
            " paid_at = case when %(s)s = 'succeeded' then %(now)s end,"
            " product_state = case when %(s)s = 'succeeded' then 'pending' else product_state end",
            {"s": state, "now": NOW},
        )
    assert undo(centre, booked.import_id).count(outcome) == 1


def test_what_a_person_has_closed_stays_closed(centre: CallCentre) -> None:
    booked = centre.take(BROKEN)
    centre.conn.execute("update books.exception set state = 'abandoned', closed_at = now()")
    undone = undo(centre, booked.import_id)
    assert (undone.is_whole, listed(undone, "kept")) == (True, [(2, "exception", "abandoned")])


def test_a_resolved_row_goes_back_too(centre: CallCentre) -> None:
    booked = centre.take(BROKEN | {"PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "17"})
    centre.desk().resolve(f"{booked.import_id}-2", {"quantity": "1"})
    assert listed(undo(centre, booked.import_id), "reversed") == [(2, "sale", "not_paid")]
    row = centre.row(f"{booked.import_id}-2")
    assert (row.verdict, row.tab, row.exception_state) == ("rejected", Tab.ABANDONED, "reversed")


def test_undoing_a_correction_lets_the_corrected_rows_wait_again(centre: CallCentre) -> None:
    parent = centre.take(BROKEN)
    child = centre.take(
        BROKEN
        | {"QUANTITY": "1", "PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "1"}
        | {"IMPORT": str(parent.import_id), "ROW": "2"}
    )
    assert listed(undo(centre, parent.import_id), "refused") == [(2, "exception", "corrected_by_another_import")]
    assert undo(centre, child.import_id).is_whole
    assert centre.row(f"{parent.import_id}-2").exception_state == "open"
    assert undo(centre, parent.import_id).is_whole


def test_a_preview_says_the_same_and_keeps_nothing(centre: CallCentre) -> None:
    booked = centre.take(*WRONG_FILE)
    before = centre.balance(booked.import_id), centre.everything()
    preview = undo(centre, booked.import_id, preview=True)
    assert (centre.balance(booked.import_id), centre.everything()) == before
    assert undo(centre, booked.import_id) == preview


def test_undoing_twice_and_at_once_is_one_undo(centre: CallCentre, database: str) -> None:
    booked = centre.take(*WRONG_FILE)

    def try_to(conn: Connection) -> str:
        try:
            return str(centre.desk(conn=conn).undo(booked.import_id, reason="wrong").count("reversed"))
        except NotUndoableError:
            return "told"

    assert sorted(at_once(database, try_to)) == ["4", "told"]
    with pytest.raises(NotUndoableError, match="undone already"):
        undo(centre, booked.import_id)


def test_it_needs_a_reason(centre: CallCentre) -> None:
    booked = centre.take(CARD)
    for reason in (" ", "card 4111 1111 1111 1111"):
        with pytest.raises(BadReasonError):
            centre.desk().undo(booked.import_id, reason=reason)


def test_a_sale_leaves_the_books_in_no_other_way(centre: CallCentre, database: str) -> None:
    booked = centre.take({}, CHEQUE)
    with pytest.raises(psycopg.Error):
        centre.conn.execute("delete from books.offline_sale")
    for row_no in (2, 3):  # paid; and not paid, but its payment not canceled
        with pytest.raises(psycopg.Error, match="its payment is not canceled"):
            centre.conn.execute("select books.take_back_sales(%s, %s, now(), 'me')", [booked.import_id, [row_no]])
    undo(centre, booked.import_id)
    with connect(database) as owner:
        for statement in ("delete from books.reversal", "update books.reversal set bucket = 'duplicate'"):
            with pytest.raises(psycopg.Error):
                owner.execute(statement)  # type: ignore[arg-type]


class TestMachines:
    def take(self, centre: CallCentre) -> int:
        return Importer.take(centre.importer, Kind.EQUIPMENT_SYNC, DUMP, "dump.csv").import_id

    def test_vends_go_back_and_may_come_again(self, centre: CallCentre) -> None:
        import_id = self.take(centre)
        verdicts = [row.verdict for row in centre.importer.rows(import_id)]
        undone = centre.desk("provider").undo(import_id, reason="the wrong machine")
        assert (undone.is_whole, undone.count("reversed")) == (True, len(verdicts))
        assert centre.conn.execute("select count(*) from books.vend_sale").fetchone() == (0,)
        again = self.take(centre)
        assert [row.verdict for row in centre.importer.rows(again)] == verdicts

    def test_what_is_invoiced_stays(self, centre: CallCentre) -> None:
        import_id = self.take(centre)
        june = BillingRange("harbour", date(2026, 6, 1), date(2026, 7, 1))
        (draft,) = prepare(centre.conn, june, actor="ann", now=NOW)
        assert draft.sale_rows > 0
        post(centre.conn, draft.invoice_id, number="INV-1", actor="ann", now=NOW)
        undone = centre.desk("provider").undo(import_id, reason="the wrong machine")
        assert [why for _, _, why in listed(undone, "refused")] == ["invoiced"] * draft.sale_rows
        assert centre.conn.execute("select count(*) from books.vend_sale").fetchone() == (draft.sale_rows,)

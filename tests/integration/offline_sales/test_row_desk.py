"""Who sees which rows, who acts on them, and that every row has a way out."""

from __future__ import annotations

import pytest

from tests.importing import Importer
from tests.integration.offline_sales.conftest import NOW, ORDERS, SAMPLES, CallCentre
from tests.racing import at_once
from tillflow.codes import Kind, Tab
from tillflow.db.connection import Connection
from tillflow.exception_closing import BadReasonError, NotOpenError
from tillflow.payments.decisions import NotNowError
from tillflow.row_desk import Action, NoSuchRowError, NotForThisRowError, NotGrantedError

DUMP = (SAMPLES / "equipment_sync" / "all-machines-2026-06-16.jsonl").read_bytes()
CHEQUE = {"PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "17"}


def dump(centre: CallCentre) -> int:
    return Importer.take(centre.importer, Kind.EQUIPMENT_SYNC, DUMP, "dump.jsonl").import_id


class TestRows:
    def test_are_paged_by_tab_in_the_order_of_the_file(self, centre: CallCentre) -> None:
        import_id = centre.upload(ORDERS.encode()).import_id
        desk = centre.desk()
        every = {tab: desk.list_rows(import_id, tab=tab) for tab in Tab}
        for tab, rows in every.items():
            assert {row.tab for row in rows} <= {tab}
            paged, after = [], 0
            while page := desk.list_rows(import_id, tab=tab, after=after, most=5):
                paged += page
                after = page[-1].row_no
            assert paged == rows
        assert sum(map(len, every.values())) == 39  # all but the duplicate
        assert [row.row_no for row in desk.list_rows(import_id)] == list(range(2, 42))

    def test_tell_everything_but_secrets(self, centre: CallCentre) -> None:
        import_id = centre.upload(ORDERS.encode()).import_id
        rows = centre.desk().list_rows(import_id)
        assert "tok_" not in str(rows)
        several = next(row for row in rows if row.fields.get("order_id") == "5036")
        assert {reason.code for reason in several.reasons} == {
            "bad_title", "bad_first_name", "bad_phone", "bad_quantity", "bad_amount", "missing_address",
            "missing_card_token",
        }  # fmt: skip
        assert all(reason.column and reason.title and reason.message and reason.action for reason in several.reasons)
        card = next(row for row in rows if row.payment and row.payment.payment_type == "CC")
        assert card.payment is not None
        assert (card.payment.state, card.payment.attempts, card.payment.next_retry_at) == ("due", [], NOW)

    def test_of_a_dump_are_masked(self, centre: CallCentre) -> None:
        rows = centre.desk("provider").list_rows(dump(centre))
        waiting = [row for row in rows if row.exception_state == "open"]
        assert waiting
        assert all(row.reasons and row.tab is None and "pin_hash" not in row.fields for row in waiting)
        cards = [row.fields["card_no"] for row in waiting if row.fields.get("card_no")]
        assert cards
        assert all(card.startswith("*") for card in cards)


class TestGrants:
    def test_an_uploader_looks_and_may_not_act(self, centre: CallCentre) -> None:
        waiting = centre.waiting()
        desk = centre.desk("uploader")
        assert desk.get_row(waiting).exception_state == "open"
        assert b"QUANTITY" in b"".join(desk.errors_csv(int(waiting.split("-")[0])))
        for attempt in (
            lambda: desk.resolve(waiting, {"quantity": "1"}),
            lambda: desk.check(waiting, {"quantity": "1"}),
            lambda: desk.act(waiting, Action.ABANDON, reason="no"),
            lambda: desk.undo(int(waiting.split("-")[0]), reason="no"),
        ):
            with pytest.raises(NotGrantedError, match="needs the grant offline_sales_admin"):
                attempt()
        denied = "select action, reason from history.event where actor = 'uploader' and action = 'denied' order by id"
        assert [reason for _, reason in centre.conn.execute(denied)] == ["resolve", "resolve", "abandon", "undo"]

    def test_another_channels_rows_do_not_exist(self, centre: CallCentre) -> None:
        booked = centre.take({"QUANTITY": "two"}, channel="club-stall")
        name, desk = f"{booked.import_id}-2", centre.desk("uploader")
        for attempt in (
            lambda: desk.list_rows(booked.import_id),
            lambda: desk.errors_csv(booked.import_id),
            lambda: desk.undo(booked.import_id, reason="no"),
            lambda: desk.get_row(name),
            lambda: desk.resolve(name, {"quantity": "1"}),
            lambda: desk.act(name, Action.ABANDON, reason="no"),
        ):
            with pytest.raises(NoSuchRowError, match="there is no such"):
                attempt()
        denied = "select count(*) from history.event where actor = 'uploader' and action = 'denied'"
        assert centre.conn.execute(denied).fetchone() == (6,)
        assert centre.row(name).exception_state == "open"

    def test_an_auditor_reads_all_and_changes_nothing(self, centre: CallCentre) -> None:
        waiting, import_id = centre.waiting(), dump(centre)
        desk = centre.desk("auditor")
        (vend, *_) = [row for row in desk.list_rows(import_id) if row.exception_id]
        assert desk.get_row(waiting).exception_state == "open"
        with pytest.raises(NotGrantedError):
            desk.resolve(waiting, {})
        with pytest.raises(NotGrantedError, match="provider"):
            desk.write_off(vend.exception_id or 0, reason="no")

    def test_what_is_not_there(self, centre: CallCentre) -> None:
        waiting = centre.waiting()
        for name in ("", "7", "0-2", "1-", "a-b", "99-2", f"{waiting}0", "1-2; drop", "９-2"):
            with pytest.raises(NoSuchRowError):
                centre.desk().get_row(name)
        with pytest.raises(NoSuchRowError):
            centre.desk("provider").write_off(99, reason="no")


class TestActions:
    def test_funds_are_approved_once(self, centre: CallCentre) -> None:
        booked = centre.take(CHEQUE)
        name = f"{booked.import_id}-2"
        assert centre.row(name).tab is Tab.FUNDS_PENDING
        row = centre.desk().act(name, Action.APPROVE, reason="")
        assert row.payment is not None
        assert row.payment.state == "cleared"
        with pytest.raises(NotNowError):
            centre.desk().act(name, Action.REFUSE, reason="late")

    def test_a_waiting_order_is_abandoned_once(self, centre: CallCentre, database: str) -> None:
        waiting = centre.waiting()

        def abandon(conn: Connection) -> str:
            try:
                return str(centre.desk(conn=conn).act(waiting, Action.ABANDON, reason="gave up").exception_state)
            except NotOpenError:
                return "told"

        assert sorted(at_once(database, abandon)) == ["abandoned", "told"]
        assert centre.history(waiting) == [("lottery_admin", "abandoned", "gave up")]
        assert centre.row(waiting).tab is Tab.ABANDONED

    def test_a_waiting_order_has_no_funds(self, centre: CallCentre) -> None:
        with pytest.raises(NotForThisRowError):
            centre.desk().act(centre.waiting(), Action.APPROVE, reason="yes")

    def test_a_vend_is_written_off_with_a_reason_once(self, centre: CallCentre) -> None:
        import_id, desk = dump(centre), centre.desk("provider")
        (vend, *_) = [row for row in desk.list_rows(import_id) if row.exception_id]
        number = vend.exception_id or 0
        for reason in (" ", "4111 1111 1111 1111"):
            with pytest.raises(BadReasonError):
                desk.write_off(number, reason=reason)
        row = desk.write_off(number, reason="the machine was drowned")
        assert row.exception_state == "written_off"
        assert [(event.actor, event.action, event.reason) for event in row.history] == [
            ("provider", "written_off", "the machine was drowned")
        ]
        with pytest.raises(NotOpenError, match="it is written_off"):
            desk.write_off(number, reason="again")

    def test_each_kind_is_closed_in_its_own_way(self, centre: CallCentre) -> None:
        order = centre.row(centre.waiting())
        import_id = dump(centre)
        (vend, *_) = [row for row in centre.desk("provider").list_rows(import_id) if row.exception_id]
        provider = centre.desk("provider")
        with pytest.raises(NotForThisRowError):
            provider.act(vend.transaction, Action.ABANDON, reason="no")
        with pytest.raises(NotForThisRowError):
            provider.resolve(vend.transaction, {})
        with pytest.raises(NotForThisRowError, match="resolve it, or abandon it"):
            centre.desk().write_off(order.exception_id or 0, reason="no")


#: state of an exception -> the actions that lead out of it, each really carried out below
WAYS_OUT = {
    "open": {"resolve", "abandon", "write off", "re-upload", "undo"},
    "superseded": {"undo of the correction"},
    "reconciled": {"undo"},
}
FINAL = {"abandoned", "written_off", "reversed"}


def test_every_state_of_an_exception_has_a_way_out_or_is_final(centre: CallCentre) -> None:
    """By the table of moves, and by performing every one of them."""
    moves = centre.conn.execute("select from_state, to_state from books.move where machine = 'exception'").fetchall()
    assert {start for start, _ in moves} == WAYS_OUT.keys()
    assert {end for _, end in moves} - WAYS_OUT.keys() == FINAL
    seen: set[tuple[str, str]] = set()

    def moved(name: str, before: str, person: str = "lottery_admin") -> None:
        seen.add((before, centre.desk(person).get_row(name).exception_state or ""))

    resolved = centre.waiting(ORDER_ID="1", QUANTITY="x", **CHEQUE)
    centre.desk().resolve(resolved, {"quantity": "1"})
    moved(resolved, "open")
    centre.desk().undo(int(resolved.split("-")[0]), reason="wrong")
    moved(resolved, "reconciled")
    abandoned = centre.waiting(ORDER_ID="2", QUANTITY="x")
    centre.desk().act(abandoned, Action.ABANDON, reason="gave up")
    moved(abandoned, "open")
    undone = centre.waiting(ORDER_ID="3", QUANTITY="x")
    centre.desk().undo(int(undone.split("-")[0]), reason="wrong")
    moved(undone, "open")
    old = centre.waiting(ORDER_ID="4", QUANTITY="x")
    origin = dict(zip(("IMPORT", "ROW"), old.split("-"), strict=True))
    new = centre.take({"ORDER_ID": "4", **CHEQUE} | origin)
    moved(old, "open")
    centre.desk().undo(new.import_id, reason="wrong")
    moved(old, "superseded")
    (vend, *_) = [row for row in centre.desk("provider").list_rows(dump(centre)) if row.exception_id]
    centre.desk("provider").write_off(vend.exception_id or 0, reason="drowned")
    moved(vend.transaction, "open", "provider")
    assert seen == set(moves)


def test_a_move_that_the_table_does_not_know_is_refused(centre: CallCentre) -> None:
    waiting = centre.waiting()
    centre.desk().act(waiting, Action.ABANDON, reason="gave up")
    with pytest.raises(Exception, match="cannot go from abandoned to open"):
        centre.conn.execute("update books.exception set state = 'open', closed_at = null")

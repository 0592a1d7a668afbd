"""Portal data is fixed, the exceptions are judged again, and what breaks no rule any more is a sale."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import psycopg
import pytest

from tests.importing import Importer
from tests.integration.reconciliation.conftest import JUNE, NOW, SAMPLES, Desk
from tillflow import reconciliations
from tillflow.codes import Kind as FileKind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.reconciliation.reconcile import (
    AlreadyRunningError,
    Counts,
    GivenUpError,
    UnknownScopeError,
    give_up,
    open_reconciliation,
)
from tillflow.reconciliation.scope import Kind, Scope

VM17, ALL = "vm-17-2026-06-11.csv", "all-machines-2026-06-16.jsonl"
BALANCES = (
    "select import_id, currency, sale_rows, exception_rows, sale_minor, exception_minor from intake.balance"
    " order by import_id, currency"
)


def test_the_story_of_the_seed(desk: Desk) -> None:
    assert desk.reasons(VM17, 5) == ("open", ["unknown_product_selection"], [])
    before = desk.product()
    assert before.reconciled == 0
    assert before.failed == before.attempted > 0
    assert desk.reasons(VM17, 5) == ("open", ["unknown_product_selection"], [])
    desk.add_selection()
    after = desk.product()
    assert (after.attempted, after.reconciled) == (before.attempted, 2)
    assert desk.reasons(VM17, 5) == ("reconciled", [], ["unknown_product_selection"])
    sale = desk.conn.execute(
        "select s.row_no, s.vended_at, s.recorded_at, t.name, s.amount_minor, s.quantity, i.code, v.key"
        " from books.vend_sale as s inner join books.item as i on i.id = s.item_id"
        " inner join books.vendee as v on v.id = s.vendee_id inner join books.place as p on p.id = s.place_id"
        " inner join portal.site as t on t.id = p.site_id where s.selection = '000C' and p.asset_no = 'VM-17'"
        " order by s.row_no"
    ).fetchall()
    assert [(row[0], row[4:]) for row in sale] == [(5, (120, 1, "1005", "h01")), (6, (120, 1, "1005", "h02"))]
    assert all(row[2] == NOW and row[1] < NOW for row in sale)  # vended then, recorded now


def test_a_row_with_two_reasons_is_cleared_by_two_runs(desk: Desk) -> None:
    assert desk.reasons(ALL, 5) == ("open", ["unknown_product_selection", "unknown_user"], [])
    desk.add_selection()
    desk.product()
    assert desk.reasons(ALL, 5) == ("open", ["unknown_user"], ["unknown_product_selection"])
    desk.portal("users", "customer,user,name,role,card_no,facility_id\nharbour,h90,Zoe Zero,Consumer,4711,0\n")
    desk.portal("access", "customer,user,equipment\nharbour,h90,VM-17\n")
    desk.user()
    assert desk.reasons(ALL, 5) == ("reconciled", [], ["unknown_product_selection", "unknown_user"])


def test_what_was_cleared_stays_cleared_when_the_portal_changes_back(desk: Desk) -> None:
    desk.add_selection()
    desk.product()
    lines = ["equipment,valid_from,valid_to,selection,product,price,currency"]
    lines.append("VM-17,2025-01-01T00:00:00+11:00,,0001,1001,3.50,AUD")
    desk.portal("planograms", "\n".join(lines) + "\n")  # 000C is gone again
    desk.portal("users", "customer,user,name,role,card_no,facility_id\nharbour,h90,Zoe Zero,Consumer,4711,0\n")
    desk.portal("access", "customer,user,equipment\nharbour,h90,VM-17\n")
    desk.user()
    assert desk.reasons(ALL, 5)[0] == "reconciled"


def test_a_wrong_role_and_a_missing_access_are_repaired(desk: Desk) -> None:
    assert desk.reasons(VM17, 9)[1] == ["user_role_mismatch"]
    assert desk.reasons(VM17, 10)[1] == ["user_access_issue"]
    desk.portal("users", "customer,user,name,role\nharbour,h19,Sam Tech,Consumer\n")
    desk.portal("access", "customer,user,equipment\nharbour,h20,VM-17\n")
    desk.user()
    # the technician had access; the row clears with the role
    assert desk.reasons(VM17, 9)[0] == "reconciled"
    assert desk.reasons(VM17, 10)[0] == "reconciled"


def test_an_unknown_user_who_is_known_now_may_still_lack_access(desk: Desk) -> None:
    desk.portal("users", "customer,user,name,role,card_no,facility_id\nharbour,h90,Zoe Zero,Consumer,4711,0\n")
    desk.user()
    assert desk.reasons(VM17, 7) == ("open", ["user_access_issue"], ["unknown_user"])
    desk.portal("access", "customer,user,equipment\nharbour,h90,VM-17\n")
    desk.user()
    assert desk.reasons(VM17, 7)[0] == "reconciled"


def test_days_are_those_of_the_site_and_both_count(desk: Desk) -> None:
    desk.add_selection()
    assert desk.product(days=(date(2026, 6, 10), date(2026, 6, 10))).reconciled == 0
    assert desk.product(days=(date(2026, 6, 9), date(2026, 6, 9))).reconciled == 2


def test_the_balance_moves_with_the_rows_and_still_holds(desk: Desk) -> None:
    before = {row[:2]: row[2:] for row in desk.conn.execute(BALANCES).fetchall()}
    desk.add_selection()
    counts = desk.product()
    after = {row[:2]: row[2:] for row in desk.conn.execute(BALANCES).fetchall()}
    moved = sum(after[key][0] - before[key][0] for key in before)
    assert moved == counts.reconciled == sum(before[key][1] - after[key][1] for key in before)
    assert all(sum(before[key][2:]) == sum(after[key][2:]) for key in before)
    desk.conn.execute("select intake.verify_balance(id) from intake.import")


def test_zero_rows_still_report(desk: Desk) -> None:
    assert desk.product(days=(date(2020, 1, 1), date(2020, 1, 2))) == Counts(0, 0, 0)
    assert desk.mails()[-1].startswith(f"Tillflow reconciliation {desk.number}: 0 of 0 reconciled, 0 failed")


def test_running_it_twice_is_one_run(desk: Desk) -> None:
    desk.add_selection()
    first = desk.product(key="run-1")
    mails = desk.mails()
    scope = Scope(Kind.PRODUCT, equipment="VM-17", date_from=JUNE[0], date_to=JUNE[1])
    number = reconciliations.ask(desk.conn, scope, request_key="run-1", requested_by="ann", recipients=("a@b.example",))
    assert reconciliations.carry_out(desk.conn, number, desk.importer.settings, recipients=("a@b.example",)) == first
    assert desk.mails() == mails


def test_the_same_scope_at_once_is_told_so(desk: Desk) -> None:
    def ask(key: str, customer: str) -> int:
        scope = Scope(Kind.USER, customer=customer)
        return open_reconciliation(desk.conn, scope, request_key=key, requested_by="ann", now=NOW)

    ask("one", "harbour")
    ask("other", "rhein")
    with pytest.raises(AlreadyRunningError, match="users of harbour is being reconciled already"):
        ask("two", "harbour")


def test_a_forgotten_run_does_not_hold_its_scope_for_ever(desk: Desk) -> None:
    scope = Scope(Kind.USER, customer="harbour")
    desk.conn.execute(
        "insert into books.reconciliation (kind, customer_id, requested_by, requested_at, request_key)"
        " select 'user', id, 'ann', %s - interval '7 hours', 'dead' from portal.customer where key = 'harbour'",
        [NOW],
    )
    assert open_reconciliation(desk.conn, scope, request_key="new", requested_by="ann", now=NOW)


def test_a_run_that_was_given_up_is_not_taken_for_done(desk: Desk) -> None:
    """The retry of a task that met a defect must not report that there was nothing to do."""
    scope = Scope(Kind.USER, customer="harbour")
    number = reconciliations.ask(desk.conn, scope, request_key="k", requested_by="ann", recipients=("a@b.cd",))
    give_up(desk.conn, number, now=NOW)
    mails = desk.mails()
    with pytest.raises(GivenUpError, match="ask for it again"):
        reconciliations.carry_out(desk.conn, number, desk.importer.settings, recipients=("a@b.cd",))
    assert desk.mails() == mails


def test_an_unknown_scope_is_refused(desk: Desk) -> None:
    with pytest.raises(UnknownScopeError, match="there is no customer"):
        desk.user("nobody")
    with pytest.raises(UnknownScopeError, match="there is no machine"):
        desk.product("VM-99999")


def test_a_machine_that_is_allocated_later_is_judged_whole(desk: Desk) -> None:
    """VM-21 stood nowhere on its way: once it is allocated, its rows may also lack their user."""
    state, reasons, _ = desk.reasons(ALL, 10)
    assert (state, "unknown_equipment" in reasons) == ("open", True)
    desk.portal("allocations", "equipment,site,valid_from,valid_to\nVM-21,rhein-halle,2026-06-08,2026-06-10\n")
    desk.product("VM-21")
    state, reasons, cleared = desk.reasons(ALL, 10)
    assert "unknown_equipment" in cleared
    assert "unknown_equipment" not in reasons


def test_a_record_is_final(desk: Desk, conn: Connection) -> None:
    desk.product()
    with pytest.raises(psycopg.Error):
        conn.execute("update books.reconciliation_record set outcome = 'SUCCESS'")


def test_two_scopes_that_share_rows_and_a_sync_at_once_resolve_each_exception_once(desk: Desk, database: str) -> None:
    desk.add_selection()
    desk.portal("users", "customer,user,name,role,card_no,facility_id\nharbour,h90,Zoe Zero,Consumer,4711,0\n")
    desk.portal("access", "customer,user,equipment\nharbour,h90,VM-17\n")
    settings, start = desk.importer.settings, Barrier(3, timeout=60)
    scopes = (
        Scope(Kind.USER, customer="harbour"),
        Scope(Kind.PRODUCT, equipment="VM-17", date_from=JUNE[0], date_to=JUNE[1]),
    )

    def run(scope: Scope) -> Counts:
        with connect(database, role=APP_ROLE) as conn:
            number = reconciliations.ask(
                conn, scope, request_key=str(scope), requested_by="ann", recipients=("a@b.cd",)
            )
            start.wait()
            return reconciliations.carry_out(conn, number, settings, recipients=("a@b.cd",))

    def sync() -> None:
        rows = (SAMPLES / "equipment_sync" / VM17).read_text().splitlines()
        new = [row.replace("VM-17,10", "VM-17,70") for row in rows[1:8]]
        with connect(database, role=APP_ROLE) as conn:
            importer = Importer(conn, desk.importer.home, NOW)
            start.wait()
            importer.take(FileKind.EQUIPMENT_SYNC, "\n".join([rows[0], *new]).encode(), "new.csv")

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(run, scope) for scope in scopes]
        syncing = pool.submit(sync)
        counts = [one.result() for one in running]
        syncing.result()
    assert desk.reasons(ALL, 5)[0] == "reconciled"  # each of the two cleared its part
    resolved = desk.conn.execute(
        "select count(*), count(distinct exception_id) from books.reconciliation_record where outcome = 'SUCCESS'"
    ).fetchone()
    assert resolved == (sum(one.reconciled for one in counts),) * 2
    sales = "select count(*) from books.vend_sale as s inner join intake.transaction as t using (import_id, row_no)"
    assert desk.conn.execute(sales).fetchone() == (resolved[0],)
    desk.conn.execute("select intake.verify_balance(id) from intake.import")

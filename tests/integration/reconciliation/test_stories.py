"""An operator's day: a vend is not billed, its suggested fix is applied, and reconciliation makes a sale of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.integration.reconciliation.conftest import JUNE, NOW, Desk
from tests.integration.reconciliation.test_reconcile import ALL, VM17
from tillflow import reconciliations
from tillflow.codes import Kind as FileKind
from tillflow.codes import PortalEdit as Edit
from tillflow.equipment_sync.exception_facts import FixCode
from tillflow.portal.edit_records import RecordRefusedError, StaleRecordError
from tillflow.portal_desk import NotGrantedError, PortalDesk
from tillflow.portal_fixes import NoSuchExceptionError, OtherFixError, apply_fix, exception_of
from tillflow.reconciliation.reconcile import Counts
from tillflow.reconciliation.scope import Kind, Scope

MAY = (date(2026, 5, 13), date(2026, 5, 13))
#: a machine without a site has no zone of its own: its 13 May may be the 12th
ALL_MAY = (date(2026, 5, 1), date(2026, 5, 31))


def vend(desk: Desk, **changed: str) -> int:
    """A vend of 13 May, synced in June; the number of its exception."""
    row = {
        "equipment": "VM-17", "boot_id": "B9", "txn_seq": "1", "vended_at": "2026-05-13T09:40:12+10:00",
        "selection": "0001", "product_code": "1001", "unit_price": "3.50", "currency": "AUD",
        "card_no": "00040001", "facility_id": "57", "result": "vend",
    }  # fmt: skip
    booked = desk.importer.take(FileKind.EQUIPMENT_SYNC, json.dumps(row | changed).encode(), "may.jsonl")
    found = desk.conn.execute("select id from books.exception where import_id = %s", [booked.import_id]).fetchone()
    assert found is not None
    return int(found[0])


def number_of(desk: Desk, file_name: str, row_no: int) -> int:
    found = desk.conn.execute(
        "select x.id from books.exception as x inner join intake.import as i on i.id = x.import_id"
        " where i.file_name = %s and x.row_no = %s",
        [file_name, row_no],
    ).fetchone()
    assert found is not None
    return int(found[0])


def at_desk(desk: Desk, person: str = "provider") -> PortalDesk:
    return PortalDesk(desk.conn, person, NOW, desk.importer.settings)


def fixes(desk: Desk, exception: int) -> list[str]:
    return [fix.code.value for fix in exception_of(at_desk(desk), exception).fixes]


def fix(desk: Desk, exception: int, code: FixCode, **supplied: str) -> None:
    record = apply_fix(at_desk(desk), exception, code, supplied)
    reason = f"{code.value} for exception {exception}"
    assert at_desk(desk).history_of(record.table, record.key)[-1].reason == reason


def state(desk: Desk, exception: int) -> tuple[str, list[str]]:
    found = desk.conn.execute("select state, reasons from books.exception where id = %s", [exception]).fetchone()
    assert found is not None
    return found[0], found[1]


def sale(desk: Desk, exception: int) -> tuple[Any, ...] | None:
    return desk.conn.execute(
        "select s.selection, s.amount_minor, s.vended_at, s.recorded_at, v.key from books.vend_sale as s"
        " inner join books.exception as x using (import_id, row_no) inner join books.vendee as v on v.id = s.vendee_id"
        " where x.id = %s",
        [exception],
    ).fetchone()


def reported(desk: Desk, exception: int) -> list[tuple[str, str]]:
    """Status and reasons of the exception in the last mail."""
    found = desk.conn.execute(
        "select content from mail.attachment where file_name like '%%.csv' order by message_id desc limit 1"
    ).fetchone()
    assert found is not None
    rows = csv.DictReader(io.StringIO(bytes(found[0]).decode("utf-8-sig")))
    return [(row["STATUS"], row["REASONS_LEFT"]) for row in rows if row["EXCEPTION"] == str(exception)]


def preview(desk: Desk, days: tuple[date, date]) -> Counts:
    scope = Scope(Kind.PRODUCT, equipment="VM-17", date_from=days[0], date_to=days[1])
    return reconciliations.preview(desk.conn, scope, desk.importer.settings, requested_by="ann")


def test_a_selection_that_was_missing(desk: Desk) -> None:
    exception = vend(desk, selection="000C", product_code="1005", unit_price="1.20")
    assert state(desk, exception) == ("open", ["unknown_product_selection"])
    assert desk.product(days=MAY) == Counts(1, 0, 1)
    assert reported(desk, exception) == [("FAILURE", "unknown_product_selection")]
    assert fixes(desk, exception) == ["add_selection"]
    fix(desk, exception, FixCode.ADD_SELECTION)
    assert preview(desk, MAY) == Counts(1, 1, 0)
    assert state(desk, exception)[0] == "open"
    assert fixes(desk, exception) == ["reconcile"]
    assert desk.product(days=MAY) == Counts(1, 1, 0)
    assert reported(desk, exception) == [("SUCCESS", "")]
    # backdated: vended before the month in which it is recorded
    vended = datetime(2026, 5, 12, 23, 40, 12, tzinfo=UTC)
    assert sale(desk, exception) == ("000C", 120, vended, NOW, "h01")
    assert vended < datetime(2026, 5, 31, 14, tzinfo=UTC) <= NOW


def test_a_selection_that_was_missing_clears_every_vend_of_it(desk: Desk) -> None:
    fix(desk, number_of(desk, VM17, 5), FixCode.ADD_SELECTION)
    desk.product()
    assert [desk.reasons(VM17, row)[0] for row in (5, 6)] == ["reconciled", "reconciled"]


def test_a_selection_that_was_another_product(desk: Desk) -> None:
    exception = vend(desk, selection="0001", product_code="1002", unit_price="4.00")
    fix(desk, exception, FixCode.CHANGE_SELECTION)
    assert desk.product(days=MAY).reconciled == 1
    assert sale(desk, exception) is not None


def test_a_product_that_was_not_in_the_portal(desk: Desk) -> None:
    exception = vend(desk, selection="0009", product_code="7777", product_name="Gum", unit_price="2.00")
    fix(desk, exception, FixCode.ADD_PRODUCT)
    fix(desk, exception, FixCode.ADD_SELECTION)
    assert desk.product(days=MAY).reconciled == 1


def test_a_machine_without_a_planogram(desk: Desk) -> None:
    at_desk(desk).put_record("equipment", {"equipment": "VM-50"})
    at_desk(desk).edit(Edit.ALLOCATE, {"equipment": "VM-50", "site": "harbour-depot", "valid_from": "2026-01-01"})
    at_desk(desk).edit(Edit.GIVE_ACCESS, {"customer": "harbour", "user": "h01", "equipment": "VM-50"})
    exception = vend(desk, equipment="VM-50")
    fix(desk, exception, FixCode.ADD_PLANOGRAM)
    assert desk.product("VM-50", days=MAY).reconciled == 1


def test_an_unknown_user(desk: Desk) -> None:
    exception = vend(desk, card_no="55550001")
    assert state(desk, exception) == ("open", ["unknown_user"])
    assert desk.user().reconciled == 0
    fix(desk, exception, FixCode.ADD_USER, user="h77", name="Nell New")
    card = desk.conn.execute("select card_no, facility_id from portal.consumer where key = 'h77'").fetchone()
    assert card == ("55550001", "57")  # whole, from the vend: no report says it
    desk.user()
    assert state(desk, exception) == ("open", ["user_access_issue"])
    fix(desk, exception, FixCode.ADD_ACCESS)
    assert desk.user().reconciled == 1
    assert sale(desk, exception) is not None


def test_an_unknown_access_code(desk: Desk) -> None:
    exception = vend(desk, card_no="", facility_id="", access_code="AC900", pin="7171")
    with pytest.raises(RecordRefusedError) as refused:
        apply_fix(at_desk(desk), exception, FixCode.ADD_USER)
    assert [(error.column, error.code) for error in refused.value.errors] == [
        ("user", "missing_value"), ("name", "missing_value"), ("pin", "missing_value"),
    ]  # fmt: skip
    fix(desk, exception, FixCode.ADD_USER, user="h78", name="Ned New", pin="7171")
    desk.user()  # now that it is known who it was, access is missing
    fix(desk, exception, FixCode.ADD_ACCESS)
    assert desk.user().reconciled == 1


def test_a_pin_that_was_corrected(desk: Desk) -> None:
    exception = vend(desk, card_no="", facility_id="", access_code="AC011", pin="9999")
    fix(desk, exception, FixCode.CORRECT_PIN, pin="9999")
    assert desk.user().reconciled == 1


def test_a_facility_that_was_corrected(desk: Desk) -> None:
    exception = vend(desk, facility_id="58")
    fix(desk, exception, FixCode.CORRECT_FACILITY)
    assert state(desk, exception)[1] == ["unknown_user"]
    desk.user()
    assert state(desk, exception)[0] == "reconciled"


def test_a_facility_overridden_to_0(desk: Desk) -> None:
    exception = number_of(desk, VM17, 7)
    assert (fixes(desk, exception), desk.reasons(VM17, 7)[1]) == (["override_facility"], ["unknown_user"])
    assert desk.user().reconciled == 0
    with pytest.raises(StaleRecordError, match="the user harbour/h04 is there already; nothing was saved"):
        apply_fix(at_desk(desk), exception, FixCode.OVERRIDE_FACILITY, {"user": "h04", "name": "Dmitri Ivanov"})
    fix(desk, exception, FixCode.OVERRIDE_FACILITY, user="h04-0", name="Dmitri Ivanov")
    desk.user()
    fix(desk, exception, FixCode.ADD_ACCESS)
    # the other row of the card lacks its selection too
    assert desk.user().reconciled == 1
    assert desk.reasons(VM17, 7)[0] == "reconciled"


def test_a_role_mismatch(desk: Desk) -> None:
    exception = number_of(desk, VM17, 9)
    assert (fixes(desk, exception), desk.reasons(VM17, 9)[1]) == (["change_role"], ["user_role_mismatch"])
    assert desk.user().reconciled == 0
    fix(desk, exception, FixCode.CHANGE_ROLE)
    desk.user()
    assert desk.reasons(VM17, 9)[0] == "reconciled"


def test_no_access(desk: Desk) -> None:
    exception = number_of(desk, VM17, 10)
    assert (fixes(desk, exception), desk.reasons(VM17, 10)[1]) == (["add_access"], ["user_access_issue"])
    fix(desk, exception, FixCode.ADD_ACCESS)
    desk.user()
    assert desk.reasons(VM17, 10)[0] == "reconciled"


def test_access_that_had_ended_is_given_for_the_day_of_the_vend(desk: Desk) -> None:
    exception = number_of(desk, VM17, 12)
    assert fixes(desk, exception) == ["extend_access"]
    fix(desk, exception, FixCode.EXTEND_ACCESS)
    given = at_desk(desk).list_records("access", filters={"customer": "harbour", "user": "h18"})
    assert [(one.fields["valid_from"], one.fields["valid_to"]) for one in given] == [
        ("2026-05-31T14:00:00+00:00", "2026-06-09T14:00:00+00:00"),
        ("2026-06-09T14:00:00+00:00", "2026-06-10T14:00:00+00:00"),
    ]
    desk.user()
    assert desk.reasons(VM17, 12)[0] == "reconciled"


def test_another_customers_user_and_a_wrong_selection_each_run_clears_its_part(desk: Desk) -> None:
    exception = number_of(desk, ALL, 5)
    assert state(desk, exception) == ("open", ["unknown_product_selection", "unknown_user"])
    assert fixes(desk, exception) == ["add_selection", "override_facility"]
    fix(desk, exception, FixCode.ADD_SELECTION)
    desk.product()
    assert state(desk, exception) == ("open", ["unknown_user"])
    fix(desk, exception, FixCode.OVERRIDE_FACILITY, user="h04-0", name="Dmitri Ivanov")
    desk.user()
    fix(desk, exception, FixCode.ADD_ACCESS)
    desk.user()
    assert state(desk, exception) == ("reconciled", [])
    assert sale(desk, exception) is not None


def test_a_machine_that_stood_nowhere(desk: Desk) -> None:
    exception = number_of(desk, ALL, 10)
    with pytest.raises(RecordRefusedError, match="site: the exception does not say it: fill it in"):
        apply_fix(at_desk(desk), exception, FixCode.ALLOCATE_EQUIPMENT)
    fix(desk, exception, FixCode.ALLOCATE_EQUIPMENT, site="harbour-depot")
    stood = at_desk(desk).list_records("allocations", filters={"equipment": "VM-21"})
    assert [one.fields["valid_to"] for one in stood] == [
        "2026-06-07T14:00:00+00:00", "2026-06-09T22:00:00+00:00", None,
    ]  # fmt: skip
    desk.product("VM-21")
    assert "unknown_equipment" not in state(desk, exception)[1]


def test_a_machine_that_was_not_in_the_portal(desk: Desk) -> None:
    exception = vend(desk, equipment="VM-60")
    fix(desk, exception, FixCode.ADD_EQUIPMENT)
    fix(desk, exception, FixCode.ALLOCATE_EQUIPMENT, site="harbour-depot")
    at_desk(desk).edit(Edit.GIVE_ACCESS, {"customer": "harbour", "user": "h01", "equipment": "VM-60"})
    assert desk.product("VM-60", days=ALL_MAY).reconciled == 0
    fix(desk, exception, FixCode.ADD_PLANOGRAM)
    assert desk.product("VM-60", days=ALL_MAY).reconciled == 1


def test_a_fix_that_does_not_help_any_more_changes_nothing(desk: Desk) -> None:
    exception = number_of(desk, VM17, 5)
    fix(desk, exception, FixCode.ADD_SELECTION)
    with pytest.raises(OtherFixError, match="Now: the portal data has been corrected: reconcile"):
        apply_fix(at_desk(desk), exception, FixCode.ADD_SELECTION)
    desk.product(days=JUNE)
    with pytest.raises(NoSuchExceptionError):
        apply_fix(at_desk(desk), exception, FixCode.ADD_SELECTION)


def test_every_person_fixes_what_is_theirs(desk: Desk) -> None:
    role, selection = number_of(desk, VM17, 9), number_of(desk, VM17, 5)
    with pytest.raises(NotGrantedError):
        apply_fix(at_desk(desk, "auditor"), role, FixCode.CHANGE_ROLE)
    with pytest.raises(NotGrantedError):
        apply_fix(at_desk(desk, "customer_user"), selection, FixCode.ADD_SELECTION)
    for stranger in ("uploader", "nobody"):
        with pytest.raises(NoSuchExceptionError):
            apply_fix(at_desk(desk, stranger), role, FixCode.CHANGE_ROLE)
    apply_fix(at_desk(desk, "customer_user"), role, FixCode.CHANGE_ROLE)
    others = desk.conn.execute(
        "select x.id from books.exception as x inner join portal.customer as c on c.id = x.customer_id"
        " where c.key = 'rhein' and x.state = 'open' limit 1"
    ).fetchone()
    assert others is not None
    with pytest.raises(NoSuchExceptionError, match=f"there is no such open exception: {others[0]}"):
        exception_of(at_desk(desk, "customer_user"), others[0])
    denied = desk.conn.execute(
        "select actor, subject from history.event where action = 'denied' order by id"
    ).fetchall()
    assert denied == [
        ("auditor", "portal.users"), ("customer_user", "portal.planograms"), ("uploader", "exception"),
        ("nobody", "exception"), ("customer_user", "exception"),
    ]  # fmt: skip

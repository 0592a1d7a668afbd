"""Who may read and edit what of portal data; what is not theirs does not exist, and trying is in the history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importing import Importer
from tests.integration.portal.conftest import NOW, SECRET
from tillflow.codes import PortalEdit as Edit
from tillflow.db.connection import DESK_ROLE
from tillflow.portal.edit_records import Editing, RecordRefusedError, put_record
from tillflow.portal.records import NoSuchRecordError
from tillflow.portal.tables import TABLES
from tillflow.portal_desk import NotGrantedError, PortalDesk

# mypy: the fixtures' class stands in conftest.py
Portal = Any

OPERATORS = (
    "user_name,capability,channel,customer\n"
    "prov,provider,,\naud,auditor,,\nup,offline_sales_upload,cc,\nboss,offline_sales_admin,stall,\n"
    "cust,customer_user,,BETA\n"
)
SINCE = "2024-12-31T13:00:00+00:00"
EVERYTHING = [table.name for table in TABLES]
CUSTOMERS = {"customers", "sites", "equipment", "allocations", "planograms", "users", "access"}
#: person -> the tables they read, those they edit
MATRIX = {
    "prov": (set(EVERYTHING), set(EVERYTHING)),
    "aud": (set(EVERYTHING), set()),
    "cust": (CUSTOMERS, {"users", "access"}),
    "boss": ({"lotteries", "draws", "draw_products"}, set()),
    "up": (set(), set()),
    "nobody": (set(), set()),
    "": (set(), set()),
}
#: a record of ACME, or of nobody, in each table; and a change of it
RECORDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "channels": (("cc",), {"channel": "cc", "name": "New"}),
    "lotteries": (("GOLD",), {"lottery": "GOLD", "name": "New"}),
    "draws": (("GOLD", "1"), {"lottery": "GOLD", "draw_no": "1", "max_entries": "2000"}),
    "draw_products": (("GOLD", "1", "T1"), {"lottery": "GOLD", "draw_no": "1", "product": "T1", "name": "New"}),
    "buyers": (("C-1", ""), {"customer_id": "C-1", "first_name": "New"}),
    "customers": (("ACME",), {"customer": "ACME", "name": "New"}),
    "sites": (("HQ",), {"site": "HQ", "name": "New"}),
    "equipment": (("VM-1",), {"equipment": "VM-1", "name": "New"}),
    "allocations": (
        ("VM-1", SINCE),
        {"equipment": "VM-1", "valid_from": "2025-01-01", "site": "HQ", "valid_to": "2027-01-01"},
    ),
    "products": (("1005",), {"product": "1005", "name": "New"}),
    "planograms": (
        ("VM-1", SINCE, "0001"),
        {"equipment": "VM-1", "valid_from": "2025-01-01", "selection": "0001", "price": "9"},
    ),
    "users": (("ACME", "u1"), {"customer": "ACME", "user": "u1", "name": "New"}),
    "access": (
        ("ACME", "u1", "VM-1", ""),
        {"customer": "ACME", "user": "u1", "equipment": "VM-1", "valid_to": "2027-01-01"},
    ),
    "provider": (("main",), {"provider": "main", "name": "New"}),
    "operators": (("ann", "offline_sales_upload", "cc", ""), {"user_name": "ann", "capability": "auditor"}),
}


class Office:
    """Desks of persons in one installation."""

    def __init__(self, portal: Portal, home: Path) -> None:
        self.portal = portal
        self.settings = Importer(portal.conn, home, NOW).settings
        portal.load(operators=OPERATORS)
        portal.load(
            sites="site,customer,name,zone\nSYD,ACME,Sydney,UTC\n",
            allocations="equipment,site,valid_from,valid_to\nVM-2,SYD,2026-02-01,\n",
        )

    def desk(self, person: str) -> PortalDesk:
        return PortalDesk(self.portal.conn, person, NOW, self.settings)

    def denied(self, after: int) -> list[tuple[Any, ...]]:
        return list(
            self.portal.rows(
                "select actor, subject, subject_key, reason from history.event where id > %s and action = 'denied'"
                " order by id",
                after,
            )
        )


@pytest.fixture
def office(filled: Portal, tmp_path: Path) -> Office:
    return Office(filled, tmp_path)


@pytest.mark.parametrize("person", MATRIX)
def test_the_tables_of_each_person(office: Office, person: str) -> None:
    reads, edits = MATRIX[person]
    assert office.desk(person).tables() == {name: name in edits for name in EVERYTHING if name in reads}


@pytest.mark.parametrize("table", EVERYTHING)
@pytest.mark.parametrize("person", MATRIX)
def test_the_matrix(office: Office, person: str, table: str) -> None:
    """What is refused leaves a line in the history, and nothing else."""
    desk, (key, change) = office.desk(person), RECORDS[table]
    reads, edits = MATRIX[person]
    # the records are another customer's: of these a customer's user reads none
    sees = table in reads and person != "cust"
    may_edit = sees and table in edits
    for allowed, may_know, attempt in (
        (sees, False, lambda: desk.get_record(table, key)),
        (sees, False, lambda: desk.history_of(table, key)),
        (may_edit, True, lambda: desk.put_record(table, change)),
    ):
        before, last = office.portal.everything(), office.portal.last_event
        if allowed:
            attempt()
            assert office.denied(last) == []
            continue
        # who reads a record of theirs is told that they may not change it; anybody else, that there is none
        with pytest.raises(
            NotGrantedError if table in reads and table not in edits and may_know else NoSuchRecordError
        ):
            attempt()
        assert [row[:2] for row in office.denied(last)] == [(person or "(nobody)", f"portal.{table}")]
        after = office.portal.everything()
        assert {name for name in after if after[name] != before[name]} <= {"history.event"}


def test_another_customers_record_is_told_apart_from_none_by_nobody(office: Office) -> None:
    cust = office.desk("cust")
    told = set()
    for user in ("u1", "u9"):
        for attempt in (
            lambda key: cust.get_record("users", key),
            lambda key: cust.history_of("users", key),
            lambda key: cust.put_record("users", {"customer": key[0], "user": key[1], "name": "X", "role": "Consumer"}),
            lambda key: cust.delete_record("users", key),
            lambda key: cust.edit(Edit.CHANGE_ROLE, {"customer": key[0], "user": key[1], "role": "Consumer"}),
        ):
            with pytest.raises(NoSuchRecordError) as unknown:
                attempt(("ACME", user))
            told.add(str(unknown.value).replace(user, "U"))
    assert told == {"there is no such user: ACME/U"}


def test_a_customers_user_works_in_their_own(office: Office) -> None:
    cust = office.desk("cust")
    assert {one.key for one in cust.list_records("users")} == {("BETA", "u1")}
    assert [one.key for one in cust.list_records("sites")] == [("PAR",)]
    assert [one.key for one in cust.list_records("equipment")] == [("VM-2",)]
    # the machine stands with another customer now: when and where is not theirs
    assert [one.fields["site"] for one in cust.list_records("allocations")] == ["PAR"]
    assert {one.fields["valid_to"] for one in cust.list_records("planograms")} == {"2025-12-31T23:00:00+00:00"}
    cust.put_record("users", {"customer": "BETA", "user": "u2", "name": "Di", "role": "Consumer"}, reason="new")
    given = cust.edit(Edit.GIVE_ACCESS, {"customer": "BETA", "user": "u2", "equipment": "VM-2"})
    cust.edit(Edit.END_ACCESS, {"customer": "BETA", "user": "u2", "equipment": "VM-2", "at": "2026-03-01"})
    cust.delete_record("access", given.key)
    cust.delete_record("users", ("BETA", "u2"))
    assert [(event.actor, event.action) for event in cust.history_of("users", ("BETA", "u2"))] == [
        ("cust", "added"), ("cust", "removed"),
    ]  # fmt: skip


def test_another_customers_machine_is_no_machine(office: Office) -> None:
    cust, last = office.desk("cust"), office.portal.last_event
    said = []
    for machine in ("VM-1", "VM-404"):
        with pytest.raises(RecordRefusedError) as refused:
            cust.put_record("access", {"customer": "BETA", "user": "u1", "equipment": machine})
        said += [(error.column, error.code, error.message.replace(machine, "M")) for error in refused.value.errors]
        with pytest.raises(RecordRefusedError):
            cust.edit(Edit.GIVE_ACCESS, {"customer": "BETA", "user": "u1", "equipment": machine})
    assert said == [("equipment", "unknown_reference", 'there is no equipment "M"')] * 2
    assert len(office.denied(last)) == 4


def test_special_edits_are_the_providers(office: Office) -> None:
    arguments = {"equipment": "VM-1", "site": "PAR", "at": "2026-03-01"}
    with pytest.raises(NotGrantedError, match="you may read allocations and not change them: ask the provider"):
        office.desk("aud").edit(Edit.MOVE, arguments)
    with pytest.raises(NoSuchRecordError):
        office.desk("up").edit(Edit.MOVE, arguments)
    assert office.desk("prov").edit(Edit.MOVE, arguments).fields["site"] == "PAR"


def test_the_role_of_pages_and_rest_can_edit(office: Office) -> None:
    """It sees less of the books; what portal data needs is there."""
    conn = office.portal.conn
    conn.execute("select set_config('role', %s, false), set_config('tillflow.person', 'prov', false)", [DESK_ROLE])
    prov = office.desk("prov")
    seen = prov.get_record("channels", ("stall",))
    prov.put_record("channels", {"channel": "stall", "name": "Kiosk"}, expected=seen.token)
    assert [event.action for event in prov.history_of("channels", ("stall",))] == ["added", "changed"]
    prov.delete_record("access", ("ACME", "u1", "VM-1", ""))


def test_who_tried_to_read_is_no_customers_business(office: Office) -> None:
    with pytest.raises(NoSuchRecordError):
        office.desk("up").get_record("users", ("BETA", "u1"))
    assert "up" not in [event.actor for event in office.desk("cust").history_of("users", ("BETA", "u1"))]
    assert "up" in [event.actor for event in office.desk("prov").history_of("users", ("BETA", "u1"))]


def test_pins_are_hashed_with_the_installations_secret(office: Office) -> None:
    office.desk("prov").put_record("users", {"customer": "BETA", "user": "u1", "access_code": "9", "pin": "4321"})
    (at_the_desk,) = office.portal.rows("select pin_hash from portal.consumer where access_code = '9'")
    editing = Editing(actor="x", now=NOW, pin_secret=office.settings.pin_secret)
    put_record(office.portal.conn, "users", {"customer": "BETA", "user": "u1", "pin": "4321"}, editing=editing)
    assert office.portal.rows("select pin_hash from portal.consumer where access_code = '9'") == [at_the_desk]
    assert office.settings.pin_secret != SECRET

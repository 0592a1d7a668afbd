"""Whatever is edited in whatever order: periods never overlap, and what is listed loads again and changes nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.portal.conftest import PORTAL, SECRET
from tillflow.codes import PortalEdit as Edit
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.portal.edit_records import Editing, RecordRefusedError, StillUsedError, delete_record, put_record
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.portal.records import NoSuchRecordError, list_records
from tillflow.portal.special_edits import carry_out
from tillflow.portal.tables import TABLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PAT = Editing(actor="pat", now=NOW, pin_secret=SECRET)
EMPTY = "".join(
    f"delete from portal.{name};"
    for name in "access selection planogram allocation operator consumer site customer equipment product buyer"
    " draw_product draw lottery channel provider".split()
)
OVERLAPS = """
with periods as (
    select 'allocation ' || equipment_id as owner, id, valid from portal.allocation
    union all
    select 'planogram ' || equipment_id, id, valid from portal.planogram
    union all
    select 'access ' || consumer_id || ' ' || equipment_id, id, valid from portal.access
)
select count(*) from periods as a inner join periods as b on a.owner = b.owner and a.id < b.id and a.valid && b.valid
"""

equipment = st.sampled_from(["VM-1", "VM-2", "VM-3"])
site = st.sampled_from(["HQ", "PAR", "LAB"])
day = st.sampled_from(["2024-12-01", "2025-01-01", "2025-06-01", "2026-01-01", "2026-02-01T12:00Z", "2026-04-05"])
maybe_day = st.one_of(st.just(""), day)
selection = st.sampled_from(["0001", "000C", "0009"])
product = st.sampled_from(["1005", "1006", "1007"])
user = st.sampled_from(["u1", "u2", "u3"])
placed = {"equipment": equipment, "site": site}
sold = {"equipment": equipment, "selection": selection, "product": product, "price": st.sampled_from(["1", "2.50"]),
        "currency": st.just("AUD")}  # fmt: skip
may_vend = {"customer": st.just("ACME"), "user": user, "equipment": equipment}
replaced = st.sampled_from(["", "1005", "1006"])

EDITS: dict[tuple[Edit, str], dict[str, st.SearchStrategy[str]]] = {
    (Edit.PUT_RECORD, "allocations"): placed | {"valid_from": day, "valid_to": maybe_day},
    (Edit.PUT_RECORD, "planograms"): sold | {"valid_from": day, "valid_to": maybe_day},
    (Edit.PUT_RECORD, "access"): may_vend | {"valid_from": maybe_day, "valid_to": maybe_day},
    (Edit.PUT_RECORD, "equipment"): {"equipment": equipment, "name": st.sampled_from(["", "Hall"])},
    (Edit.PUT_RECORD, "users"): {
        "customer": st.just("ACME"), "user": user, "name": st.just("N"), "role": st.just("Consumer"),
        "card_no": st.sampled_from(["", "4711", "4712"]), "facility_id": st.sampled_from(["", "0", "57"]),
    },
    (Edit.REPAIR_SELECTION, ""): sold | {"at": day, "replaces": replaced},
    (Edit.CHANGE_SELECTION_FROM, ""): sold | {"valid_from": day, "replaces": replaced},
    (Edit.CLONE_PLANOGRAM, ""): {
        "equipment": equipment, "at": day, "to_equipment": equipment, "valid_from": day, "valid_to": maybe_day,
    },
    (Edit.ALLOCATE, ""): placed | {"valid_from": day, "valid_to": maybe_day},
    (Edit.MOVE, ""): placed | {"at": day},
    (Edit.GIVE_ACCESS, ""): may_vend | {"valid_from": maybe_day, "valid_to": maybe_day},
    (Edit.END_ACCESS, ""): may_vend | {"at": day},
    (Edit.EXCLUDE_PRODUCT, ""): {"product": product, "valid_from": day},
    (Edit.INCLUDE_PRODUCT, ""): {"product": product},
}  # fmt: skip
an_edit = st.sampled_from(sorted(EDITS)).flatmap(
    lambda which: st.tuples(st.just(which), st.fixed_dictionaries(EDITS[which]))
)
a_removal = st.tuples(st.sampled_from(["access", "allocations", "planograms", "equipment"]), st.integers(0, 9))


@pytest.fixture(scope="module")
def conn(postgres: Any, migrated: str) -> Iterator[Connection]:
    """The mould itself: it is emptied again."""
    with connect(postgres.url("tillflow")) as owner:
        owner.execute(f"set role {APP_ROLE}")
        yield owner
        owner.execute(EMPTY)


def as_files(conn: Connection) -> dict[str, bytes]:
    files = {}
    for table in TABLES:
        text = io.StringIO()
        columns = [column.name for column in table.columns if column.name != "pin"]
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        for record in list_records(conn, table.name, most=None):
            writer.writerow({name: str(v).lower() if isinstance(v, bool) else v for name, v in record.fields.items()})
        files[f"{table.name}.csv"] = text.getvalue().encode()
    return files


def attempt(conn: Connection, step: Any) -> bool:
    """True where it was done; a refusal is an answer, anything else an error of ours."""
    which, given = step
    try:
        if isinstance(which, tuple) and which[0] is Edit.PUT_RECORD:
            put_record(conn, which[1], given, editing=PAT)
        elif isinstance(which, tuple):
            carry_out(conn, which[0], given, PAT)
        elif records := list_records(conn, which, most=None):
            delete_record(conn, which, records[given % len(records)].key, editing=PAT)
    except (NoSuchRecordError, StillUsedError):
        return False
    except RecordRefusedError as refusal:
        if any(error.code == "conflicting_change" for error in refusal.errors):
            raise  # the rules speak, not a constraint
        return False
    return True


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.one_of(an_edit, an_edit, an_edit, a_removal), min_size=1, max_size=8))
def test_periods_never_overlap_and_what_is_listed_loads_again(conn: Connection, steps: list[Any]) -> None:
    conn.execute(EMPTY)
    files = {f"{name}.csv": text.encode() for name, text in PORTAL.items()}
    load_portal_data(conn, files, actor="pat", now=NOW, pin_secret=SECRET)
    more = {"equipment.csv": b"equipment\nVM-3\n", "sites.csv": b"site,customer,name,zone\nLAB,ACME,Lab,Asia/Kolkata\n"}
    load_portal_data(conn, more, actor="pat", now=NOW, pin_secret=SECRET)
    for step in steps:
        before = as_files(conn)
        if not attempt(conn, step):
            assert as_files(conn) == before
    found = conn.execute(OVERLAPS).fetchone()
    assert found == (0,)
    listed = as_files(conn)
    load = load_portal_data(conn, listed, actor="pat", now=NOW, pin_secret=SECRET)
    assert {(c.added, c.changed, c.removed, c.ended) for c in load.counts.values()} == {(0, 0, 0, 0)}
    assert as_files(conn) == listed

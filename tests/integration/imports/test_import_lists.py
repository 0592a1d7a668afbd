"""A page of the list of imports costs the same, whatever is asked for and however many imports there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tillflow.codes import ImportStatus, Kind
from tillflow.db.connection import DESK_ROLE, Connection, connect
from tillflow.import_desk import ImportFilter, ImportPage, Sight, find_import, list_imports
from tillflow.offline_sales.overview import import_overview, import_overviews

NOW = datetime(2026, 6, 15, tzinfo=UTC)
FILES = 30_000
#: rows that a page may touch, of every table: the imports looked at and what becomes of each
FEW = 500
SIGHTS = {"auditor": Sight(channels=None, is_machines=True), "admin": Sight(channels=("stall",), is_machines=False)}

_PLACES = """
insert into portal.channel (key, name, zone)
values ('centre', 'Centre', 'Australia/Sydney'), ('stall', 'Stall', 'Australia/Perth');
insert into portal.operator (user_name, capability, channel_id)
select 'admin', 'offline_sales_admin', c.id from portal.channel as c where c.key = 'stall';
insert into portal.operator (user_name, capability) values ('auditor', 'auditor');
"""
#: one an hour, the newest now; each hundredth is the stall's, each tenth a dump, and all are completed
_IMPORTS = """
insert into intake.import (
    kind, channel_id, file_name, uploader, source, source_version, sha256, size_bytes, received_at, booked_at,
    archive_path
)
select
    case when n %% 10 = 0 and n %% 100 <> 0 then 'equipment_sync' else 'offline_sales' end,
    case
        when n %% 100 = 0 then (select id from portal.channel where key = 'stall')
        when n %% 10 <> 0 then (select id from portal.channel where key = 'centre')
    end,
    'file-' || n || '.csv', case when n = 2 then 'eve' else 'ann' end, 'bulk', n::text, md5(n::text) || md5(n::text), 1,
    %(now)s - (%(files)s - n) * interval '1 hour', %(now)s, 'x'
from generate_series(1, %(files)s) as n;
"""
_PAYMENTS = """
insert into books.payment (
    stream_id, seq, import_id, row_no, payment_type, amount_minor, currency, state, paid_at, product_state, moved_at,
    moved_by
)
select 1, i.id * 10 + r, i.id, r + 2, 'CASH', 500, 'AUD', 'succeeded', %(now)s, 'attributed', %(now)s, 'import'
from intake.import as i cross join generate_series(0, 1) as r where i.kind = 'offline_sales';
"""
_CHEQUE = """
insert into books.payment (
    stream_id, seq, import_id, row_no, payment_type, amount_minor, currency, state, stopped_by, product_state, moved_at,
    moved_by
)
select 2, %(id)s * 1000 + n, %(id)s, 100 + n, 'CHQ', 500, 'AUD', 'returned', 'bounced', 'unpaid', %(now)s, 'import'
from generate_series(1, 500) as n
"""
_TOUCHED = """
select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int from pg_stat_xact_user_tables
where schemaname in ('intake', 'books')
"""


@pytest.fixture
def many(database: str) -> str:
    """Many completed imports; of the stall's oldest ones one is processing, one requires action, one was refused."""
    with connect(database) as owner:
        owner.execute(_PLACES)
        for statement in (_IMPORTS, _PAYMENTS):
            owner.execute(statement, {"now": NOW, "files": FILES})  # type: ignore[arg-type]
        owner.execute("update intake.import set booked_at = null where id = 100")
        owner.execute(_CHEQUE, {"id": 200, "now": NOW})
        owner.execute(_CHEQUE, {"id": 201, "now": NOW})
        owner.execute("update intake.import set booked_at = null, rejected_at = %s where id = 300", [NOW])
        owner.execute("analyze intake.import, books.payment, books.refund, books.exception")
    return database


def touched(database: str, person: str, ask: Callable[[Connection], ImportPage]) -> tuple[ImportPage, int]:
    """A page as the desk reads it in the name of `person`, and the rows that were touched for it."""
    with connect(database, role=DESK_ROLE) as conn, conn.transaction():
        conn.execute("select set_config('tillflow.person', %s, false)", [person])
        before = conn.execute(_TOUCHED).fetchone() or (0,)
        page = ask(conn)
        after = conn.execute(_TOUCHED).fetchone() or (0,)
        return page, after[0] - before[0]


def numbers(page: ImportPage) -> list[int]:
    return [line.import_id for line in page.lines]


NEWEST = range(FILES, FILES - 50, -1)
STALLS = range(FILES, FILES - 5_000, -100)
FIRST_HOURS = (NOW - timedelta(hours=FILES - 1), NOW - timedelta(hours=FILES - 4))
#: what is wanted -> what the auditor finds of everything, what the stall's admin finds
CASES: dict[ImportFilter, tuple[Iterable[int], Iterable[int]]] = {
    ImportFilter(): (NEWEST, STALLS),
    ImportFilter(status=ImportStatus.PROCESSING): ([100], [100]),
    ImportFilter(status=ImportStatus.REQUIRES_ACTION): ([201, 200], [200]),
    ImportFilter(status=ImportStatus.REJECTED): ([300], [300]),
    ImportFilter(status=ImportStatus.COMPLETED): (NEWEST, STALLS),
    ImportFilter(channel="stall"): (STALLS, STALLS),
    ImportFilter(status=ImportStatus.REQUIRES_ACTION, channel="centre"): ([201], []),
    ImportFilter(received=FIRST_HOURS): ([3, 2, 1], []),
}


def test_a_page_touches_few_rows_of_many(many: str) -> None:
    for wanted, expected in CASES.items():
        for person, found in zip(("auditor", "admin"), expected, strict=True):
            ask = partial(list_imports, sight=SIGHTS[person], kinds=list(Kind), limit=50, wanted=wanted)
            page, rows = touched(many, person, ask)
            assert numbers(page) == list(found), (person, wanted)
            assert (page.older is None) == (len(page.lines) < 50), (person, wanted)
            assert rows < FEW, (person, wanted)


def test_what_no_index_leads_to_is_looked_for_a_page_at_a_time(many: str) -> None:
    ask = partial(
        list_imports, sight=SIGHTS["auditor"], kinds=list(Kind), limit=50, wanted=ImportFilter(uploader="eve")
    )
    first, rows = touched(many, "auditor", ask)
    assert (numbers(first), first.older) == ([], FILES - 20_000 + 1), "so far was looked"
    assert rows < 4 * 20_000
    second, _ = touched(many, "auditor", partial(ask, before=first.older))
    assert (numbers(second), second.older) == ([2], None)


def test_a_status_of_others_only_ends_after_as_many_as_a_page_may_ask(database: str) -> None:
    with connect(database) as owner:
        owner.execute(_PLACES)
        owner.execute(_IMPORTS, {"now": NOW, "files": 3_000})  # type: ignore[arg-type]
        owner.execute("update intake.import set booked_at = null where id > 1")
        owner.execute("analyze intake.import")
    wanted = ImportFilter(status=ImportStatus.COMPLETED)
    ask = partial(list_imports, sight=SIGHTS["auditor"], kinds=list(Kind), limit=50, wanted=wanted)
    first, _ = touched(database, "auditor", ask)
    assert (numbers(first), first.older) == ([], 1_001)
    second, _ = touched(database, "auditor", partial(ask, before=first.older))
    assert (numbers(second), second.older) == ([1], None)


def test_pages_of_a_status_follow_each_other_without_gap_or_overlap(many: str) -> None:
    wanted = ImportFilter(status=ImportStatus.REQUIRES_ACTION)
    with connect(many) as conn:
        found, before = [], None
        for _ in range(5):
            page = list_imports(conn, SIGHTS["auditor"], list(Kind), limit=1, before=before, wanted=wanted)
            found += numbers(page)
            before = page.older
            if before is None:
                break
    assert found == [201, 200]


def test_every_status_is_found_where_the_view_says_it_is(many: str) -> None:
    """The indexes that lead to a status know no other one than the view that decides it."""
    with connect(many) as owner:
        owner.execute("update intake.import set undone_at = %s where id = 400", [NOW])
        owner.execute(_CHEQUE, {"id": 500, "now": NOW})
        owner.execute(
            "insert into books.refund (payment_id, amount_minor, currency, state, next_attempt_at, moved_at, moved_by,"
            " move_reason) select id, 500, 'AUD', 'due', %(now)s, %(now)s, 'x', 'x' from books.payment"
            " where import_id = 501 and row_no = 2"
            " union all select id, 500, 'AUD', 'to_pay_out', null, %(now)s, 'x', 'x' from books.payment"
            " where import_id = 502 and row_no = 2",
            {"now": NOW},
        )
        for status in (ImportStatus.PROCESSING, ImportStatus.REQUIRES_ACTION, ImportStatus.REJECTED):
            said = owner.execute(
                "select import_id from intake.import_status where status = %s order by import_id desc", [status]
            ).fetchall()
            page = list_imports(owner, SIGHTS["auditor"], list(Kind), limit=50, wanted=ImportFilter(status=status))
            assert len(said) >= 2
            assert [(number,) for number in numbers(page)] == said


def test_overviews_of_many_are_those_of_each(many: str) -> None:
    wanted = [200, 201, 300, 10, 77]
    with connect(many) as conn:
        found = import_overviews(conn, wanted)
        assert found == {number: import_overview(conn, number) for number in wanted if number != 10}
        assert found[200].tabs["requires_action"] == 500


def test_one_import_is_found_only_by_who_may_see_it(many: str) -> None:
    with connect(many) as conn:
        assert find_import(conn, SIGHTS["admin"], 200) is not None
        assert find_import(conn, SIGHTS["admin"], 201) is None
        assert find_import(conn, SIGHTS["auditor"], FILES + 1) is None

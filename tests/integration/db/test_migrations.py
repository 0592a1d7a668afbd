"""The schema goes up, down and up again, and its rules cannot be talked around."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors, sql

from tillflow.db import migrate
from tillflow.db.connection import Connection, connect

TABLES = """
select string_agg(format('%s.%s.%s %s', table_schema, table_name, column_name, data_type), ' '
    order by table_schema, table_name, column_name)
from information_schema.columns
where table_schema in ('portal', 'intake', 'books', 'history', 'mail')
"""


def test_the_schema_goes_up_down_and_up_again(database: str) -> None:
    with connect(database) as conn:
        before = conn.execute(TABLES).fetchone()
        undone = migrate.roll_back(database)
        assert conn.execute(TABLES).fetchone() == (None,)
        assert migrate.apply(database) == sorted(undone)
        assert migrate.apply(database) == []
        assert conn.execute(TABLES).fetchone() == before


def test_the_application_cannot_change_history(conn: Connection) -> None:
    conn.execute(
        "insert into history.event (happened_at, actor, subject, subject_key, action)"
        " values (now(), 'a', 'b', 'c', 'd')"
    )
    for statement in (
        "update history.event set actor = 'x'",
        "delete from history.event",
        "truncate history.event",
        "drop table history.event",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", ["history.event", "intake.transaction"])
def test_not_even_the_owner_edits_what_is_append_only(database: str, table: str) -> None:
    with connect(database) as conn:
        conn.execute(
            "insert into history.event (happened_at, actor, subject, subject_key, action)"
            " values (now(), 'a', 'b', 'c', 'd')"
        )
        conn.execute(
            "insert into intake.transaction"
            " (import_id, row_no, verdict, content_hash, currency, amount_minor, raw)"
            " values (1, 2, 'duplicate', 0, 'AUD', 1, '{}')"
        )
        name = sql.Identifier(*table.split("."))
        for statement in ("delete from {}", "truncate {}"):
            with pytest.raises(errors.RestrictViolation):
                conn.execute(sql.SQL(statement).format(name))  # type: ignore[arg-type]


def test_periods_of_one_machine_cannot_overlap(conn: Connection) -> None:
    conn.execute("insert into portal.customer (key, name, zone, currency) values ('c', 'C', 'UTC', 'AUD')")
    conn.execute("insert into portal.site (key, customer_id, name, zone) values ('s', 1, 'S', 'UTC')")
    conn.execute("insert into portal.equipment (asset_no, name) values ('VM-1', 'one'), ('VM-2', 'two')")
    add = "insert into portal.allocation (equipment_id, site_id, valid) values (%s, 1, tstzrange(%s, %s))"
    conn.execute(add, [1, "2026-01-01Z", "2026-02-01Z"])
    conn.execute(add, [1, "2026-02-01Z", None])  # half-open: touching is not overlapping
    conn.execute(add, [2, "2026-01-15Z", None])
    with pytest.raises(errors.ExclusionViolation):
        conn.execute(add, [1, "2026-01-31Z", "2026-02-02Z"])


CLAIM = (
    "insert into intake.balance (import_id, currency, read_rows, sale_rows, read_minor, sale_minor)"
    " values (1, 'AUD', %s, %s, %s, %s)"
)


def test_a_balance_that_does_not_add_up_is_refused(conn: Connection) -> None:
    _an_import(conn)
    with pytest.raises(errors.CheckViolation, match="rows_balance"):
        conn.execute(CLAIM, [2, 1, 0, 0])
    with pytest.raises(errors.CheckViolation, match="money_balances"):
        conn.execute(CLAIM, [1, 1, 5, 4])


def test_a_balance_without_its_rows_does_not_commit(conn: Connection) -> None:
    _an_import(conn)

    def book_nothing() -> None:
        with conn.transaction():
            conn.execute(CLAIM, [1, 1, 250, 250])
            conn.execute("update intake.import set booked_at = now() where id = 1")

    with pytest.raises(psycopg.Error, match="does not match its rows"):
        book_nothing()
    assert conn.execute("select booked_at from intake.import").fetchall() == [(None,)]
    assert conn.execute("select count(*) from intake.balance").fetchone() == (0,)


def _an_import(conn: Connection) -> None:
    conn.execute(
        "insert into intake.import"
        " (kind, file_name, uploader, source, source_version, sha256, size_bytes, received_at, archive_path)"
        " values ('equipment_sync', 'a.csv', 'u', 's', 'v', repeat('a', 64), 1, now(), 'x')"
    )

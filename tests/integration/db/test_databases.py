"""A database that was used is like a new one afterwards, or is not used again."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests import databases as given
from tests.databases import Databases
from tillflow.db.connection import Connection, connect
from tillflow.stack.postgres import PostgresServer

#: rows that nobody can delete, not even their owner
EVENTS = """
insert into history.event (happened_at, actor, subject, subject_key, action)
select now(), 'ann', 'test', n::text, 'happened' from generate_series(1, %(count)s) as n
"""


@pytest.fixture
def pool(postgres: PostgresServer, migrated: str) -> Databases:
    """One of our own, for we look at what it does with its only database."""
    return Databases(postgres, migrated, prefix="pooled")


@pytest.fixture
def used(pool: Databases, postgres: PostgresServer) -> Iterator[Connection]:
    """The connection of a test that used the pool's database, as its owner, and forgot to close it."""
    name, _ = pool.take()
    with connect(postgres.url(name, role="tillflow_migrator")) as conn:
        yield conn
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def give_back(pool: Databases, conn: Connection) -> bool:
    """Whether the database of the connection is used again."""
    pool.give_back(conn.info.dbname, 0)
    return bool(pool._spare)


def test_what_a_test_wrote_is_gone_and_numbers_begin_again(
    pool: Databases, used: Connection, postgres: PostgresServer
) -> None:
    insert = "insert into portal.channel (key, name, zone) values ('stall', 'Stall', 'UTC') returning id"
    first = used.execute(insert).fetchone()
    used.execute(EVENTS, {"count": 1})
    assert give_back(pool, used)
    with connect(postgres.url(used.info.dbname, role="tillflow_migrator")) as conn:
        assert conn.execute("select count(*) from history.event").fetchone() == (0,)
        assert conn.execute(insert).fetchone() == first


def test_a_session_that_was_left_open_holds_nothing(pool: Databases, used: Connection) -> None:
    used.autocommit = False
    used.execute("lock table history.event")
    assert give_back(pool, used)
    with pytest.raises(psycopg.OperationalError):
        used.execute("select 1")


@pytest.mark.parametrize(
    "statement",
    [
        "drop table mail.message cascade",
        "alter table intake.import add column more text",
        "alter table intake.import alter column uploader drop not null",
        "alter table intake.correction disable trigger never_edited",
        "alter function history.refuse_change() set search_path = public",
        "revoke select on books.exception from tillflow_app",
        "create table portal.more as select 1 as one",
        "delete from books.move where machine = 'exception'",
    ],
)
def test_a_database_whose_schema_or_fixed_rows_were_changed_is_not_used_again(
    statement: str, pool: Databases, used: Connection
) -> None:
    used.execute(statement)  # type: ignore[call-overload]
    assert not give_back(pool, used)


def test_a_database_that_has_become_large_is_not_used_again(
    pool: Databases, used: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "MOST_ROWS", 10)
    used.execute(EVENTS, {"count": 11})
    assert not give_back(pool, used)

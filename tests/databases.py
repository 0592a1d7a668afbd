"""A fresh database for every test, mostly the last test's with everything taken out of it.

To copy the mould takes a third of a second and more, to empty a copy a twentieth of that. A copy is emptied only
where that makes it like new: a test that changed the schema, or what the migrations left in a table, or that left
many rows behind, has its database dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tillflow.stack.postgres import SUPERUSER, PostgresServer

#: a table that held more rows than that is larger than a new one, and slower to look through
MOST_ROWS: Final = 2_000
#: temporary tables leave their traces in the catalogues
MOST_USES: Final = 40

#: every table that is ours
_TABLES: Final = """
select format('%I.%I', n.nspname, c.relname)
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
order by 1
"""
#: everything about the schema that a statement could have changed
_SCHEMA: Final = """
with
ours as (
    select oid from pg_namespace
    where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'
),

things as (
    select n::text as thing from pg_namespace as n where n.oid in (select oid from ours)
    union all
    select row(c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity)::text
    from pg_class as c where c.relnamespace in (select oid from ours)
    union all
    select row(a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, a.atthasdef, a.attidentity, a.attacl)::text
    from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid
    where c.relkind in ('r', 'v') and c.relnamespace in (select oid from ours)
    union all
    select d::text from pg_attrdef as d
    union all
    select p::text from pg_proc as p where p.pronamespace in (select oid from ours)
    union all
    select t::text from pg_trigger as t
    union all
    select c::text from pg_constraint as c where c.connamespace in (select oid from ours)
    union all
    select r.ev_action::text from pg_rewrite as r inner join pg_class as c on c.oid = r.ev_class
    where c.relnamespace in (select oid from ours)
    union all
    select p::text from pg_policy as p
    union all
    select s::text from pg_db_role_setting as s
    inner join pg_database as d on d.oid = s.setdatabase where d.datname = current_database()
)

select count(*), sum(hashtextextended(thing, 0)) from things
"""
_CONTENT: Final = "select md5(string_agg(t::text, '' order by t::text)) from {} as t"
_OTHERS: Final = """
select pg_terminate_backend(pid, 10000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
#: row triggers refuse a delete where nothing may be deleted; as a replica the session has none
_EMPTY: Final = """
set session_replication_role = replica;
create function pg_temp.emptied(tables text[]) returns bigint language plpgsql as $$
declare
    name text;
    gone bigint;
    total bigint = 0;
begin
    foreach name in array tables loop
        execute 'delete from ' || name;
        get diagnostics gone = row_count;
        total = total + gone;
    end loop;
    perform setval(format('%I.%I', schemaname, sequencename), start_value, false)
    from pg_sequences where last_value is not null;
    return total;
end;
$$;
"""


@dataclass
class Databases:
    """The databases of one server that tests are given, one at a time or several."""

    server: PostgresServer
    mould: str
    prefix: str = "test"
    _spare: dict[str, int] = field(default_factory=dict, init=False)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1), init=False)

    def __post_init__(self) -> None:
        with self._admin(self.mould) as admin:
            self._schema = admin.execute(_SCHEMA).fetchone()
            tables = [name for (name,) in admin.execute(_TABLES)]
            content = {name: _content(admin, name) for name in tables}
        self._filled = {name: found for name, found in content.items() if found is not None}
        self._empty = [name for name in tables if name not in self._filled]

    @contextmanager
    def one(self) -> Iterator[str]:
        """URL of a database like the mould, as its owner; afterwards the next may have it."""
        name, uses = self.take()
        yield urlunsplit(urlsplit(self.server.url(self.mould))._replace(path=f"/{name}"))
        self.give_back(name, uses)

    def take(self) -> tuple[str, int]:
        """The name of a database like the mould, and how often it was used before."""
        if self._spare:
            return self._spare.popitem()
        name = f"{self.prefix}_{next(self._numbers)}"
        with self._admin("postgres") as admin:
            admin.execute(
                sql.SQL("create database {} template {} owner tillflow_migrator").format(
                    sql.Identifier(name), sql.Identifier(self.mould)
                )
            )
            admin.execute(sql.SQL("grant temporary on database {} to tillflow_app").format(sql.Identifier(name)))
        return name, 0

    def give_back(self, name: str, uses: int) -> None:
        """Make the database like new for the next test, or drop it."""
        if uses < MOST_USES and self._is_like_new(name):
            self._spare[name] = uses + 1
            return
        with self._admin("postgres") as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def _is_like_new(self, name: str) -> bool:
        with self._admin(name) as admin:
            admin.execute(_OTHERS)
            if admin.execute(_SCHEMA).fetchone() != self._schema:
                return False
            if any(_content(admin, table) != found for table, found in self._filled.items()):
                return False
            admin.execute(_EMPTY)
            deleted = admin.execute("select pg_temp.emptied(%s)", [self._empty]).fetchone()
            return deleted is not None and deleted[0] <= MOST_ROWS

    def _admin(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self.server.url(name, role=SUPERUSER), autocommit=True)


def _content(admin: psycopg.Connection, table: str) -> str | None:
    found = admin.execute(_CONTENT.format(table)).fetchone()  # type: ignore[call-overload]
    assert found is not None
    return found[0]

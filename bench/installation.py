"""The place where the cases run: the stack's own PostgreSQL in a temporary folder, portal data, one file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from bench.case import Given
from tillflow.db import migrate
from tillflow.pins import pin_hash
from tillflow.samples import bulk_text
from tillflow.samples.bulk import write_bulk_dump
from tillflow.samples.expected import Balance
from tillflow.samples.generate import NOW
from tillflow.samples.model import PortalSample
from tillflow.settings import Settings
from tillflow.stack.postgres import SUPERUSER, PostgresServer, running_postgres

PIN_SECRET: Final = b"the secret of the benchmark"
_SEED: Final = 20260701

_EMPTY_BOOKS: Final = """
set session_replication_role = replica;
truncate intake.file_error, intake.validation, intake.balance, intake.transaction, intake.stream, intake.import,
    books.vend_sale, books.offline_sale, books.exception restart identity cascade;
set session_replication_role = origin;
drop schema if exists peer cascade;
drop schema if exists peer_staging cascade;
"""
_VERDICTS: Final = """
select 'sale' as verdict, currency, count(*), sum(amount_minor)::bigint from books.vend_sale group by currency
union all
select verdict, currency, count(*), sum(amount_minor)::bigint from intake.transaction group by verdict, currency
"""
_EXCEPTIONS: Final = """
select reason, count(*)::int from books.exception, unnest(reasons) as reason group by reason
"""


@dataclass
class Installation:
    """A running server and the last file that was made."""

    server: PostgresServer
    admin: psycopg.Connection
    home: Path
    portal: PortalSample

    def given(self, file: Path, rows: int) -> Given:
        """What a case is told."""
        return Given(str(file), rows, self.server.url("tillflow"), str(self.home), NOW.isoformat())

    def make_file(self, rows: int, progress: Callable[[int], None]) -> tuple[Path, Balance]:
        """A dump of `rows` rows, the same in every run, and what must become of it."""
        path = self.home / f"dump-{rows}.csv"
        made_ids = bulk_text._sync_ids  # noqa: SLF001
        bulk_text._sync_ids = lambda seq, row: _without_long_numbers(made_ids(seq, row))  # noqa: SLF001
        try:
            return path, write_bulk_dump(path, self.portal, _SEED, rows, progress=progress)
        finally:
            bulk_text._sync_ids = made_ids  # noqa: SLF001

    def prepare_round(self) -> None:
        """Empty books, and no dirty pages or log of the case before."""
        self.admin.execute(_EMPTY_BOOKS)
        self.admin.execute("checkpoint")

    def mismatches(self, expected: Balance) -> list[str]:
        """Where the books are not what the file must come to: rows and money by verdict, rows by reason."""
        rows: dict[str, int] = {}
        money: dict[str, dict[str, int]] = {}
        for verdict, currency, count, minor in self.admin.execute(_VERDICTS).fetchall():
            rows[verdict] = rows.get(verdict, 0) + count
            money.setdefault(verdict, {})[currency] = minor
        reasons: dict[str, int] = dict(self.admin.execute(_EXCEPTIONS).fetchall())
        pairs = [
            ("rows", expected.rows, rows),
            ("money", expected.money, money),
            ("reasons", expected.reasons, reasons),
        ]
        return [f"{what}: expected {wanted}, found {found}" for what, wanted, found in pairs if wanted != found]


def _without_long_numbers(ids: Any) -> Any:
    """Every fourth hexadecimal digit as a letter: by chance some ids hold a run of digits that is a card
    number, and the door rightly refuses a file with one.
    """
    text = np.frombuffer("".join(ids.to_pylist()).encode(), dtype="u1").reshape(-1, 32).copy()
    text[:, ::4] = ord("g") + text[:, ::4] % 16
    return pa.array(text.reshape(-1).view("S32").astype("U32"))


@contextmanager
def installation(portal: PortalSample) -> Iterator[Installation]:
    """Everything in one temporary folder of the stack's home, removed at the end whatever happens."""
    base = Settings.from_environment().home
    base.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=base, ignore_cleanup_errors=True) as folder,
        running_postgres(Path(folder)) as server,
    ):
        migrate.apply(server.url("tillflow"))
        with psycopg.connect(server.url("tillflow", role=SUPERUSER), autocommit=True) as admin:
            load_portal(admin, portal)
            yield Installation(server, admin, Path(folder), portal)


def load_portal(conn: psycopg.Connection, portal: PortalSample) -> None:
    """The machines' portal data, straight into the tables.

    `load_portal_data` is the real way; it takes minutes for 72,000 planogram lines, and is not what is measured.
    """
    hashes = {user.pin: pin_hash(PIN_SECRET, user.pin) for user in portal.users if user.pin}
    with conn.transaction():
        for name, columns, rows, insert in _tables(portal, hashes):
            conn.execute(sql.SQL("create temp table given ({}) on commit drop").format(sql.SQL(columns)))
            with conn.cursor().copy("copy given from stdin") as copy:
                for row in rows:
                    copy.write_row(row)
            conn.execute("analyze given")
            conn.execute(sql.SQL("insert into portal.{} ").format(sql.Identifier(name)) + sql.SQL(insert))
            conn.execute("drop table given")
    conn.execute("analyze")


Table = tuple[str, LiteralString, Iterable[tuple[object, ...]], LiteralString]


def _tables(portal: PortalSample, hashes: Mapping[str, object]) -> Iterator[Table]:
    """Table, columns of the staging table, rows, and the select that fills the table from it."""
    yield (
        "customer", "key text, name text, zone text, currency text",
        ((c.customer, c.name, c.zone, c.currency) for c in portal.customers),
        "(key, name, zone, currency) select * from given",
    )  # fmt: skip
    yield (
        "site", "key text, customer text, name text, zone text",
        ((s.site, s.customer, s.name, s.zone) for s in portal.sites),
        """(key, customer_id, name, zone)
        select g.key, c.id, g.name, g.zone from given as g inner join portal.customer as c on c.key = g.customer""",
    )  # fmt: skip
    yield (
        "equipment", "asset_no text, name text",
        ((e.equipment, e.name) for e in portal.equipment),
        "(asset_no, name) select * from given",
    )  # fmt: skip
    yield (
        "allocation", "asset_no text, site text, starts timestamptz, ends timestamptz",
        ((a.equipment, a.site, a.valid_from, a.valid_to) for a in portal.allocations),
        """(equipment_id, site_id, valid)
        select e.id, s.id, tstzrange(g.starts, g.ends) from given as g
        inner join portal.equipment as e on e.asset_no = g.asset_no inner join portal.site as s on s.key = g.site""",
    )  # fmt: skip
    yield (
        "product", "code text, name text",
        ((p.product, p.name) for p in portal.products),
        "(code, name) select * from given",
    )  # fmt: skip
    yield (
        "planogram", "asset_no text, starts timestamptz, ends timestamptz",
        {(p.equipment, p.valid_from, p.valid_to) for p in portal.planograms},
        """(equipment_id, valid) select e.id, tstzrange(g.starts, g.ends) from given as g
        inner join portal.equipment as e on e.asset_no = g.asset_no""",
    )  # fmt: skip
    yield (
        "selection",
        "asset_no text, starts timestamptz, code text, product text, price numeric, currency text",
        ((p.equipment, p.valid_from, p.selection, p.product, p.price, p.currency) for p in portal.planograms),
        """(planogram_id, code, product_id, price_minor, currency)
        select v.id, g.code, p.id,
            (g.price * case g.currency when 'JPY' then 1 when 'KWD' then 1000 else 100 end)::bigint, g.currency
        from given as g inner join portal.equipment as e on e.asset_no = g.asset_no
        inner join portal.planogram as v on v.equipment_id = e.id and lower(v.valid) = g.starts
        inner join portal.product as p on p.code = g.product""",
    )  # fmt: skip
    yield (
        "consumer",
        "customer text, key text, name text, role text, card_no text, facility_id text, access_code text, pin uuid",
        (
            (u.customer, u.user, u.name, u.role, u.card_no, u.facility_id, u.access_code, hashes.get(u.pin or ""))
            for u in portal.users
        ),
        """(customer_id, key, name, role, card_no, facility_id, access_code, pin_hash)
        select c.id, g.key, g.name, g.role, g.card_no, g.facility_id, g.access_code, g.pin
        from given as g inner join portal.customer as c on c.key = g.customer""",
    )  # fmt: skip
    yield (
        "access", "customer text, consumer text, asset_no text, starts timestamptz, ends timestamptz",
        ((a.customer, a.user, a.equipment, a.valid_from, a.valid_to) for a in portal.access),
        """(consumer_id, equipment_id, valid)
        select u.id, e.id, tstzrange(g.starts, g.ends) from given as g
        inner join portal.customer as c on c.key = g.customer
        inner join portal.consumer as u on u.customer_id = c.id and u.key = g.consumer
        inner join portal.equipment as e on e.asset_no = g.asset_no""",
    )  # fmt: skip

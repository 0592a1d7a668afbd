"""The place where the cases run: the stack's own PostgreSQL in a temporary folder, portal data, one file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from bench.case import Given
from tillflow.db import migrate
from tillflow.portal.load_portal_data import load_portal_data
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
        return path, write_bulk_dump(path, self.portal, _SEED, rows, progress=progress)

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
            load_portal_data(admin, portal.files(), actor="benchmark", now=NOW, pin_secret=PIN_SECRET)
            admin.execute("analyze")
            yield Installation(server, admin, Path(folder), portal)

"""An installation with portal data, an inbox to drop files into, and everything that must stay empty."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.importing import CHANNEL, PIN_SECRET, Importer
from tests.strategies import PORTAL
from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.errors import FileError, FileRefusedError
from tillflow.intake.inbox import Waiting, take
from tillflow.intake.receive import Door, Received
from tillflow.portal.grants import may_import
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.generate import NOW
from tillflow.stack.postgres import PostgresServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def with_portal(postgres: PostgresServer, migrated: str) -> str:
    """The mould of databases whose portal is loaded."""
    name = "mould_with_portal"
    _copy_database(postgres, migrated, name)
    with connect(_url(postgres, name), role=APP_ROLE) as conn:
        then = datetime(2026, 1, 1, tzinfo=UTC)
        load_portal_data(conn, PORTAL.files(), actor="test", now=then, pin_secret=PIN_SECRET)
    return name


@pytest.fixture
def books_url(postgres: PostgresServer, with_portal: str) -> Iterator[str]:
    """URL of a fresh database with portal data and empty books."""
    name = f"books_{next(_numbers)}"
    _copy_database(postgres, with_portal, name)
    yield _url(postgres, name)
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _copy_database(postgres: PostgresServer, mould: str, name: str) -> None:
    copied = "create database {} template {} owner tillflow_migrator"
    with psycopg.connect(postgres.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL(copied).format(sql.Identifier(name), sql.Identifier(mould)))
        admin.execute(sql.SQL("grant temporary on database {} to tillflow_app").format(sql.Identifier(name)))


def _url(postgres: PostgresServer, name: str) -> str:
    return urlunsplit(urlsplit(postgres.url("tillflow"))._replace(path=f"/{name}"))


@pytest.fixture
def importer(books_url: str, tmp_path: Path) -> Iterator[Importer]:
    with connect(books_url, role=APP_ROLE) as conn:
        yield Importer(conn, tmp_path, now=NOW)


@dataclass
class Inbox:
    """Files as people and machines drop them, and the way from there into the books."""

    importer: Importer

    @property
    def conn(self) -> Connection:
        return self.importer.conn

    @property
    def root(self) -> Path:
        return Path(self.importer.settings.storage)

    def waiting(self, kind: Kind, name: str) -> Waiting:
        channel = CHANNEL if kind is Kind.OFFLINE_SALES else None
        return Waiting(kind, f"{self.importer.storage.inbox_folder(kind, channel)}/{name}", channel)

    def path(self, kind: Kind, name: str = "given.csv") -> Path:
        path = self.root / self.waiting(kind, name).key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def drop(self, kind: Kind, content: bytes, name: str = "given.csv") -> Path:
        path = self.path(kind, name)
        path.write_bytes(content)
        return path

    def take(self, kind: Kind, name: str = "given.csv", *, uploader: str | None = None) -> Received:
        """Through the real door; as an `uploader` whose grants are asked, or vouched for by the place."""
        it = self.importer
        door = Door(it.conn, it.storage, it.settings, it.now, partial(may_import, it.conn))
        into = partial(imports.take_in, door)
        waiting = self.waiting(kind, name)
        return take(it.storage, waiting, into, uploader=uploader or "inbox", is_vouched_for=uploader is None)

    def errors(self, kind: Kind, content: bytes, name: str = "given.csv") -> list[FileError]:
        """Everything the file is refused for; checks that it left nothing but its refusal."""
        self.drop(kind, content, name)
        with pytest.raises(FileRefusedError) as refused:
            self.take(kind, name)
        self.assert_only_refused(refused.value)
        return refused.value.errors

    def assert_only_refused(self, refused: FileRefusedError) -> None:
        assert self.booked_rows() == 0
        recorded = self.conn.execute(
            "select i.id, i.rejected_at is not null, i.booked_at is null, i.archive_path is null, s.status"
            " from intake.import as i inner join intake.import_status as s on s.import_id = i.id"
        ).fetchall()
        assert recorded == [(refused.import_id, True, True, True, "rejected")]
        stored = self.conn.execute(
            "select code, message, row_no, column_name from intake.file_error order by position"
        ).fetchall()
        assert [FileError(*error) for error in stored] == refused.errors
        assert not any(path.is_file() for part in ("inbox", "archive") for path in (self.root / part).rglob("*"))

    def booked_rows(self) -> int:
        tables = ("books.sale", "books.exception", "intake.transaction", "intake.balance", "intake.stream")
        counts = (self.conn.execute(f"select count(*) from {table}").fetchone() for table in tables)  # type: ignore[arg-type]
        return sum(count[0] for count in counts if count)

    def kept(self) -> list[str]:
        """The names in `refused/`, without the number of the import."""
        files = (path for path in (self.root / "refused").rglob("*") if path.is_file())
        return sorted(path.name.partition("-")[2] for path in files)

    def everything_stored(self) -> bytes:
        """All bytes of the storage, of the temporary files and of the database's tables."""
        home = self.importer.home
        parts = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
        parts += [str(path.relative_to(home)).encode() for path in home.rglob("*")]
        return b"\n".join([*parts, *self._tables()])

    def _tables(self) -> Iterator[bytes]:
        tables = self.conn.execute(
            "select format('%I.%I', table_schema, table_name) from information_schema.tables"
            " where table_schema in ('portal', 'intake', 'books', 'history', 'mail') and table_type = 'BASE TABLE'"
        ).fetchall()
        for (table,) in tables:
            for (row,) in self.conn.execute(f"select t::text from {table} as t"):  # type: ignore[arg-type]
                yield row.encode()


@pytest.fixture
def inbox(importer: Importer) -> Inbox:
    return Inbox(importer)


def codes(errors: Sequence[FileError]) -> list[tuple[str, int | None, str | None]]:
    """(code, row, column) of each error."""
    return [(error.code, error.row, error.column) for error in errors]

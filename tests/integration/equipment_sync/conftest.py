"""An installation with the portal data and the dumps of the samples, and ways to change what the portal says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Databases
from tests.importing import PIN_SECRET, Importer
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.equipment_sync.exception_report import ExceptionFilter, OpenException, open_exceptions
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.model import PortalSample
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"
FIRST_SYNC = datetime(2026, 6, 11, 8, tzinfo=UTC)
SECOND_SYNC = datetime(2026, 6, 16, 20, tzinfo=UTC)
NOW = datetime(2026, 6, 18, 7, 59, tzinfo=UTC)

#: a vend that is a sale in the portal of the samples
GOOD = {
    "equipment": "VM-17",
    "boot_id": "B9",
    "vended_at": "2026-06-12T09:00:00+10:00",
    "selection": "0001",
    "product_code": "1001",
    "unit_price": "3.50",
    "currency": "AUD",
    "card_no": "00040001",
    "facility_id": "57",
    "result": "vend",
}


@dataclass
class Machines:
    """The importer and the portal it judges by."""

    importer: Importer

    @property
    def conn(self) -> Connection:
        return self.importer.conn

    def sync(self, name: str, at: datetime) -> int:
        """Book a sample dump received `at`."""
        self.importer.now = at
        content = (SAMPLES / "equipment_sync" / name).read_bytes()
        return self.importer.take(Kind.EQUIPMENT_SYNC, content, name).import_id

    def vends(self, *changed: dict[str, Any]) -> int:
        """Book vends that differ from GOOD in these fields, in rows 1, 2, ..."""
        self.importer.now = SECOND_SYNC
        rows = [{"txn_seq": str(seq), **GOOD, **fields} for seq, fields in enumerate(changed, start=1)]
        content = "\n".join(json.dumps({name: x for name, x in row.items() if x is not None}) for row in rows)
        return self.importer.take(Kind.EQUIPMENT_SYNC, content.encode(), "vends.jsonl").import_id

    def correct(self, **tables: str) -> None:
        """Load portal data: `correct(users="customer,user,...")`."""
        files = {f"{name}.csv": text.encode() for name, text in tables.items()}
        load_portal_data(self.conn, files, actor="test", now=NOW, pin_secret=PIN_SECRET)

    def open(self, **wanted: Any) -> list[OpenException]:
        return list(open_exceptions(self.conn, ExceptionFilter(**wanted), now=NOW))

    def only(self, **wanted: Any) -> OpenException:
        (one,) = self.open(**wanted)
        return one


@pytest.fixture
def machines(database: str, tmp_path: Path) -> Iterator[Machines]:
    with _installation(database, tmp_path) as machines:
        yield machines


@pytest.fixture
def synced(machines: Machines) -> Machines:
    """Both dumps of the samples are booked."""
    return _sync_both(machines)


@pytest.fixture(scope="module")
def looked_at(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """As `synced`, for tests of one module that only look, or take back what they change."""
    with databases.one() as url, _installation(url, tmp_path_factory.mktemp("looked-at")) as machines:
        yield _sync_both(machines)


@contextmanager
def _installation(url: str, home: Path) -> Iterator[Machines]:
    with connect(url, role=APP_ROLE) as conn:
        files = PortalSample.from_folder(SAMPLES / "portal_data").files()
        load_portal_data(conn, files, actor="test", now=FIRST_SYNC, pin_secret=PIN_SECRET)
        yield Machines(Importer(conn, home, now=FIRST_SYNC))


def _sync_both(machines: Machines) -> Machines:
    machines.sync("vm-17-2026-06-11.csv", FIRST_SYNC)
    machines.sync("all-machines-2026-06-16.jsonl", SECOND_SYNC)
    return machines

"""Put files through the door and into the books, as a task does, and read back what became of the rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.equipment_sync.judge import JUDGE
from tillflow.intake.booking import Booked, book_import
from tillflow.intake.judge import Judge
from tillflow.intake.receive import Delivery, Door, Received, receive
from tillflow.intake.source import InMemory
from tillflow.intake.storage import Storage
from tillflow.offline_sales.judge import make_judge
from tillflow.portal.grants import may_import
from tillflow.samples.expected import Expected
from tillflow.settings import Settings

PIN_SECRET = b"a secret of the tests, long enough"
CHANNEL = "call-centre"
#: every row of an import: number, verdict, reasons, currency, money
ROWS = """
select s.row_no, 'sale', array[]::text[], s.currency, s.amount_minor from books.sale as s where s.import_id = %(id)s
union all
select t.row_no, t.verdict, coalesce(e.reasons, '{}'), t.currency, t.amount_minor
from intake.transaction as t
left join books.exception as e on e.import_id = t.import_id and e.row_no = t.row_no
where t.import_id = %(id)s
order by 1
"""

_deliveries = itertools.count(1)


@dataclass
class Importer:
    """One installation: a database, a storage, a clock."""

    conn: Connection
    home: Path
    now: datetime
    forget: Callable[[], Any] = lambda: None
    settings: Settings = field(init=False)
    storage: Storage = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings.from_environment(
            {
                "TILLFLOW_HOME": str(self.home),
                "TILLFLOW_PIN_SECRET": PIN_SECRET.decode(),
                "TILLFLOW_DUCKDB_THREADS": "1",  # files of tests are too small to share out
            }
        )
        self.storage = Storage(self.settings.storage)

    @staticmethod
    def judge(kind: Kind) -> Judge:
        return JUDGE if kind is Kind.EQUIPMENT_SYNC else make_judge("AU")

    def receive(self, kind: Kind, content: bytes, name: str = "given.csv", **changed: Any) -> Received:
        given: dict[str, Any] = {
            "kind": kind,
            "file_name": name,
            "opener": InMemory(content),
            "uploader": "test",
            "source": "test",
            "version": str(next(_deliveries)),
            "channel": CHANNEL if kind is Kind.OFFLINE_SALES else None,
            "is_vouched_for": True,
        }
        door = Door(self.conn, self.storage, self.settings, self.now, partial(may_import, self.conn))
        return receive(door, Delivery(**given | changed), self.judge(kind).layout)

    def book(self, kind: Kind, import_id: int) -> Booked:
        return book_import(
            self.conn,
            import_id,
            self.judge(kind),
            storage=self.storage,
            settings=self.settings,
            clock=lambda: self.now,
        )

    def take(self, kind: Kind, content: bytes, name: str = "given.csv", **changed: Any) -> Booked:
        return self.book(kind, self.receive(kind, content, name, **changed).import_id)

    def rows(self, import_id: int) -> list[Expected]:
        return [
            Expected(row_no, verdict, frozenset(reasons), currency, amount)
            for row_no, verdict, reasons, currency, amount in self.conn.execute(ROWS, {"id": import_id})
        ]

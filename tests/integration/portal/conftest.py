"""Loading small sets of files written in the test, and reading back what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tillflow.db.connection import Connection
from tillflow.errors import FileRefusedError
from tillflow.portal.load_portal_data import PortalLoad, load_portal_data

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECRET = b"the secret of the tests"

#: a small portal; every table has a row
PORTAL = {
    "channels": "channel,name,zone,max_row_errors\ncc,Call centre,Australia/Sydney,\nstall,Stall,Europe/Paris,5\n",
    "lotteries": "lottery,name,currency,address_format,address_required,active\n"
    "GOLD,Gold,AUD,standard,no,yes\nYEN,Yen,JPY,international,yes,no\n",
    "draws": "lottery,draw_no,opens_at,closes_at,max_entries\n"
    "GOLD,1,2026-01-01,2026-02-01T18:00+11:00,1000\nYEN,7,2026-01-01,2026-02-01,\n",
    "draw_products": "lottery,draw_no,product,name,price,entries\n"
    "GOLD,1,T1,One ticket,2.50,\nYEN,7,T1,Book of five,300,5\n",
    "buyers": "customer_id,email,first_name,last_name\nC-1,Ann@X.example,Ann,Ash\n,bob@x.example,Bob,Birch\n",
    "customers": "customer,name,zone,currency,billing_email\n"
    "ACME,Acme,Australia/Sydney,AUD,pay@acme.example\nBETA,Beta,Europe/Paris,EUR,\n",
    "provider": "provider,name,city\nmain,Southern Vending,Melbourne\n",
    "sites": "site,customer,name,zone\nHQ,ACME,Head office,Australia/Sydney\nPAR,BETA,Paris,Europe/Paris\n",
    "equipment": "equipment,name,silent_after_hours\nVM-1,Foyer,24\nVM-2,Canteen,\n",
    "allocations": "equipment,site,valid_from,valid_to\nVM-1,HQ,2025-01-01,\nVM-2,PAR,2025-01-01,2026-01-01\n",
    "products": "product,name,tax_rate,not_invoiced_from\n1005,Cola,10,\n1006,Chips,7.5,2026-07-01\n",
    "planograms": "equipment,valid_from,valid_to,selection,product,price,currency\n"
    "VM-1,2025-01-01,,0001,1005,2.50,AUD\nVM-1,2025-01-01,,000C,1006,3,AUD\nVM-2,2025-01-01,2026-01-01,0001,1005,2,EUR\n",
    "users": "customer,user,name,email,role,card_no,facility_id,access_code,pin\n"
    "ACME,u1,Ann,ann@acme.example,Consumer,4711,57,,\nACME,u2,Bob,,Consumer,4712,,77,9421\nBETA,u1,Cy,,Manager,,,,\n",
    "access": "customer,user,equipment,valid_from,valid_to\n"
    "ACME,u1,VM-1,,\nACME,u2,VM-1,2026-01-01,2026-02-01\nACME,u2,VM-1,2026-02-01,\n",
    "operators": "user_name,capability,channel,customer\n"
    "ann,offline_sales_upload,cc,\npat,provider,,\ncy,customer_user,,BETA\n",
}


@dataclass
class Portal:
    """The database under test; `load(customers="...")` loads `customers.csv`."""

    conn: Connection

    def load(self, *, actor: str = "pat", preview: bool = False, zone: str = "UTC", **tables: str) -> PortalLoad:
        files = {f"{name}.csv": text.encode() for name, text in tables.items()}
        return load_portal_data(self.conn, files, actor=actor, now=NOW, pin_secret=SECRET, preview=preview, zone=zone)

    def counts(self, **tables: str) -> dict[str, tuple[int, int, int, int]]:
        """table -> (read, added, changed, unchanged)"""
        loaded = self.load(**tables).counts
        return {name: (c.read, c.added, c.changed, c.unchanged) for name, c in loaded.items()}

    def errors(self, **tables: str) -> list[tuple[str | None, int | None, str | None, str]]:
        """What a load is refused for: (file, row, column, code); nothing of it may be left."""
        before = self.everything()
        errors = self.refusal(**tables).errors
        assert self.everything() == before
        return [(error.file, error.row, error.column, error.code) for error in errors]

    def messages(self, **tables: str) -> list[str]:
        return [error.message for error in self.refusal(**tables).errors]

    def refusal(self, **tables: str) -> FileRefusedError:
        with pytest.raises(FileRefusedError) as refusal:
            self.load(**tables)
        return refusal.value

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, parameters).fetchall()  # type: ignore[arg-type]

    def history(self, subject: str, after: int = 0) -> list[tuple[Any, ...]]:
        """(key, action, before, after) of a table's events, oldest first."""
        return self.rows(
            "select subject_key, action, before, after from history.event where subject = %s and id > %s order by id",
            f"portal.{subject}",
            after,
        )

    @property
    def last_event(self) -> int:
        return int(self.rows("select coalesce(max(id), 0) from history.event")[0][0])

    def everything(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Every row of every table an operator or auditor can see."""
        tables = self.rows(
            "select format('%%I.%%I', table_schema, table_name) from information_schema.tables"
            " where table_schema in ('portal', 'intake', 'books', 'history', 'mail') and table_type = 'BASE TABLE'"
        )
        return {name: self.rows(f"select t::text from {name} as t order by 1") for (name,) in tables}


@pytest.fixture
def portal(conn: Connection) -> Portal:
    return Portal(conn)


@pytest.fixture
def filled(portal: Portal) -> Portal:
    portal.load(**PORTAL)
    return portal


@pytest.fixture
def small_portal() -> Mapping[str, str]:
    return PORTAL

"""A hand-made day: rows put where the imports would put them, each with its own moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

import pytest

from tillflow.db.connection import Connection

#: read, sales, exceptions, duplicates, not billable, rejected
Numbers = Sequence[int]


class Day:
    """Writes what a day leaves behind, by raw SQL: the report must read what is really there."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._rows = count(2)

    def file(
        self,
        name: str,
        at: str,
        *,
        kind: str = "equipment_sync",
        channel: str | None = None,
        rejected: bool = False,
        balances: dict[str, tuple[Numbers, Numbers]] | None = None,
        errors: Sequence[tuple[str, int | None, str | None, str]] = (),
    ) -> int:
        """An import received `at`, booked or refused at once."""
        if channel:
            self.conn.execute(
                "insert into portal.channel (key, name, zone) values (%s, %s, 'UTC') on conflict do nothing",
                [channel, channel],
            )
        row = self.conn.execute(
            "insert into intake.import (kind, channel_id, file_name, uploader, source, source_version,"
            " sha256, size_bytes, received_at, booked_at, rejected_at, archive_path)"
            " values (%(kind)s, (select id from portal.channel where key = %(channel)s), %(name)s, 'anna',"
            " 's', 'v', lpad(%(n)s, 64, '0'), 1, %(at)s,"
            " case when %(rejected)s then null else %(at)s::timestamptz end,"
            " case when %(rejected)s then %(at)s::timestamptz end, 'a') returning id",
            {
                "kind": kind, "channel": channel, "name": name, "n": str(next(self._rows)),
                "at": at, "rejected": rejected,
            },
        ).fetchone()  # fmt: skip
        assert row is not None
        for currency, (rows, minor) in (balances or {}).items():
            self.conn.execute(
                "insert into intake.balance values (%s, %s, " + ", ".join(["%s"] * 12) + ")",
                [row[0], currency, *rows, *minor],
            )
        for position, error in enumerate(errors, start=1):
            self.conn.execute(
                "insert into intake.file_error values (%s, %s, %s, %s, %s, %s)",
                [row[0], position, *error],
            )
        return int(row[0])

    def exception(
        self,
        reasons: Sequence[str],
        at: str,
        minor: int,
        *,
        import_id: int = 0,
        currency: str = "AUD",
        equipment_id: int | None = None,
        occurred_at: str | None = None,
        closed: bool = False,
    ) -> None:
        """An exception recorded `at`."""
        self.conn.execute(
            "insert into books.exception (import_id, row_no, kind, reasons, state, recorded_at, closed_at,"
            " occurred_at, equipment_id, currency, amount_minor) values (%s, %s, 'equipment_sync', %s, %s,"
            " %s, %s, %s, %s, %s, %s)",
            [
                import_id, next(self._rows), list(reasons), "written_off" if closed else "open", at,
                at if closed else None, occurred_at, equipment_id, currency, minor,
            ],
        )  # fmt: skip

    def machine(self, asset_no: str, since: str, *, until: str | None = None, hours: int = 48) -> int:
        """A machine that stands at a site since then."""
        self.conn.execute(
            "insert into portal.customer (key, name, zone, currency) values ('c', 'Acme', 'UTC', 'AUD')"
            " on conflict do nothing"
        )
        self.conn.execute(
            "insert into portal.site (key, customer_id, name, zone)"
            " select 's', id, 'Lobby', 'UTC' from portal.customer on conflict do nothing"
        )
        row = self.conn.execute(
            "insert into portal.equipment (asset_no, name, silent_after_hours) values (%s, %s, %s) returning id",
            [asset_no, f"name of {asset_no}", hours],
        ).fetchone()
        assert row is not None
        self.conn.execute(
            "insert into portal.allocation (equipment_id, site_id, valid)"
            " select %s, id, tstzrange(%s, %s) from portal.site",
            [row[0], since, until],
        )
        return int(row[0])

    def vend(self, equipment_id: int, seq: int, at: str, *, boot: str = "") -> None:
        """A vend in the books, recorded at once."""
        place = (
            self.conn.execute(
                "insert into books.place (equipment_id, asset_no, site_id, site_key, site_name, customer_id,"
                " customer_key, customer_name) values (%s, 'x', 1, 's', 'Lobby', 1, 'c', 'Acme')"
                " on conflict do nothing returning id",
                [equipment_id],
            ).fetchone()
            or self.conn.execute("select id from books.place where equipment_id = %s", [equipment_id]).fetchone()
        )
        stream = (
            self.conn.execute(
                "insert into intake.stream (kind, owner, part)"
                " select 'equipment_sync', asset_no, %s from portal.equipment where id = %s"
                " on conflict (kind, owner, part) do nothing returning id",
                [boot, equipment_id],
            ).fetchone()
            or self.conn.execute(
                "select s.id from intake.stream as s inner join portal.equipment as e on e.asset_no = s.owner"
                " where e.id = %s and s.part = %s",
                [equipment_id, boot],
            ).fetchone()
        )
        assert place
        assert stream
        self.conn.execute(
            "insert into books.vend_sale values (%s, %s, 1, %s, %s, %s, %s, 1, 1, '0001', 1, 250, 250, 250, 'AUD', 0)",
            [stream[0], seq, seq, at, at, place[0]],
        )


@pytest.fixture
def day(conn: Connection) -> Day:
    return Day(conn)


def at(text: str) -> datetime:
    """`2026-11-21 13:00Z`."""
    return datetime.fromisoformat(text)

"""Imports as a person looks at them: those that they may see, newest first, each with its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillflow.codes import ImportStatus, Kind
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import FileError

_SQL: Final = beside(__file__, "import_desk.sql")


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees: imports of these channels (None: of all), and of machines and portal data."""

    channels: tuple[str, ...] | None
    is_machines: bool


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One import of a list. Moments are in UTC; `zone` is the channel's, where it has one."""

    import_id: int
    kind: Kind
    channel: str | None
    zone: str | None
    file_name: str
    uploader: str
    uploaded_at: datetime
    status: ImportStatus
    #: bucket of the balance -> rows
    counts: Mapping[str, int]
    #: currency -> what its sales and exceptions are worth, in minor units
    value: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFilter:
    """Which imports are wanted; None: whatever. `file_name` is a part of it, in any case."""

    status: ImportStatus | None = None
    channel: str | None = None
    uploader: str | None = None
    file_name: str | None = None
    #: received in [from, before)
    received: tuple[datetime, datetime] | None = None


_ANY: Final = ImportFilter()


def list_imports(
    conn: Connection,
    sight: Sight,
    kinds: Sequence[Kind],
    *,
    limit: int,
    before: int | None = None,
    wanted: ImportFilter = _ANY,
) -> list[ImportLine]:
    """At most `limit` imports of these kinds that are wanted, newest first, older than import `before`."""
    found = _SQL.list_imports(
        conn,
        kinds=[str(kind) for kind in kinds],
        is_every_channel=sight.channels is None,
        channels=list(sight.channels or ()),
        is_machines=sight.is_machines,
        before=before,
        status=wanted.status,
        channel=wanted.channel,
        uploader=wanted.uploader,
        file_name=wanted.file_name,
        since=wanted.received[0] if wanted.received else None,
        until=wanted.received[1] if wanted.received else None,
        most=limit,
    )
    return [_line(*row) for row in found]


def find_import(conn: Connection, sight: Sight, import_id: int) -> ImportLine | None:
    """One import; None where there is none, or it is not theirs to see."""
    found = list_imports(conn, sight, list(Kind), limit=1, before=import_id + 1)
    return found[0] if found and found[0].import_id == import_id else None


def file_errors_of(conn: Connection, import_id: int, *, after: int, most: int) -> list[tuple[int, FileError]]:
    """The errors of a refused file behind position `after`, each with its position; at most `most`."""
    found = _SQL.file_errors(conn, import_id=import_id, after=after, most=most)
    return [(position, FileError(*error)) for position, *error in found]


def _line(
    import_id: int, kind: str, channel: str | None, zone: str | None, file_name: str, uploader: str,
    uploaded_at: datetime, status: str, counts: dict[str, int], value: dict[str, int],
) -> ImportLine:  # fmt: skip
    return ImportLine(
        import_id, Kind(kind), channel, zone, file_name, uploader, uploaded_at, ImportStatus(status), counts, value
    )

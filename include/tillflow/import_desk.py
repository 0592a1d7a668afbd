"""Imports as a person looks at them: those that they may see, newest first, each with its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

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


@dataclass(frozen=True, slots=True)
class ImportPage:
    """A page of a list. The next one is of imports before `older`; None: there are no more.

    With an `older` it may have fewer lines than asked for, even none: so far was looked.
    """

    lines: Sequence[ImportLine]
    older: int | None


_ANY: Final = ImportFilter()
_NEWEST: Final = 2**31 - 1
#: statuses that an index leads to; of the rest, completed, most imports are
_LED_TO: Final = frozenset({ImportStatus.PROCESSING, ImportStatus.REQUIRES_ACTION, ImportStatus.REJECTED})
#: imports that one page looks at, at most: a status is asked of their rows, the rest is told by the import itself
_MOST_BY_STATUS: Final = 2_000
_MOST: Final = 20_000


def list_imports(
    conn: Connection,
    sight: Sight,
    kinds: Sequence[Kind],
    *,
    limit: int,
    before: int | None = None,
    wanted: ImportFilter = _ANY,
) -> ImportPage:
    """At most `limit` imports of these kinds that are wanted, newest first, older than import `before`.

    Looks at twice as many from one round to the next, and at no more than a page may cost.
    """
    lines: list[ImportLine] = []
    cursor, most, left = before or _NEWEST, limit + 1, _MOST_BY_STATUS if wanted.status else _MOST
    while left > 0:
        ids = _candidates(conn, sight, kinds, wanted, cursor, most)
        lines += _read(conn, sight, kinds, wanted, ids, most=limit + 1 - len(lines))
        if len(lines) > limit:
            return ImportPage(lines[:limit], lines[limit - 1].import_id)
        if len(ids) < most:
            return ImportPage(lines, None)
        cursor, left = ids[-1], left - most
        most = min(2 * most, left)
    return ImportPage(lines, cursor)


def find_import(conn: Connection, sight: Sight, import_id: int) -> ImportLine | None:
    """One import; None where there is none, or it is not theirs to see."""
    found = _read(conn, sight, list(Kind), _ANY, [import_id], most=1)
    return found[0] if found else None


def file_errors_of(conn: Connection, import_id: int, *, after: int, most: int) -> list[tuple[int, FileError]]:
    """The errors of a refused file behind position `after`, each with its position; at most `most`."""
    found = _SQL.file_errors(conn, import_id=import_id, after=after, most=most)
    return [(position, FileError(*error)) for position, *error in found]


def _candidates(
    conn: Connection, sight: Sight, kinds: Sequence[Kind], wanted: ImportFilter, before: int, most: int
) -> list[int]:
    """The next `most` imports older than `before` among which all that are wanted are; fewer at the end."""
    if wanted.received:
        since, until = wanted.received
        found = _SQL.received_between(conn, since=since, until=until, before=before, most=most)
    elif wanted.status in _LED_TO:
        found = _SQL.that_may_be(conn, status=wanted.status, before=before, most=most)
    else:
        found = _SQL.in_sight(conn, **_seen(sight, kinds, wanted), before=before, most=most)
    return [import_id for (import_id,) in found]


def _read(
    conn: Connection, sight: Sight, kinds: Sequence[Kind], wanted: ImportFilter, ids: Sequence[int], *, most: int
) -> list[ImportLine]:
    """Those of `ids` that are theirs to see and wanted."""
    found = _SQL.read_imports(
        conn,
        **_seen(sight, kinds, wanted),
        ids=ids,
        status=wanted.status,
        uploader=wanted.uploader,
        file_name=wanted.file_name,
        since=wanted.received[0] if wanted.received else None,
        until=wanted.received[1] if wanted.received else None,
        most=most,
    )
    return [_line(*row) for row in found]


def _seen(sight: Sight, kinds: Sequence[Kind], wanted: ImportFilter) -> dict[str, Any]:
    """What of these kinds they see; a channel that is wanted narrows it to its own imports."""
    channels, is_machines = sight.channels, sight.is_machines
    if wanted.channel:
        channels = tuple({wanted.channel} & set(channels)) if channels is not None else (wanted.channel,)
        is_machines = False
    return {
        "kinds": [str(kind) for kind in kinds],
        "is_every_channel": channels is None,
        "channels": list(channels or ()),
        "is_machines": is_machines,
    }


def _line(
    import_id: int, kind: str, channel: str | None, zone: str | None, file_name: str, uploader: str,
    uploaded_at: datetime, status: str, counts: dict[str, int], value: dict[str, int],
) -> ImportLine:  # fmt: skip
    return ImportLine(
        import_id, Kind(kind), channel, zone, file_name, uploader, uploaded_at, ImportStatus(status), counts, value
    )

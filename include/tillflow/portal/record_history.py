"""What became of one record: who changed it, when, why, from what to what. Secrets are never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.portal import cells
from tillflow.portal.records import Value, fields_of, table_named
from tillflow.portal.tables import Table

_READING: Final = cells.Reading(ZoneInfo("UTC"), b"")
_sql: Final = beside(__file__, "record_history.sql")
#: what identifies a user at a machine: enough of it is shown to tell one from another, as in every report
_MASKED: Final = ("card_no", "access_code")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `before` is None where a record was added, `after` where it was removed.

    `pin` is there only to say that it was changed. `key` is the record's, or its planogram version's.
    """

    key: str
    happened_at: datetime
    actor: str
    action: str
    reason: str | None
    before: Mapping[str, Value] | None
    after: Mapping[str, Value] | None


def history_of(conn: Connection, table: str, key: Sequence[str], *, after: int = 0, most: int = 1_000) -> list[Event]:
    """The record's history, oldest first; it outlives the record. Raises NoSuchRecordError for an unknown table."""
    kind = table_named(table)
    keys = [history_key(kind, key)]
    if table == "planograms":  # what happened to the version happened to its selections
        keys.append(history_key(kind, key[:2]))
    found = _sql.events(conn, subject=f"portal.{table}", keys=keys, after=after, most=most)
    return [
        Event(key, at, actor, action, reason, _shown(before), _shown(after))
        for key, at, actor, action, reason, before, after in found
    ]


def history_key(table: Table, key: Sequence[str]) -> str:
    """Under which key a record's history stands: as a load writes it."""
    named = dict(zip(table.key, key, strict=False))
    if table.name == "buyers":
        return "/".join(next(((name, text) for name, text in named.items() if text), ("email", "")))
    if table.name == "operators":
        return "/".join(filter(None, key))
    return "/".join(_said(text) if name == "valid_from" else text for name, text in named.items())


def last_change(conn: Connection, table: Table, key: Sequence[str]) -> str:
    """` (by pat, 2026-03-01 09:00 UTC)`; blank where the history says nothing."""
    found = _sql.last_change(conn, subject=f"portal.{table.name}", key=history_key(table, key))
    return "" if found is None else f" (by {found[0]}, {found[1]:%Y-%m-%d %H:%M} UTC)"


def _said(moment: str) -> str:
    """The beginning of a period as keys say it: in whole seconds of UTC."""
    instant = cells.DAY_OR_INSTANT.read(moment, _READING) if moment else None
    return f"{str(instant)[:19]}Z" if instant else moment or "always"


def _shown(stored: Mapping[str, Any] | None) -> dict[str, Value] | None:
    if stored is None:
        return None
    shown = fields_of(stored)
    if stored.get("pin") == "changed":
        shown["pin"] = "changed"
    return shown | {name: masked(str(shown[name])) for name in _MASKED if shown.get(name) is not None}


def masked(text: str) -> str:
    """The last four characters, of a short text at most half of them."""
    kept = min(4, len(text) // 2)
    return "*" * min(len(text) - kept, 12) + text[len(text) - kept :]

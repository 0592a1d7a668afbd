"""Portal data, record by record: the columns are those of the files. Who reads and edits what: `portal_desk`."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from tillflow.codes import Capability
from tillflow.portal.records import Record, Value, table_named
from tillflow.portal_desk import PortalDesk
from tillflow.web.answers import REFUSALS, Answer
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import Limit, Page
from tillflow.web.sights import SEES_OWN_MACHINES

router = APIRouter(tags=["portal data"], prefix="/portal", responses=REFUSALS)
Reader = Annotated[Desk, Depends(needs(*SEES_OWN_MACHINES, Capability.OFFLINE_SALES_ADMIN))]
Table = Annotated[str, Path(max_length=40, description="customers, sites, equipment ...: the name of its file")]
Reason = Annotated[str, Query(max_length=500)]
Token = Annotated[str | None, Query(max_length=100, description="the token of what was seen; `new`: nothing")]
#: a parameter of the query that is no column
_OURS: Final = frozenset({"limit", "cursor", "expected", "reason"})


class RecordAnswer(BaseModel):
    """One record; `token` changes whenever anything of it does: hand it back to change what was seen."""

    key: list[str]
    fields: dict[str, Value]
    token: str


class EventAnswer(BaseModel):
    """One thing that happened to a record; no PIN, and of a card only its end."""

    key: str
    happened_at: datetime
    actor: str
    action: str
    reason: str | None
    before: dict[str, Value] | None
    after: dict[str, Value] | None


class Change(BaseModel):
    """A record to add or change. Columns that are not given stay as they are, or take their default."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[dict[str, Value], Field(max_length=60)]
    expected: Annotated[str | None, Field(max_length=100)] = None
    reason: Annotated[str, Field(max_length=500)] = ""


@router.get("/{table}")
def get_records(
    request: Request,
    desk: Reader,
    table: Table,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Answer[Page[RecordAnswer]]:
    """Records in the order of their keys. Any column may be a filter: `?customer=harbour`."""
    after = _key_in(cursor)
    found = _at(desk).list_records(table, filters=_named(request), after=after, most=limit + 1)
    more = _cursor(found[limit - 1]) if len(found) > limit else None
    return Answer(result=Page(items=[_answer(one) for one in found[:limit]], next_cursor=more))


@router.get("/{table}/history")
def get_history(request: Request, desk: Reader, table: Table) -> Answer[list[EventAnswer]]:
    """What became of one record, oldest first; the query names the columns of its key. It outlives the record."""
    events = _at(desk).history_of(table, _key(request, table))
    return Answer(result=[EventAnswer(**asdict(event)) for event in events])


@router.put("/{table}")
def put_record(desk: Reader, table: Table, change: Change) -> Answer[RecordAnswer]:
    """Add a record, or change the one with the key that `fields` names."""
    saved = _at(desk).put_record(table, change.fields, expected=change.expected, reason=change.reason)
    return Answer(result=_answer(saved))


@router.delete("/{table}")
def delete_record(
    request: Request, desk: Reader, table: Table, expected: Token = None, reason: Reason = ""
) -> Answer[None]:
    """Remove the record whose key the query names, where nothing names it any more."""
    _at(desk).delete_record(table, _key(request, table), expected=expected, reason=reason)
    return Answer(result=None)


def _at(desk: Desk) -> PortalDesk:
    return PortalDesk(desk.conn, desk.person, desk.now, desk.settings)


def _named(request: Request) -> dict[str, str]:
    return {name: text for name, text in request.query_params.items() if name not in _OURS}


def _key(request: Request, table: str) -> tuple[str, ...]:
    named = _named(request)
    wanted = table_named(table).key
    if unknown := sorted(named.keys() - set(wanted)) or not named:
        said = f", not {', '.join(unknown)}" if isinstance(unknown, list) else ""
        raise HTTPException(422, f"name the record by {', '.join(wanted)}{said[:200]}")
    return tuple(named.get(name, "") for name in wanted)


def _answer(record: Record) -> RecordAnswer:
    return RecordAnswer(key=list(record.key), fields=dict(record.fields), token=record.token)


def _cursor(record: Record) -> str:
    return base64.urlsafe_b64encode(json.dumps(record.key).encode()).decode()


def _key_in(cursor: str | None) -> list[str] | None:
    if cursor is None:
        return None
    try:
        key: Any = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        key = None
    if not isinstance(key, list) or not all(isinstance(part, str) and "\0" not in part for part in key):
        raise HTTPException(422, "this cursor was not given by us; begin without one")
    return key

"""From an upload to an import: whose it may be, through the door while the person waits, then a DAG run that books it.

REST and the pages call this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from fastapi import HTTPException

from tillflow import imports
from tillflow.codes import Capability, Kind
from tillflow.errors import FileRefusedError, UnavailableError
from tillflow.intake.booking import Booked
from tillflow.intake.receive import Delivery
from tillflow.intake.source import LocalFile
from tillflow.web.dag_runs import Run, start
from tillflow.web.grants import Desk
from tillflow.web.previews import a_turn
from tillflow.web.uploads import Upload

_UPLOADS: Final = (Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN)


@dataclass(frozen=True, slots=True)
class Started:
    """An import that was taken in, and its run; None where Airflow could not start it, and the daily run will."""

    import_id: int
    rows: int
    run: Run | None


def channel_for(desk: Desk, kind: Kind, channel: str | None) -> str | None:
    """The channel of an upload, after the grants were checked: 403 the kind, 404 the channel, 422 which one."""
    if kind is not Kind.OFFLINE_SALES:
        if not desk.holds(Capability.PROVIDER):
            desk.forbid(f"{desk.person} may not import {kind}: that needs the grant provider")
        return None
    own = desk.channels(*_UPLOADS)
    if not own:
        desk.forbid(f"{desk.person} may not import {kind}: that needs the grant offline_sales_upload for a channel")
    if channel:
        return channel if channel in own else desk.missing("channel", channel)
    if len(own) > 1:
        raise HTTPException(422, f"name the channel of the sales: {', '.join(own)}")
    return own[0]


def take_upload(desk: Desk, upload: Upload, kind: Kind, channel: str | None) -> Started:
    """Take the file in and start its run. Raises HTTPException as `channel_for`, FileRefusedError, UnavailableError."""
    received = imports.take_in(imports.door_to(desk.conn, desk.settings), _delivery(desk, upload, kind, channel))
    number = received.import_id
    try:
        run = start(f"import_{kind}", f"{kind}__{number}", {"import_id": number}, person=desk.person)
    except UnavailableError:
        run = None
    return Started(number, received.rows, run)


def preview_upload(desk: Desk, upload: Upload, kind: Kind, channel: str | None) -> Booked:
    """What importing the file would do; nothing is kept. Raises as `take_upload`, UnavailableError as `a_turn`."""
    delivery = _delivery(desk, upload, kind, channel)
    try:
        with a_turn():
            return imports.preview(desk.conn, delivery, desk.settings)
    except FileRefusedError as refused:
        refused.import_id = None  # not kept either
        raise


def _delivery(desk: Desk, upload: Upload, kind: Kind, channel: str | None) -> Delivery:
    owner = channel_for(desk, kind, channel)
    upload.check(kind, desk.settings)
    return Delivery(
        kind=kind,
        file_name=upload.file_name,
        opener=LocalFile(upload.path),
        uploader=desk.person,
        source="upload",
        version=uuid4().hex,
        channel=owner,
    )

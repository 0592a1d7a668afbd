"""The tasks of the import DAGs: whose file it is, which one, and a red run where it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from tillflow import imports
from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.airflow_edge.runs import started_by
from tillflow.codes import Kind
from tillflow.db.connection import Connection, answering
from tillflow.errors import FileRefusedError
from tillflow.intake.inbox import Waiting, take
from tillflow.intake.storage import NotInInboxError
from tillflow.settings import Settings


def take_named_file(kind: Kind) -> int:
    """The task `take`: the import that the run's parameters name, or that its file becomes."""
    context: Any = get_current_context()
    params = context["params"]
    if params.get("import_id"):
        return int(params["import_id"])
    uploader, is_person = started_by(context)
    settings, channel = Settings.from_environment(), params.get("channel")
    with answering(), tillflow_connection() as conn, _refusals_reported(conn, settings):
        door = imports.door_to(conn, settings)
        try:
            key = door.storage.inbox_key(kind, params.get("file") or "", channel)
        except NotInInboxError as error:
            raise AirflowFailException(str(error)) from None
        into = partial(imports.take_in, door)
        waiting = Waiting(kind, key, channel)
        return take(door.storage, waiting, into, uploader=uploader, is_vouched_for=not is_person).import_id


def book_taken_file(kind: Kind, import_id: int) -> dict[str, Any]:
    """The task `book`: put the import into the books, queue its report, return its balance."""
    settings = Settings.from_environment()
    with answering(), tillflow_connection() as conn, _refusals_reported(conn, settings):
        return imports.summary(imports.book(conn, kind, import_id, settings))


def report_taken_file(import_id: int) -> None:
    """The task `report` of portal data, which is loaded as it is taken in."""
    with answering(), tillflow_connection() as conn:
        imports.report(conn, import_id, Settings.from_environment())


@contextmanager
def _refusals_reported(conn: Connection, settings: Settings) -> Iterator[None]:
    """A refused file ends the run at once, in red, with its errors: running again would not help."""
    try:
        yield
    except FileRefusedError as refused:
        if refused.import_id is not None:
            imports.report(conn, refused.import_id, settings)
        raise AirflowFailException(imports.refusal_text(refused)) from None

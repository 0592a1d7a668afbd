"""One running stack for all tests here: PostgreSQL, mail sink, Airflow, with the sample portal data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.intake.storage import Storage
from tillflow.samples.model import zip_folder
from tillflow.settings import REPOSITORY
from tillflow.stack.airflow_client import AirflowClient
from tillflow.stack.import_file import delivery_of
from tillflow.stack.plan import Stack
from tillflow.stack.running import running_stack

SAMPLES = REPOSITORY / "include" / "samples"


@dataclass(frozen=True)
class Running:
    stack: Stack
    conn: Connection

    def drop(self, kind: Kind, path: Path, channel: str | None = None) -> None:
        storage = Storage(self.stack.settings.storage)
        storage.write(f"{storage.inbox_folder(kind, channel)}/{path.name}", path.read_bytes())

    def run(self, user: str, dag_id: str, **conf: object) -> str:
        client = AirflowClient(self.stack, user)
        try:
            return client.wait(dag_id, client.trigger(dag_id, conf))
        finally:
            client.close()


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_stack(tmp_path_factory.mktemp("running")) as stack, connect(stack.database_url, role=APP_ROLE) as conn:
        portal = stack.settings.temp_dir / "portal.zip"
        portal.write_bytes(zip_folder(SAMPLES / "portal_data"))
        imports.take_in(imports.door_to(conn, stack.settings), delivery_of(portal, Kind.PORTAL_DATA, None, None))
        yield Running(stack, conn)

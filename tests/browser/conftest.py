"""A real browser at the real stack: Airflow, PostgreSQL, mail, gateway, and the sample files through the real DAGs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import arguments, chromium
from tests.browser.operators import PATIENCE_MS, Staff
from tests.browser.shared_stack import shared_stack
from tests.end_to_end.conftest import SAMPLES, Running
from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, connect
from tillflow.samples.model import zip_folder
from tillflow.stack.airflow_client import AirflowClient
from tillflow.stack.import_file import delivery_of
from tillflow.stack.plan import Stack

#: one after the other what is in one tuple, side by side the tuples: the second dump overlaps the first
FILES = (
    ((Kind.OFFLINE_SALES, SAMPLES / "offline_sales" / "call-centre-orders.csv", "call-centre"),),
    (
        (Kind.EQUIPMENT_SYNC, SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv", None),
        (Kind.EQUIPMENT_SYNC, SAMPLES / "equipment_sync" / "all-machines-2026-06-16.jsonl", None),
    ),
)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Stack]:
    """The stack that the browser tests of this session share, whichever worker runs them."""
    base = tmp_path_factory.getbasetemp()
    session = base if worker_id == "master" else base.parent
    folder = session / "browser"
    folder.mkdir(exist_ok=True)
    chromium(session / "chromium.lock")  # without one there is no need to start anything
    with shared_stack(folder, _load_samples) as stack:
        yield stack


@pytest.fixture(scope="package")
def running(stack: Stack) -> Iterator[Running]:
    """The stack with a connection to its books."""
    with connect(stack.database_url, role=APP_ROLE) as conn:
        yield Running(stack, conn)


@pytest.fixture(scope="module")
def browser(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium. Of a module, for Playwright leaves its event loop running: other tests may want one of their own."""
    path = chromium(tmp_path_factory.getbasetemp() / "chromium.lock")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def staff(browser: Browser, stack: Stack) -> Staff:
    """Everybody of the stack."""
    return Staff(browser, stack)


def _load_samples(stack: Stack) -> None:
    """As the demo does: portal data first, for before it nobody has a grant; then the files; then work on them."""
    portal = stack.settings.temp_dir / "portal-data.zip"
    portal.write_bytes(zip_folder(SAMPLES / "portal_data"))
    _import_in_turn(stack, [(Kind.PORTAL_DATA, portal, None)])
    with ThreadPoolExecutor(len(FILES)) as side_by_side:
        list(side_by_side.map(partial(_import_in_turn, stack), FILES))
    client = AirflowClient(stack, "provider")
    soon = (datetime.now(UTC) + timedelta(days=2)).date()  # sales are invoiced when they are recorded: today
    runs = [
        (dag_id, client.trigger(dag_id, conf))
        for dag_id, conf in (
            ("reconcile_products", {"equipment": "VM-30", "date_from": "2026-06-01", "date_to": "2026-06-30"}),
            ("prepare_invoice", {"customer": "rhein", "date_from": "2026-06-01", "date_to": str(soon)}),
        )
    ]
    assert [client.wait(dag_id, run_id) for dag_id, run_id in runs] == ["success", "success"]
    client.close()


def _import_in_turn(stack: Stack, files: Iterable[tuple[Kind, Path, str | None]]) -> None:
    client = AirflowClient(stack)
    with connect(stack.database_url, role=APP_ROLE) as conn:
        for kind, path, channel in files:
            received = imports.take_in(imports.door_to(conn, stack.settings), delivery_of(path, kind, channel, None))
            run_id = client.trigger(
                f"import_{kind}", {"import_id": received.import_id}, f"{kind}__{received.import_id}"
            )
            assert client.wait(f"import_{kind}", run_id) == "success", f"{path.name} was not imported"
    client.close()

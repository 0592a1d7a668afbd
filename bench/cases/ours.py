"""The complete import, as a task does it: receive (sanitise, hash, archive), then book (judge, gate, write, commit)."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from bench.case import Figures, Given


class TimedImport(importlib.abc.MetaPathFinder):
    """Measures the first import of a package, wherever it happens; only what the main thread waits for counts."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.seconds = 0.0

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.package:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def timed(module: ModuleType) -> None:
            started = time.perf_counter()
            execute(module)
            if threading.current_thread() is threading.main_thread():
                self.seconds += time.perf_counter() - started

        spec.loader.exec_module = timed  # type: ignore[method-assign]
        return spec


def run(given: Given) -> Figures:
    started = time.perf_counter()
    from tillflow.codes import Kind
    from tillflow.db.connection import APP_ROLE, connect
    from tillflow.equipment_sync.judge import JUDGE
    from tillflow.intake.booking import book_import
    from tillflow.intake.receive import Delivery, Door, receive
    from tillflow.intake.source import LocalFile
    from tillflow.intake.storage import Storage
    from tillflow.settings import Settings

    imported = time.perf_counter()
    gx_import = TimedImport("great_expectations")
    sys.meta_path.insert(0, gx_import)
    settings = Settings.from_environment()
    storage = Storage(settings.storage)
    file = Path(given.file)
    with connect(given.database_url, role=APP_ROLE) as conn:
        door = Door(conn, storage, settings, given.received_at, may_import=lambda *_: True)
        delivery = Delivery(
            kind=Kind.EQUIPMENT_SYNC, file_name=file.name, opener=LocalFile(file), uploader="bench",
            source=str(file), version="1", is_vouched_for=True,
        )  # fmt: skip
        began = time.perf_counter()
        received = receive(door, delivery, JUDGE.layout)
        taken = time.perf_counter()
        booked = book_import(
            conn, received.import_id, JUDGE, storage=storage, settings=settings, clock=lambda: given.received_at
        )
        done = time.perf_counter()
    assert not booked.was_booked_before, "the books were not empty"
    steps = {"receive": taken - began, **booked.seconds}
    steps["gate"] -= gx_import.seconds
    steps["balance and commit"] = done - taken - sum(booked.seconds.values())
    rows = {
        verdict: sum(row[f"{verdict}_rows"] for row in booked.balance)
        for verdict in ("sale", "exception", "duplicate", "not_billable")
    }
    seconds = done - began - gx_import.seconds
    return Figures(seconds, steps | {"import gx": gx_import.seconds, "import": imported - started}, rows)

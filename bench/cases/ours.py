"""The complete import, as a task does it: receive (sanitise, hash, archive), then book (judge, gate, write, commit)."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.case import Figures, Given


class _CpuTimed:
    """A function that runs in one thread, and the processor's time that it took."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.seconds = 0.0

    def __call__(self, *args: Any) -> Any:
        began = time.thread_time()
        try:
            return self._function(*args)
        finally:
            self.seconds += time.thread_time() - began


def run(given: Given) -> Figures:
    started = time.perf_counter()
    from tillflow.codes import Kind
    from tillflow.db.connection import APP_ROLE, connect
    from tillflow.equipment_sync.judge import JUDGE
    from tillflow.intake import booking
    from tillflow.intake.receive import Delivery, Door, receive
    from tillflow.intake.source import LocalFile
    from tillflow.intake.storage import Storage
    from tillflow.settings import Settings

    imported = time.perf_counter()
    importlib.import_module("great_expectations.expectations")
    gx_imported = time.perf_counter()
    settings = Settings.from_environment()
    storage = Storage(settings.storage)
    file = Path(given.file)
    with connect(given.database_url, role=APP_ROLE) as conn:
        door = Door(conn, storage, settings, given.received_at, may_import=lambda *_: True)
        delivery = Delivery(
            kind=Kind.EQUIPMENT_SYNC, file_name=file.name, opener=LocalFile(file), uploader="bench",
            source=str(file), version="1", is_vouched_for=True,
        )  # fmt: skip
        booking.run_gate = gate = _CpuTimed(booking.run_gate)  # type: ignore[assignment]
        began, cpu_began = time.perf_counter(), time.process_time()
        received = receive(door, delivery, JUDGE.layout)
        taken = time.perf_counter()
        booked = booking.book_import(
            conn, received.import_id, JUDGE, storage=storage, settings=settings, clock=lambda: given.received_at
        )
        done, cpu_done = time.perf_counter(), time.process_time()
    assert not booked.was_booked_before, "the books were not empty"
    beside = booked.seconds["gate, beside the write"]
    steps = {"receive": taken - began, **booked.seconds}
    steps["balance and commit"] = done - taken - sum(booked.seconds.values()) + beside
    rows = {
        verdict: sum(row[f"{verdict}_rows"] for row in booked.balance)
        for verdict in ("sale", "exception", "duplicate", "not_billable")
    }
    steps |= {"import": imported - started, "import gx": gx_imported - imported}
    steps |= {"cpu": cpu_done - cpu_began, "cpu of the gate": gate.seconds}
    return Figures(done - began, steps, rows)

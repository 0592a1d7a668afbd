"""`./tillflow import FILE --kind K`: the same door as an upload, with progress and the balance."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tillflow import imports
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, Connection, connect
from tillflow.errors import FileRefusedError
from tillflow.intake.balance import BUCKETS, balance_of
from tillflow.intake.receive import Delivery
from tillflow.intake.source import LocalFile
from tillflow.money import from_minor
from tillflow.settings import Settings
from tillflow.stack.airflow_client import AirflowClient
from tillflow.stack.errors import StackError
from tillflow.stack.plan import Stack
from tillflow.stack.state import read_state

#: who hands a file in from the command line; it holds the installation's secrets, so it needs no grant
CONSOLE: Final = "console"
_WAIT_SECONDS: Final = 3600


def run(options: argparse.Namespace) -> int:
    """Take the file in, start its DAG run, and with --wait follow it. Exit code 1 when it is refused."""
    settings = Settings.from_environment()
    state = read_state(settings.home)
    if state is None or not state.alive or state.phase != "running":
        raise StackError("nothing runs here; start it with ./tillflow up")
    stack = Stack(settings, state.ports)
    delivery = delivery_of(Path(options.file), Kind(options.kind), options.channel, options.user)
    with connect(stack.database_url, role=APP_ROLE) as conn:
        try:
            if options.preview:
                _print_preview(imports.preview(conn, delivery, settings))
                return 0
            return _import(conn, stack, delivery, wait=options.wait)
        except FileRefusedError as refused:
            print(imports.refusal_text(refused), file=sys.stderr)
            return 1


def delivery_of(path: Path, kind: Kind, channel: str | None, user: str | None) -> Delivery:
    """A file of the command line on its way in; `user` is checked against the grants where one is named."""
    if not path.is_file():
        raise StackError(f"{path} is {'a folder' if path.is_dir() else 'not there'}; name a file")
    return Delivery(
        kind=kind,
        file_name=path.name,
        opener=LocalFile(path),
        uploader=user or CONSOLE,
        source="upload",
        version=uuid4().hex,
        channel=channel,
        is_vouched_for=user is None,
    )


def _import(conn: Connection, stack: Stack, delivery: Delivery, *, wait: bool) -> int:
    print(f"reading {delivery.file_name} ...", file=sys.stderr, flush=True)
    received = imports.take_in(imports.door_to(conn, stack.settings), delivery)
    print(f"import {received.import_id}: {received.rows} rows taken in", file=sys.stderr, flush=True)
    client = AirflowClient(stack)
    try:
        dag_id, run_id = f"import_{delivery.kind}", f"{delivery.kind}__{received.import_id}"
        client.trigger(dag_id, {"import_id": received.import_id}, run_id)
        print(f"run {run_id}: {stack.url}/dags/{dag_id}/runs/{run_id}", file=sys.stderr, flush=True)
        if not wait:
            return 0
        watch = partial(_say, run_id, time.monotonic())
        ended = client.wait(dag_id, run_id, _WAIT_SECONDS, watch)
    finally:
        client.close()
    print_balance(received.import_id, balance_of(conn, received.import_id))
    return 0 if ended == "success" else 1


def _say(run_id: str, began: float, state: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{run_id}: {state} {time.monotonic() - began:5.0f} s", end="", file=sys.stderr, flush=True)


def _print_preview(booked: Any) -> None:
    print("preview: nothing is kept")
    print_balance(booked.import_id, booked.balance)


def print_balance(import_id: int, lines: Iterable[Mapping[str, Any]]) -> None:
    """The balance of an import, in rows and money, a line per currency."""
    for line in lines:
        rows = " + ".join(f"{line[f'{bucket}_rows']} {bucket.replace('_', ' ')}" for bucket in BUCKETS)
        currency = line["currency"]
        money = " + ".join(from_minor(line[f"{bucket}_minor"], currency) for bucket in BUCKETS)
        print(f"import {import_id} {currency}: {line['read_rows']} rows read = {rows}")
        print(f"import {import_id} {currency}: {from_minor(line['read_minor'], currency)} read = {money}")

"""`./tillflow status [--json]`: what runs and where."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tillflow.settings import Settings
from tillflow.stack.components import accepts_connections, airflow_health
from tillflow.stack.plan import Stack
from tillflow.stack.state import ProcessRecord, StackState, read_state

_PORT_OF = {"postgres": "postgres", "mail-sink": "smtp", "sandbox-gateway": "payments"}


def run(options: argparse.Namespace) -> int:
    """Print the status; a stopped stack is an answer, not a failure."""
    settings = Settings.from_environment()
    status = stack_status(settings, read_state(settings.home))
    if options.json:
        print(json.dumps(status, indent=2))
    else:
        _print(status)
    return 0


def stack_status(settings: Settings, state: StackState | None) -> dict[str, Any]:
    """{running, phase, message, home, url, ports, processes, database, storage, mail, users}."""
    alive = state is not None and state.alive
    status: dict[str, Any] = {
        "running": alive and state is not None and state.phase == "running",
        "phase": state.phase if state is not None and alive else "stopped",
        "message": state.message if state is not None else "",
        "home": str(settings.home),
        "storage": settings.storage,
        "url": None,
        "ports": {},
        "processes": [],
        "database": None,
    }
    if state is None or not alive:
        return status
    status["ports"] = state.ports
    status["processes"] = _processes(state)
    if state.phase == "running":
        stack = Stack(settings, state.ports)
        status["url"] = stack.url
        status["database"] = stack.database_url
        status["mail"] = str(stack.mail_folder)
        status["users"] = stack.users
    return status


def _processes(state: StackState) -> list[dict[str, Any]]:
    airflow = airflow_health(state.ports["web"]) if "web" in state.ports else {}

    def healthy(record: ProcessRecord) -> bool:
        if not record.alive:
            return False
        port = state.ports.get(_PORT_OF.get(record.name, ""))
        if port:
            return accepts_connections(port)
        return airflow.get(record.name.replace("-", "_"), False)

    return [{"name": record.name, "pid": record.pid, "healthy": healthy(record)} for record in state.processes]


def _print(status: dict[str, Any]) -> None:
    if not status["running"]:
        print(f"{status['phase']}{': ' + status['message'] if status['message'] else ''}")
    else:
        print(f"running at {status['url']}")
    for process in status["processes"]:
        health = "healthy" if process["healthy"] else "NOT HEALTHY"
        print(f"  {process['name']:<16} {process['pid']:>8}  {health}")
    print(f"  home     {status['home']}\n  storage  {status['storage']}")

"""The long-running processes of a stack: how each is started and when it counts as healthy."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tillflow.settings import REPOSITORY
from tillflow.stack.ports import HOST
from tillflow.stack.system_user import SystemUser

# A proxy set for the outside world must not be asked for our own machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Component:
    """One process of the stack."""

    name: str
    command: list[str]
    environment: dict[str, str]
    is_healthy: Callable[[], bool]
    stop_with: signal.Signals = signal.SIGINT
    stops_last: bool = False
    """True for what the others need until their end (the database)."""
    user: SystemUser = field(default_factory=SystemUser)
    niceness: int = 0
    """How far it and what it starts stand back where others want the processors too, as `nice` counts."""


def base_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment without another Airflow's settings, with our package, then `extra`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    for name in ("no_proxy", "NO_PROXY"):
        kept = environment.get(name, "")
        environment[name] = ",".join(part for part in (kept, HOST, "localhost") if part)
    environment["PYTHONPATH"] = str(REPOSITORY / "include")
    # Allocators keep what they once had, each arena and pool for itself: memory without use.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    return {**environment, **extra}


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on `port` of this machine."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def airflow_health(web_port: int) -> dict[str, bool]:
    """Airflow's own opinion: component -> healthy. Empty while the web server does not answer."""
    try:
        url = f"http://{HOST}:{web_port}/api/v2/monitor/health"
        with _direct.open(url, timeout=3) as answer:
            parts: dict[str, dict[str, str]] = json.load(answer)
    except (OSError, ValueError):
        return {}
    health = {name: part.get("status") == "healthy" for name, part in parts.items() if part}
    return {**health, "api_server": True}


def _serves_tasks(web_port: int) -> bool:
    """Whether tasks can reach the API. The first request takes seconds: better now than in a task."""
    try:
        with _direct.open(f"http://{HOST}:{web_port}/execution/health", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def airflow_components(environment: Mapping[str, str], web_port: int, task_niceness: int) -> list[Component]:
    """The four parts of Airflow. Logs are read from the shared folder, so no log servers.

    Tasks run below the scheduler: with it they stand back for whoever waits for a page.
    """
    commands = {
        "api-server": ["api-server", "--host", HOST, "--port", str(web_port)],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    }

    def healthy(name: str) -> Callable[[], bool]:
        def ask() -> bool:
            said = airflow_health(web_port).get(name.replace("-", "_"), False)
            return said and (name != "api-server" or _serves_tasks(web_port))

        return ask

    return [
        Component(
            name,
            airflow_command(*arguments),
            base_environment(environment),
            healthy(name),
            niceness=task_niceness if name == "scheduler" else 0,
        )
        for name, arguments in commands.items()
    ]


def mail_sink(port: int, folder: Path) -> Component:
    """The mail sink; every message becomes a file in `folder`."""
    command = [sys.executable, "-P", "-m", "tillflow.stack.mail_sink", "--port", str(port)]
    return Component(
        "mail-sink",
        [*command, "--dir", str(folder)],
        base_environment({}),
        lambda: accepts_connections(port),
    )


def airflow_command(*arguments: str) -> list[str]:
    """`airflow ARGUMENTS` by this very Python."""
    return [sys.executable, "-P", "-m", "airflow", *arguments]


def sandbox_gateway(port: int, home: Path) -> Component:
    """The payment gateway of demo and tests: no money moves."""
    command = [sys.executable, "-P", "-m", "tillflow.payments.sandbox_server", "--port", str(port)]
    return Component(
        "sandbox-gateway",
        [*command, "--dir", str(home / "gateway")],
        base_environment({}),
        lambda: accepts_connections(port),
    )

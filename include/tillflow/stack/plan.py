"""What a stack consists of and in which order it starts."""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from tillflow.intake.storage import Storage
from tillflow.settings import PIN_SECRET_FILE, REPOSITORY, Settings
from tillflow.stack.airflow import USERS, airflow_environment
from tillflow.stack.components import (
    Component,
    accepts_connections,
    airflow_command,
    airflow_components,
    base_environment,
    mail_sink,
    sandbox_gateway,
)
from tillflow.stack.errors import StackError
from tillflow.stack.files import last_lines, secret, write_atomically
from tillflow.stack.ports import HOST, choose_ports
from tillflow.stack.postgres import POSTGRES_ENVIRONMENT, PostgresServer
from tillflow.stack.supervisor import PATIENCE_SECONDS, Supervisor

PORTS = ("web", "postgres", "smtp", "payments")
WEB_PORT_VARIABLE = "TILLFLOW_STACK_WEB_PORT"
"""How `up --port` reaches the supervisor."""

MAIL_FOLDER = "mail"


@dataclass
class Stack:
    """One stack: its folder, ports and servers. Makes the secrets that are missing."""

    settings: Settings
    ports: dict[str, int]
    server: PostgresServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = PostgresServer(self.home, port=self.ports.get("postgres"))

    @property
    def home(self) -> Path:
        """Where everything of this stack is."""
        return self.settings.home

    @property
    def url(self) -> str:
        """Airflow's UI."""
        return f"http://{HOST}:{self.ports['web']}"

    @property
    def gateway_url(self) -> str:
        """The sandbox payment gateway."""
        return f"http://{HOST}:{self.ports['payments']}"

    @property
    def mail_folder(self) -> Path:
        """Where the mail sink writes, one .eml per message."""
        return self.home / MAIL_FOLDER

    @property
    def owner_database_url(self) -> str:
        """Tillflow's database for migrations."""
        return self.settings.database_url or self.server.url("tillflow")

    @property
    def database_url(self) -> str:
        """Tillflow's database as the application reaches it."""
        return self.settings.database_url or self.server.application_url

    @property
    def users(self) -> dict[str, str]:
        """User -> password of Airflow's UI; made on first use."""
        path = self.home / "secrets" / "airflow_users.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if not set(USERS) <= set(known):
            known = {**{user: secrets.token_urlsafe(9) for user in USERS}, **known}
            write_atomically(path, json.dumps(known, indent=1) + "\n", mode=0o600)
        return known

    @property
    def environment(self) -> dict[str, str]:
        """Airflow's configuration for this stack; also right for `dag.test()` beside it."""
        payments = {
            "conn_type": "http",
            "host": self.gateway_url,
            "password": f"sk_sandbox_{secret(self.home, 'sandbox_key')}",
        }
        return airflow_environment(
            self.home,
            metadata_url=self.server.url("airflow", driver="psycopg2"),
            database_url=self.database_url,
            fernet_key=base64.urlsafe_b64encode(bytes.fromhex(secret(self.home, "fernet_key"))).decode(),
            jwt_secret=secret(self.home, "jwt_secret"),
            web_port=self.ports["web"],
            smtp_port=self.ports["smtp"],
            mail_from=self.settings.mail_from,
            connections={"tillflow_payments": payments},
        )


def prepare_home(home: Path) -> None:
    """Make the folders and the secrets. Personal data is in mail and logs: ours alone.

    Folders that are there already keep their mode: the home may be somebody's shared folder.
    """
    for name in ("logs", "mail", "storage", "tmp", "run", "secrets", "airflow"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    secret(home, PIN_SECRET_FILE.name)


def start(supervisor: Supervisor) -> None:
    """The plan of the real stack."""
    settings = Settings.from_environment()
    prepare_home(settings.home)
    wanted = os.environ.get(WEB_PORT_VARIABLE)
    ports = choose_ports(settings.home, PORTS, {"web": int(wanted)} if wanted else {})
    stack = Stack(settings, ports)
    supervisor.state.ports = ports
    stack.users  # noqa: B018 - made before Airflow looks for the file
    _start_database(supervisor, stack)
    supervisor.start_together(
        [mail_sink(ports["smtp"], stack.mail_folder), sandbox_gateway(ports["payments"], settings.home)]
    )
    Storage(settings.storage).make_inbox()
    with supervisor.step("Tillflow's schema"):
        _migrate(stack)
    _migrate_airflow(supervisor, stack)
    supervisor.start_together(airflow_components(stack.environment, ports["web"], settings.task_niceness))
    with supervisor.step("Tillflow's DAGs"):
        _wait_for_dags(supervisor, stack)


def _start_database(supervisor: Supervisor, stack: Stack) -> None:
    server = stack.server
    with supervisor.step("PostgreSQL"):
        server.prepare()
        port = stack.ports["postgres"]
        supervisor.start(
            Component(
                "postgres",
                server.command(port),
                dict(POSTGRES_ENVIRONMENT),
                lambda: accepts_connections(port),
                stops_last=True,
                user=server.user,
            )
        )
        server.wait_until_ready(lambda: supervisor.has_ended("postgres"))
        supervisor.state.processes[-1].state = "healthy"
        server.ensure_databases()


def _wait_for_dags(supervisor: Supervisor, stack: Stack) -> None:
    """The DAG processor is healthy before it has read its first file: until then there is no DAG to start."""
    from tillflow.stack.airflow_client import AirflowClient

    wanted = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
    client, until = AirflowClient(stack), time.monotonic() + PATIENCE_SECONDS
    while missing := wanted - client.dags():
        if supervisor.has_ended("dag-processor") or time.monotonic() > until:
            log = last_lines(stack.home / "logs" / "dag-processor.log")
            raise StackError(f"Airflow does not know the DAG {min(missing)}: {log}")
        time.sleep(0.2)
    client.close()


def _migrate(stack: Stack) -> None:
    from tillflow.db.migrate import apply

    apply(stack.owner_database_url)
    if not stack.settings.database_url:
        stack.server.ensure_application_login()


def _migrate_airflow(supervisor: Supervisor, stack: Stack) -> None:
    """`airflow db migrate` takes seconds even with nothing to do: once per version and database."""
    made = (stack.server.data / "PG_VERSION").stat().st_mtime_ns
    done = stack.home / "airflow" / "migrated.txt"
    current = f"airflow {version('apache-airflow')}, database made {made}\n"
    if done.exists() and done.read_text() == current:
        return
    with supervisor.step("Airflow's schema (once)"):
        environment = base_environment(stack.environment)
        supervisor.run("airflow-migrate", airflow_command("db", "migrate"), environment)
        write_atomically(done, current)

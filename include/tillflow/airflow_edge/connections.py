"""Airflow's connections, as the use cases need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from airflow.sdk import Connection as AirflowConnection
from psycopg.conninfo import make_conninfo

from tillflow.db.connection import APP_ROLE, Connection, connect

DATABASE_CONNECTION: Final = "tillflow_db"
MAIL_CONNECTION: Final = "tillflow_smtp"


@contextmanager
def tillflow_connection() -> Iterator[Connection]:
    """Tillflow's database as the application's role: autocommit, UTC, closed at the end.

    Raises UnavailableError when it does not answer. What stands in the connection's extra goes to
    libpq (`sslmode`, or `host` for a socket's folder).
    """
    with connect(conninfo_of(AirflowConnection.get(DATABASE_CONNECTION)), role=APP_ROLE) as connection:
        yield connection


def conninfo_of(airflow_connection: Any) -> str:
    """What libpq is told of a connection, be it Airflow's of tasks or of its server."""
    # part by part, not as Airflow's URI: a password with odd characters needs no quoting here
    parts = {
        "host": airflow_connection.host,
        "port": airflow_connection.port,
        "user": airflow_connection.login,
        "password": airflow_connection.password,
        "dbname": airflow_connection.schema,
        **airflow_connection.extra_dejson,
    }
    return make_conninfo(**{name: value for name, value in parts.items() if value})

"""A connection for each request, as the desk's role and in the name of the person: the database looks twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from airflow.models import connection as airflow_connections
from psycopg import errors

from tillflow.airflow_edge.connections import DATABASE_CONNECTION, conninfo_of
from tillflow.db.connection import DESK_ROLE, Connection, answering, connect
from tillflow.errors import UnavailableError
from tillflow.settings import Settings


@cache
def settings() -> Settings:
    """Tillflow's settings, read once: they do not change while the server runs."""
    return Settings.from_environment()


@contextmanager
def desk_connection(person: str) -> Iterator[Connection]:
    """Tillflow's database as `person` may see it: autocommit, UTC, closed at the end.

    Raises UnavailableError when it does not answer. A connection costs a few milliseconds; there are never more
    than the server has threads.
    """
    # the server's own kind, which looks into Airflow's database too; airflow.sdk's asks the supervisor of a task
    found = airflow_connections.Connection.get_connection_from_secrets(DATABASE_CONNECTION)
    with connect(conninfo_of(found)) as connection, answering():
        try:
            connection.execute("select set_config('role', %s, false)", [DESK_ROLE])
        except (errors.InsufficientPrivilege, errors.InvalidParameterValue):
            raise UnavailableError(
                f"the database login may not act as {DESK_ROLE}: grant it that role (docs/production.md)"
            ) from None
        connection.execute("select set_config('tillflow.person', %s, false)", [person])
        yield connection

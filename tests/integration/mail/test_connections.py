"""Airflow's connection `tillflow_db` becomes a connection that may do what the application may."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

import pytest
from psycopg import errors

from tillflow.airflow_edge.connections import tillflow_connection
from tillflow.errors import UnavailableError


@pytest.mark.parametrize("form", ["url", "json"])
def test_the_application_connects_as_its_role(database: str, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TILLFLOW_DB", database if form == "url" else _json(database))
    with tillflow_connection() as conn:
        assert conn.autocommit
        row = conn.execute("select current_user, current_setting('timezone')").fetchone()
        assert row == ("tillflow_app", "UTC")
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("drop table mail.message")
    assert conn.closed


def test_a_database_that_is_away_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    away = "postgresql://me:hunter2@127.0.0.1:1/tillflow"
    monkeypatch.setenv("AIRFLOW_CONN_TILLFLOW_DB", away)
    with pytest.raises(UnavailableError) as refused, tillflow_connection():
        pass
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def _json(url: str) -> str:
    parts = urlsplit(url)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts.hostname,
            "port": parts.port,
            "login": parts.username,
            "password": unquote(parts.password or ""),
            "schema": parts.path[1:],
            "extra": {"application_name": "tillflow", "sslmode": "prefer"},
        }
    )

"""Airflow's real server application with the plugin in it, a real database, and people with tokens of Airflow's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from tests.importing import Importer
from tillflow.codes import Kind
from tillflow.db.connection import DESK_ROLE, Connection, connect
from tillflow.settings import REPOSITORY
from tillflow.stack.airflow import airflow_environment
from tillflow.web.remembered import Remembered

NOW = datetime.fromisoformat("2026-06-15T04:00:00+00:00")
SITE = "http://tillflow.test"
#: who there is, and what was granted to them; `other_admin` keeps another channel, `nobody` was granted nothing
PEOPLE = {
    "uploader": ("offline_sales_upload", "call-centre", None),
    "lottery_admin": ("offline_sales_admin", "call-centre", None),
    "other_admin": ("offline_sales_admin", "club-stall", None),
    "provider": ("provider", None, None),
    "customer_user": ("customer_user", None, "harbour"),
    "auditor": ("auditor", None, None),
    "nobody": None,
}
_PORTAL = """
with channel as (
    insert into portal.channel (key, name, zone) values
    ('call-centre', 'Call centre', 'Australia/Sydney'), ('club-stall', 'Club stall', 'Australia/Perth')
), customer as (
    insert into portal.customer (key, name, zone, currency) values
    ('harbour', 'Harbour Foods', 'Australia/Sydney', 'AUD'), ('ridge', 'Ridge Works', 'Australia/Perth', 'AUD')
)
select 1
"""
_GRANT = """
insert into portal.operator (user_name, capability, channel_id, customer_id)
values (%s, %s, (select id from portal.channel where key = %s), (select id from portal.customer where key = %s))
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Airflow's application, as its server makes it; one for the session, for it takes seconds."""
    home = tmp_path_factory.mktemp("web")
    (home / "secrets").mkdir()  # where Airflow keeps the passwords it makes
    os.environ |= airflow_environment(
        home,
        metadata_url=f"sqlite:///{home}/airflow.db",
        database_url="postgresql://set-by-each-test/",
        fernet_key="",
        jwt_secret="secret-of-this-test" * 4,
    ) | {"AIRFLOW__API__BASE_URL": SITE}
    os.environ.pop("TILLFLOW_HOME")  # of this Airflow only; other tests have homes of their own
    from airflow import settings

    # another test of this process may have made Airflow read its settings before
    settings.configure_vars()
    settings.configure_orm()
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb

    initdb()
    _read_dags()
    return create_app(apps="core")


def _read_dags() -> None:
    """What the DAG processor does: without it Airflow knows no DAG that could be started."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(REPOSITORY / "dags"), bundle_name="dags-folder")
    assert not bag.import_errors
    sync_bag_to_db(bag, "dags-folder", None)


@pytest.fixture
def site(server: FastAPI, database: str, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The desk over a fresh database with two channels, two customers and everybody's grants."""
    from tillflow.web import database as web_database

    monkeypatch.setenv("AIRFLOW_CONN_TILLFLOW_DB", database)
    importer = Importer(conn, tmp_path, NOW)
    monkeypatch.setattr(web_database, "settings", lambda: importer.settings)
    monkeypatch.setattr("tillflow.web.grants.settings", lambda: importer.settings)
    # nothing of the test before, whose database may have had the same name
    monkeypatch.setattr("tillflow.web.pages.overview._drawn", Remembered(0))
    conn.execute(_PORTAL)
    for name, granted in PEOPLE.items():
        if granted:
            conn.execute(_GRANT, [name, *granted])
    return Site(server, conn, importer, database)


@dataclass
class Site:
    """The server, its database, and a way to be somebody."""

    server: FastAPI
    conn: Connection
    importer: Importer
    database: str

    def as_(self, person: str | None, *, expired: bool = False, by_cookie: bool = False) -> TestClient:
        """A client that is signed in as `person`; None: as nobody."""
        client = TestClient(self.server, base_url=SITE, raise_server_exceptions=False, follow_redirects=False)
        if person is not None:
            token = token_of(person, seconds=-1000 if expired else 600)
            if by_cookie:
                client.cookies.set("_token", token)
            else:
                client.headers["authorization"] = f"Bearer {token}"
        return client

    def grant(self, person: str, capability: str, channel: str | None = None, customer: str | None = None) -> None:
        """Grant somebody one thing more."""
        self.conn.execute(_GRANT, [person, capability, channel, customer])

    def limit_files(self, most: int) -> None:
        """Take no larger files than this, of any kind, in bytes."""
        self.importer.settings = replace(self.importer.settings, max_file_bytes=dict.fromkeys(Kind, most))

    @contextmanager
    def desk(self, person: str) -> Iterator[Connection]:
        """A connection as the desk has it, in the name of `person`."""
        with connect(self.database, role=DESK_ROLE) as conn:
            conn.execute("select set_config('tillflow.person', %s, false)", [person])
            yield conn

    def owner(self) -> Connection:
        """A connection as the owner of the tables, who may analyze them."""
        return connect(self.database)

    def denials(self) -> list[tuple[str, str, str]]:
        """(who, subject, what they tried) of every denied attempt."""
        return self.conn.execute(
            "select actor, subject || ' ' || subject_key, reason from history.event where action = 'denied' order by id"
        ).fetchall()


def token_of(person: str, *, seconds: int = 600) -> str:
    """A bearer token, as Airflow's /auth/token gives it."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username=person, role="user")
    return get_auth_manager().generate_jwt(user, expiration_time_in_seconds=seconds)


def messages(response: Response) -> list[tuple[str, str]]:
    """(level, code) of an answer of the API."""
    return [(one["level"], one["code"]) for one in response.json()["messages"]]

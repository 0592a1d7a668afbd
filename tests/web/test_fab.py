"""The same desk under FAB's auth manager, as the compose stack has it: in a process of its own, for Airflow reads its
settings once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.web.conftest import SITE, Site
from tillflow.settings import REPOSITORY
from tillflow.stack.airflow import airflow_environment

_PROGRAM = f"""
from airflow.utils.db import initdb
initdb()
from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient
app = create_app(apps="core")
from airflow.providers.fab.www.app import create_app as create_flask_app
flask_app = create_flask_app(enable_plugins=False)
with flask_app.app_context():
    security = flask_app.appbuilder.sm
    for name in ("uploader", "nobody"):
        assert security.add_user(name, name, "Test", name + "@example.com", security.find_role("User"), "password")
for name in ("uploader", "nobody", None):
    client = TestClient(app, base_url="{SITE}", follow_redirects=False)
    if name:
        token = client.post("/auth/token", json={{"username": name, "password": "password"}})
        assert token.status_code == 201, token.text
        client.headers["authorization"] = "Bearer " + token.json()["access_token"]
    page = client.get("/tillflow/offline-sales/")
    rest = client.get("/tillflow/api/v1/imports")
    print("ANSWER", name, page.status_code, rest.status_code, page.headers.get("location", ""))
"""


def test_people_of_fab_sign_in_and_get_what_tillflow_grants_them(site: Site, database: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    environment = airflow_environment(
        tmp_path, metadata_url=f"sqlite:///{tmp_path}/airflow.db", database_url=database, fernet_key="",
        jwt_secret="secret-of-this-test" * 4,
    )  # fmt: skip
    environment |= {
        "AIRFLOW__API__BASE_URL": SITE,
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = [line.split(" ")[1:] for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    assert [line[:3] for line in said] == [
        ["uploader", "200", "200"],
        ["nobody", "403", "403"],
        ["None", "303", "401"],
    ]
    assert said[2][3].startswith(f"{SITE}/auth/login/?next=%2Ftillflow%2F")

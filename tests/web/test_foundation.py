"""What holds for every answer of the desk, and the second wall behind it."""

from __future__ import annotations

import pytest
from psycopg import errors

from tests.web.conftest import Site, messages
from tests.web.situations import add_import
from tillflow.codes import Kind
from tillflow.db.connection import APP_ROLE, DESK_ROLE, Connection, connect


def test_every_answer_has_the_one_shape_also_where_there_is_no_such_route(site: Site) -> None:
    client = site.as_("auditor")
    unknown = client.get("/tillflow/api/v1/unheard-of")
    assert (unknown.status_code, messages(unknown), unknown.json()["result"]) == (404, [("error", "not_found")], None)
    wrong = client.delete("/tillflow/api/v1/openapi.json")
    assert (wrong.status_code, messages(wrong)) == (405, [("error", "method_not_allowed")])
    anonymous = site.as_(None).get("/tillflow/api/v1/openapi.json")
    assert (anonymous.status_code, messages(anonymous)) == (401, [("error", "not_signed_in")])
    assert anonymous.headers["www-authenticate"] == "Bearer"


def test_every_answer_tells_the_browser_to_trust_nothing_else(site: Site) -> None:
    for person, path in (("auditor", ""), ("auditor", "api/v1/openapi.json"), (None, "static/tillflow.css")):
        headers = site.as_(person).get(f"/tillflow/{path}").headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        # no-referrer would make browsers send `Origin: null` with our own forms
        assert headers["referrer-policy"] == "same-origin"
    assert site.as_("auditor").get("/tillflow/offline-sales/").headers["cache-control"] == "no-store"


def test_a_page_shows_only_imports_of_own_channels(site: Site) -> None:
    add_import(site.conn, "call-centre", "<b>ours</b>.csv")
    add_import(site.conn, "club-stall", "theirs.csv")
    ours = site.as_("uploader").get("/tillflow/offline-sales/").text
    assert "&lt;b&gt;ours&lt;/b&gt;.csv" in ours
    assert "theirs.csv" not in ours
    everything = site.as_("auditor").get("/tillflow/offline-sales/").text
    assert "ours" in everything
    assert "theirs.csv" in everything


def test_the_list_is_read_in_pages_by_key(site: Site) -> None:
    for number in range(60):
        add_import(site.conn, "call-centre", f"{number}.csv")
    first = site.as_("uploader").get("/tillflow/offline-sales/").text
    assert first.count('<th scope="row">') == 50
    assert "/tillflow/offline-sales/?before=11" in first
    second = site.as_("uploader").get("/tillflow/offline-sales/?before=11").text
    assert second.count('<th scope="row">') == 10
    assert 'rel="next"' not in second


def test_what_was_denied_is_in_the_history(site: Site) -> None:
    assert site.as_("nobody").get("/tillflow/offline-sales/").status_code == 403
    assert site.denials() == [("nobody", "route GET /offline-sales/", "GET /offline-sales/")]


def test_a_database_that_is_away_is_one_clear_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TILLFLOW_DB", "postgresql://nobody@127.0.0.1:9/tillflow")
    away = site.as_("auditor").get("/tillflow/offline-sales/")
    assert away.status_code == 503
    assert "the database does not answer" in away.text
    assert away.headers["retry-after"] == "30"


def desk(site: Site, database: str, person: str) -> Connection:
    conn = connect(database, role=DESK_ROLE)
    conn.execute("select set_config('tillflow.person', %s, false)", [person])
    return conn


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        ("uploader", {"ours.csv"}),
        ("other_admin", {"theirs.csv"}),
        ("provider", {"dump.csv"}),
        ("auditor", {"ours.csv", "theirs.csv", "dump.csv"}),
        ("customer_user", set()),
        ("nobody", set()),
        ("", set()),
    ],
)
def test_a_forgotten_where_shows_nothing_of_another_channel(
    site: Site, database: str, person: str, seen: set[str]
) -> None:
    add_import(site.conn, "call-centre", "ours.csv")
    add_import(site.conn, "club-stall", "theirs.csv")
    add_import(site.conn, None, "dump.csv", Kind.EQUIPMENT_SYNC)
    with desk(site, database, person) as conn:
        assert {name for (name,) in conn.execute("select file_name from intake.import")} == seen
        assert conn.execute("select count(*) from intake.import_status").fetchone() == (len(seen),)


def test_the_desk_cannot_record_an_import_of_another_channel(site: Site, database: str) -> None:
    with desk(site, database, "uploader") as conn, pytest.raises(errors.InsufficientPrivilege):
        add_import(conn, "club-stall", "smuggled.csv")


def test_the_tasks_of_the_dags_see_everything_and_may_still_copy(site: Site, database: str) -> None:
    add_import(site.conn, "call-centre", "ours.csv")
    with connect(database, role=APP_ROLE) as conn:
        assert conn.execute("select count(*) from intake.import").fetchone() == (1,)
        plan = conn.execute("explain select * from intake.import").fetchall()
        assert "Filter" not in str(plan), "the policy costs the load path nothing"

"""Every route x everybody: the table in routes.py says who gets what, and nothing is reachable past it."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from tests.web.conftest import PEOPLE, Site
from tests.web.routes import ANYBODY, ROUTES
from tillflow.web.app import create_app

WRITES = sorted(name for name in ROUTES if not name.startswith("GET "))


def served() -> set[str]:
    """The routes there are."""
    return {
        f"{method} {route.path}"
        for route in create_app().routes
        if isinstance(route, APIRoute)
        for method in route.methods
        if method != "HEAD"
    }


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    assert served() == set(ROUTES)


def test_only_static_files_are_reached_without_a_route() -> None:
    others = {route.path for route in create_app().routes if not isinstance(route, APIRoute)}
    assert others == {"/static"}


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_who_gets_what(site: Site, name: str) -> None:
    row = ROUTES[name]
    method, path = name.split(" ")
    address = "/tillflow" + path.format(**row.given(site))
    wrong = {}
    for person in PEOPLE:
        expected = 404 if person in row.foreign else row.status.get(person, row.status.get(ANYBODY))
        got = site.as_(person).request(method, address, **row.sent).status_code
        if got != expected:
            wrong[person] = (got, expected)
    assert not wrong, "(got, expected)"


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_nobody_gets_anything_without_a_valid_sign_in(site: Site, name: str) -> None:
    row = ROUTES[name]
    method, path = name.split(" ")
    address = "/tillflow" + path.format(**row.given(site))
    # a page shows the way to Airflow's sign-in; the API and a write say 401
    expected = 303 if method == "GET" and "/api/" not in path else 401
    same = {"sec-fetch-site": "same-origin"}
    anonymous = site.as_(None).request(method, address, headers=same, **row.sent)
    expired = site.as_("auditor", expired=True).request(method, address, headers=same, **row.sent)
    assert (anonymous.status_code, expired.status_code) == (expected, expected)
    if expected == 303:
        assert anonymous.headers["location"].startswith("/auth/login?next=%2Ftillflow%2F")
    forged = site.as_(None).request(method, address, headers=same | {"authorization": "Bearer e30.e30.x"}, **row.sent)
    assert forged.status_code == 403


@pytest.mark.parametrize("name", WRITES)
def test_no_other_origin_makes_a_browser_write(site: Site, name: str) -> None:
    row = ROUTES[name]
    method, path = name.split(" ")
    address = "/tillflow" + path.format(**row.given(site))
    client = site.as_("provider", by_cookie=True)
    for headers in (
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
        {},
    ):
        refused = client.request(method, address, headers=headers, **row.sent)
        assert (refused.status_code, headers) == (403, headers)

"""Every route x everybody: the table in routes.py says who gets what, and nothing is reachable past it."""

from __future__ import annotations

from typing import Any

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


def request_of(site: Site, name: str) -> tuple[str, str, dict[str, Any]]:
    """Method, address and everything else of a request that is in order; what it is about is made for it."""
    row = ROUTES[name]
    method, path = name.split(" ")
    about = row.given(site)
    sent = {key: value() if callable(value) else value for key, value in row.sent.items()}
    if "params" in sent:
        told = sent["params"].items()
        sent["params"] = {
            key: [one.format(**about) for one in (value if isinstance(value, list) else [value])] for key, value in told
        }
    return method, "/tillflow" + path.format(**about), sent


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_who_gets_what(site: Site, name: str) -> None:
    row = ROUTES[name]
    wrong = {}
    method, address, sent = request_of(site, name)
    for person in PEOPLE:
        expected = row.status.get(person, row.status.get(ANYBODY))
        if name in WRITES:  # it may be gone, or closed, by what the one before did
            method, address, sent = request_of(site, name)
        got = site.as_(person).request(method, address, **sent)
        if got.status_code != expected:
            wrong[person] = (got.status_code, expected, got.text[:300])
    assert not wrong, "(got, expected, what it said)"


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_nobody_gets_anything_without_a_valid_sign_in(site: Site, name: str) -> None:
    method, address, sent = request_of(site, name)
    # a page shows the way to Airflow's sign-in; the API and a write say 401
    expected = 303 if method == "GET" and "/api/" not in address else 401
    same = {"sec-fetch-site": "same-origin"}
    anonymous = site.as_(None).request(method, address, headers=same, **sent)
    expired = site.as_("auditor", expired=True).request(method, address, headers=same, **sent)
    assert (anonymous.status_code, expired.status_code) == (expected, expected)
    if expected == 303:
        assert anonymous.headers["location"].startswith("/auth/login?next=%2Ftillflow%2F")
    forged = site.as_(None).request(method, address, headers=same | {"authorization": "Bearer e30.e30.x"}, **sent)
    assert forged.status_code == 403


@pytest.mark.parametrize("name", WRITES)
def test_no_other_origin_makes_a_browser_write(site: Site, name: str) -> None:
    method, address, sent = request_of(site, name)
    client = site.as_("provider", by_cookie=True)
    for headers in (
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
        {},
    ):
        refused = client.request(method, address, headers=headers, **sent)
        assert (refused.status_code, headers) == (403, headers)
        assert "another site" in refused.text

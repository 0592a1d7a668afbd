"""Who gets what: one row for each route of the desk. A route without a row, or a row without a route, fails.

A row gives the status for each person; `ANYBODY` for who is not named. Anonymous and expired, another origin and
another channel are the same everywhere, so they are not in the rows: test_every_route.py knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.web.conftest import Site

ANYBODY = "anybody else"


@dataclass(frozen=True)
class Row:
    """`given(site)` puts there what the route is about and returns the parameters of its path.

    `sent`: what else the request carries, as httpx takes it (json, data, files, params). `foreign`: people who hold
    the grant for another channel or customer, and get 404.
    """

    status: Mapping[str, int]
    given: Callable[[Site], Mapping[str, Any]] = lambda site: {}
    sent: Mapping[str, Any] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()


_SALES = {"uploader": 200, "lottery_admin": 200, "other_admin": 200, "auditor": 200, ANYBODY: 403}

#: "METHOD path" -> who gets what
ROUTES: dict[str, Row] = {
    "GET /api/v1/openapi.json": Row({ANYBODY: 200}),
    "GET /offline-sales/": Row(_SALES),
}

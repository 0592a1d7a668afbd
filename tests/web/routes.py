"""Who gets what: one row for each route of the desk. A route without a row, or a row without a route, fails.

A row gives the status for each person; `ANYBODY` for who is not named. Anonymous and expired, another origin and
another channel are the same everywhere, so they are not in the rows: test_every_route.py knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.web import situations
from tests.web.conftest import Site

ANYBODY = "anybody else"


@dataclass(frozen=True)
class Row:
    """`given(site)` puts there what the route is about and returns the parameters of its path.

    It is asked anew for each person. `sent`: what else the request carries, as httpx takes it (json, data, files,
    params).
    """

    status: Mapping[str, int]
    given: Callable[[Site], Mapping[str, Any]] = lambda site: {}
    sent: Mapping[str, Any] = field(default_factory=dict)


def only(status: int, *people: str, others: int = 403, **named: int) -> dict[str, int]:
    """`status` for these people; `named` and `others` for the rest."""
    return dict.fromkeys(people, status) | named | {ANYBODY: others}


#: a list of imports: everybody's own
_IMPORTS = only(200, "uploader", "lottery_admin", "other_admin", "provider", "auditor")
_SALES = only(200, "uploader", "lottery_admin", "other_admin", "auditor")
#: one import of the channel call-centre
_ONE_IMPORT = only(200, "uploader", "lottery_admin", "auditor", other_admin=404, provider=404)
_ONE_SALES_IMPORT = only(200, "uploader", "lottery_admin", "auditor", other_admin=404)
_MACHINES = only(200, "provider", "auditor")
_OWN_MACHINES = only(200, "provider", "auditor", "customer_user")

#: "METHOD path" -> who gets what
ROUTES: dict[str, Row] = {
    "GET /api/v1/openapi.json": Row({ANYBODY: 200}),
    "GET /api/v1/imports": Row(_IMPORTS),
    "POST /api/v1/imports": Row(
        # the form's channel is another's for other_admin; the provider has none
        only(202, "uploader", "lottery_admin", other_admin=404, provider=403),
        sent={"data": {"kind": "offline_sales", "channel": "call-centre"}, "files": situations.order_file()},
    ),
    "GET /api/v1/imports/{import_id}": Row(_ONE_IMPORT, situations.an_import),
    "GET /api/v1/balance": Row(_ONE_IMPORT, situations.an_import, {"params": {"import": "{import_id}"}}),
    "GET /api/v1/exceptions": Row(_OWN_MACHINES),
    "GET /api/v1/exceptions.csv": Row(_OWN_MACHINES),
    "POST /api/v1/reconciliations": Row(
        only(202, "provider"), situations.no_reconciliation, {"json": {"kind": "user", "customer": "harbour"}}
    ),
    "GET /api/v1/reconciliations/{number}": Row(_MACHINES, situations.a_reconciliation),
    "GET /api/v1/reconciliations/{number}/report.csv": Row(_MACHINES, situations.a_reconciliation),
    "GET /api/v1/reconciliations/{number}/report.xlsx": Row(_MACHINES, situations.a_reconciliation),
    "GET /offline-sales/": Row(_SALES),
    "GET /offline-sales/import/": Row(only(200, "uploader", "lottery_admin", "other_admin")),
    "POST /offline-sales/import/": Row(
        only(303, "uploader", "lottery_admin", other_admin=404),
        sent={"data": {"channel": "call-centre"}, "files": situations.order_file()},
    ),
    "GET /offline-sales/{import_id}/": Row(_ONE_SALES_IMPORT, situations.an_import),
    "GET /offline-sales/{import_id}/progress/": Row(_ONE_SALES_IMPORT, situations.an_import),
    "GET /imports/{import_id}/validation/": Row(_ONE_IMPORT, situations.a_validated_import),
}

"""Who gets what: one row for each route of the desk. A route without a row, or a row without a route, fails.

A row gives the status for each person; `ANYBODY` for who is not named. Anonymous and expired, another origin and
another channel are the same everywhere, so they are not in the rows: test_every_route.py knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.web import situations
from tests.web.conftest import PEOPLE, Site

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
#: one order of it: another channel's admin and the provider, who resolves nothing of a channel, do not find it
_RESOLVES = only(200, "lottery_admin", other_admin=404, provider=404)
_MACHINES = only(200, "provider", "auditor")
_OWN_MACHINES = only(200, "provider", "auditor", "customer_user")

#: the index of portal data: who resolves orders reads lotteries and draws there
_PORTAL = only(200, "provider", "auditor", "customer_user", "lottery_admin", "other_admin")
_NO_EXCEPTION = only(404, "provider", "auditor", "customer_user", "lottery_admin", "other_admin")
_KEY = {"params": {"key": ["harbour", "{user}"]}}


def _resolves_sales(status: int, others: int = 403) -> dict[str, int]:
    """Of the channel call-centre; the uploader and the auditor only look."""
    return only(status, "lottery_admin", uploader=others, auditor=others, other_admin=404)


def _sees_users(status: int) -> dict[str, int]:
    return only(status, "provider", "auditor", "customer_user", lottery_admin=404, other_admin=404)


def _edits_users(status: int) -> dict[str, int]:
    return only(status, "provider", "customer_user", auditor=403, lottery_admin=404, other_admin=404)


_RECORDS = only(200, "provider", "auditor", "customer_user", lottery_admin=404, other_admin=404)

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
    "GET /api/v1/imports/{import_id}/transactions": Row(_ONE_IMPORT, situations.a_waiting_order),
    "GET /api/v1/imports/{import_id}/errors.csv": Row(_ONE_IMPORT, situations.a_waiting_order),
    "GET /api/v1/imports/{import_id}/undo": Row(
        # as its page; the provider, who takes back machine dumps, does not find an import of a channel
        _RESOLVES,
        situations.an_import,
    ),
    # it has no rows: there is nothing that could be in the way
    "POST /api/v1/imports/{import_id}/undo": Row(
        _RESOLVES, situations.an_import, {"json": {"reason": "the wrong file"}}
    ),
    "GET /api/v1/transactions/{transaction}": Row(_ONE_IMPORT, situations.a_waiting_order),
    "POST /api/v1/transactions/{transaction}/resolve": Row(
        _RESOLVES, situations.a_waiting_order, {"json": {"fields": {"FIRST_NAME": "Eve"}}}
    ),
    "POST /api/v1/transactions/{transaction}/{act}": Row(
        _RESOLVES, situations.a_waiting_order, {"json": {"reason": "ordered twice"}}
    ),
    "POST /api/v1/exceptions/{number}/write-off": Row(
        only(200, "provider"), situations.an_exception, {"json": {"reason": "a test of the machine"}}
    ),
    "GET /api/v1/balance": Row(_ONE_IMPORT, situations.an_import, {"params": {"import": "{import_id}"}}),
    "GET /api/v1/exceptions": Row(_OWN_MACHINES),
    "GET /api/v1/exceptions.csv": Row(_OWN_MACHINES),
    "GET /api/v1/exceptions.xlsx": Row(_OWN_MACHINES),
    "POST /api/v1/reconciliations": Row(
        only(202, "provider"), situations.no_reconciliation, {"json": {"kind": "user", "customer": "harbour"}}
    ),
    "GET /api/v1/reconciliations/{number}": Row(_MACHINES, situations.a_reconciliation),
    "GET /api/v1/reconciliations/{number}/report.csv": Row(_MACHINES, situations.a_reconciliation),
    "GET /api/v1/reconciliations/{number}/report.xlsx": Row(_MACHINES, situations.a_reconciliation),
    "GET /api/v1/portal/{table}": Row(_RECORDS, situations.customers),
    "GET /api/v1/portal/{table}/history": Row(_RECORDS, situations.customers, {"params": {"customer": "harbour"}}),
    "PUT /api/v1/portal/{table}": Row(
        only(200, "provider", auditor=403, customer_user=403, lottery_admin=404, other_admin=404),
        situations.customers,
        {"json": {"fields": {"customer": "harbour", "name": "Harbour Foods Ltd"}}},
    ),
    "DELETE /api/v1/portal/{table}": Row(
        only(200, "provider", auditor=403, customer_user=404, lottery_admin=404, other_admin=404),
        situations.a_spare_customer,
        {"params": {"customer": "spare"}},
    ),
    "POST /api/v1/invoices": Row(
        only(201, "provider"), sent={"json": {"customer": "harbour", "from": "2026-06-01", "to": "2026-07-01"}}
    ),
    "GET /api/v1/invoices": Row(_OWN_MACHINES),
    "GET /api/v1/invoices/{invoice_id}": Row(_OWN_MACHINES, situations.an_invoice),
    **{
        f"GET /api/v1/invoices/{{invoice_id}}/{kind}": Row(_OWN_MACHINES, situations.an_invoice)
        for kind in ("sales.csv", "sales.xlsx", "summary.csv", "invoice.pdf")
    },
    **{
        f"GET /api/v1/invoices/{{invoice_id}}/export/{name}.csv": Row(
            only(409, "provider", "auditor", "customer_user"), situations.an_invoice
        )
        for name in ("xero", "quickbooks")
    },
    **{
        f"GET /api/v1/invoices/{{invoice_id}}/{kind}": Row(
            only(404, "provider", "auditor", "customer_user"), situations.an_invoice
        )
        for kind in ("credit-note.pdf", "export/credit-note-xero.csv", "export/credit-note-quickbooks.csv")
    },
    "POST /api/v1/invoices/{invoice_id}/post": Row(only(409, "provider"), situations.an_invoice, {"json": {}}),
    "POST /api/v1/invoices/{invoice_id}/discard": Row(
        only(200, "provider"), situations.an_invoice, {"json": {"reason": "not needed"}}
    ),
    "POST /api/v1/invoices/{invoice_id}/credit": Row(
        only(409, "provider"), situations.an_invoice, {"json": {"reason": "wrong price"}}
    ),
    "GET /offline-sales/": Row(_SALES),
    "GET /offline-sales/import/": Row(only(200, "uploader", "lottery_admin", "other_admin")),
    "POST /offline-sales/import/": Row(
        only(303, "uploader", "lottery_admin", other_admin=404),
        sent={"data": {"channel": "call-centre"}, "files": situations.order_file()},
    ),
    "GET /offline-sales/{import_id}/": Row(_ONE_SALES_IMPORT, situations.an_import),
    "GET /offline-sales/{import_id}/progress/": Row(_ONE_SALES_IMPORT, situations.an_import),
    "GET /offline-sales/{import_id}/errors.csv": Row(_ONE_SALES_IMPORT, situations.an_import),
    "GET /offline-sales/{import_id}/undo/": Row(_resolves_sales(200), situations.an_import),
    # it has no rows: there is nothing that could be in the way
    "POST /offline-sales/{import_id}/undo/": Row(
        _resolves_sales(303), situations.an_import, {"data": {"reason": "the wrong file"}}
    ),
    "GET /offline-sales/{import_id}/rows/{row_no}/": Row(_ONE_SALES_IMPORT, situations.a_row),
    "POST /offline-sales/{import_id}/rows/{row_no}/": Row(
        _resolves_sales(409), situations.a_row, {"data": {"action": "save"}}
    ),
    "POST /offline-sales/{import_id}/rows/{row_no}/decide/": Row(
        # who may not decide learns nothing of the payment
        _resolves_sales(303, others=404),
        situations.a_row,
        {"data": {"decision": "return funds", "reason": "it bounced"}},
    ),
    "GET /imports/{import_id}/validation/": Row(_ONE_IMPORT, situations.a_validated_import),
    "GET /portal/": Row(_PORTAL),
    "GET /portal/import/": Row(only(200, "provider")),
    "POST /portal/import/": Row(only(303, "provider"), sent={"files": situations.portal_file()}),
    "GET /portal/do/{edit}/": Row(_edits_users(200), lambda site: {"edit": "change_role"}),
    "POST /portal/do/{edit}/": Row(
        _edits_users(303),
        lambda site: {"edit": "change_role"} | situations.a_user(site, "known"),
        {"data": {"customer": "harbour", "user": "known", "role": "Consumer"}},
    ),
    # no exception is there: who may look is told so; the fixes themselves are in test_portal_pages.py
    "GET /portal/fix/{exception_id}/{code}/": Row(_NO_EXCEPTION, lambda site: {"exception_id": 7, "code": "add_user"}),
    "POST /portal/fix/{exception_id}/{code}/": Row(_NO_EXCEPTION, lambda site: {"exception_id": 7, "code": "add_user"}),
    "GET /portal/planograms/grid/": Row(_sees_users(200)),
    "GET /portal/{table}/": Row(_sees_users(200), lambda site: {"table": "users"}),
    "GET /portal/{table}/new/": Row(_edits_users(200), lambda site: {"table": "users"}),
    "POST /portal/{table}/new/": Row(
        _edits_users(303),
        lambda site: {"table": "users"},
        {"data": {"customer": "harbour", "user": "new", "name": "Ada Li", "role": "Consumer"}},
    ),
    "GET /portal/{table}/record/": Row(_sees_users(200), situations.a_user, _KEY),
    "GET /portal/{table}/record/edit/": Row(_edits_users(200), situations.a_user, _KEY),
    "POST /portal/{table}/record/edit/": Row(_edits_users(303), situations.a_user, _KEY | {"data": {"name": "Bo"}}),
    "GET /portal/{table}/record/remove/": Row(_edits_users(200), situations.a_user, _KEY),
    "POST /portal/{table}/record/remove/": Row(_edits_users(303), situations.a_user, _KEY),
    "GET /": Row(only(200, *(name for name, granted in PEOPLE.items() if granted))),
    "GET /imports/": Row(_IMPORTS),
    "GET /imports/{number}/": Row(_ONE_IMPORT, lambda site: {"number": situations.an_import(site)["import_id"]}),
    "GET /completeness/": Row(_OWN_MACHINES),
    "GET /completeness/{show}.csv": Row(_OWN_MACHINES, lambda site: {"show": "silent"}),
    "GET /exceptions/": Row(_OWN_MACHINES),
    "GET /exceptions/{number}/": Row(only(200, "provider", "auditor", "customer_user"), situations.an_exception),
    "GET /invoices/": Row(_OWN_MACHINES),
    "GET /invoices/prepare/": Row(only(200, "provider")),
    "POST /invoices/prepare/": Row(
        only(303, "provider"), sent={"data": {"customer": "harbour", "from": "2026-06-01", "to": "2026-07-01"}}
    ),
    "GET /invoices/uncovered/": Row(_OWN_MACHINES),
    "GET /invoices/{number}/": Row(_OWN_MACHINES, situations.a_draft),
    "GET /invoices/{number}/download/": Row(_OWN_MACHINES, situations.a_draft, {"params": {"kind": "sales.csv"}}),
    "GET /invoices/{number}/{act}/": Row(only(200, "provider"), situations.a_draft),
    "POST /invoices/{number}/{act}/": Row(only(303, "provider"), situations.a_draft, {"data": {"reason": "a test"}}),
    "POST /exceptions/{number}/write-off/": Row(
        only(303, "provider"), situations.an_exception, {"data": {"reason": "a test of the machine"}}
    ),
    "GET /reconciliations/": Row(_MACHINES),
    "POST /reconciliations/": Row(
        only(303, "provider"), situations.no_reconciliation, {"data": {"kind": "user", "customer": "harbour"}}
    ),
    "POST /reconciliations/preview/": Row(
        only(303, "provider"), situations.no_reconciliation, {"data": {"kind": "user", "customer": "harbour"}}
    ),
    "GET /reconciliations/{number}/": Row(_MACHINES, situations.a_reconciliation),
    "GET /reconciliations/{number}/progress/": Row(_MACHINES, situations.a_reconciliation),
}

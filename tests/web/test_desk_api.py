"""Exceptions, reconciliations, portal data and invoices through REST: what each says and does, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Site, messages
from tests.web.situations import a_reconciliation, a_waiting_order, add_import, an_invoice
from tillflow.codes import Kind
from tillflow.web import dag_runs

API = "/tillflow/api/v1"
_EXCEPTION = """
with row as (
    insert into intake.transaction (import_id, row_no, verdict, content_hash, currency, amount_minor, raw)
    values (%(import)s, %(row)s, 'exception', %(row)s, 'AUD', 250, %(raw)s)
    returning import_id
)
insert into books.exception (
    import_id, row_no, kind, reasons, occurred_at, recorded_at, asset_no, customer_id, currency, amount_minor
)
select import_id, %(row)s, 'equipment_sync', array['unknown_user'], now(), now(), 'VM-1',
    (select id from portal.customer where key = %(customer)s), 'AUD', 250
from row
"""


_RAW = '{"selection": "=1+1", "card_no": "4711000011112222"}'


def add_exceptions(site: Site, customer: str, count: int) -> int:
    number = add_import(site.conn, None, f"{customer}.csv", Kind.EQUIPMENT_SYNC)
    for row in range(count):
        site.conn.execute(_EXCEPTION, {"import": number, "row": row + 2, "customer": customer, "raw": _RAW})
    return number


def test_exceptions_are_read_in_pages_and_a_customers_user_sees_only_theirs(site: Site) -> None:
    add_exceptions(site, "harbour", 3)
    add_exceptions(site, "ridge", 2)

    def seen(person: str, query: str = "") -> list[str]:
        found, cursor = [], ""
        while True:
            page = site.as_(person).get(f"{API}/exceptions?limit=2{query}{cursor}").json()["result"]
            found += [one["customer"] for one in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert seen("provider") == ["harbour"] * 3 + ["ridge"] * 2
    assert seen("provider", "&customer=ridge") == ["ridge"] * 2
    assert seen("customer_user") == ["harbour"] * 3
    assert site.as_("customer_user").get(f"{API}/exceptions?customer=ridge").status_code == 404
    assert site.denials() == [("customer_user", "customer ridge", "GET /api/v1/exceptions")]
    assert site.as_("provider").get(f"{API}/exceptions?from=soon").status_code == 422


def test_exceptions_as_a_file_run_no_formula_and_show_no_card(site: Site) -> None:
    add_exceptions(site, "harbour", 1)
    file = site.as_("customer_user").get(f"{API}/exceptions.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"].startswith('attachment; filename="exceptions-')
    assert ",'=1+1," in file.text
    assert "4711000011112222" not in file.text


def test_a_waiting_order_is_corrected_errors_stay_at_their_fields_and_it_is_closed_with_a_reason(site: Site) -> None:
    order, client = a_waiting_order(site), site.as_("lottery_admin")
    address = f"{API}/transactions/{order['transaction']}"
    (row,) = client.get(f"{API}/imports/{order['import_id']}/transactions?tab=requires_action").json()["result"][
        "items"
    ]
    assert (row["id"], row["tab"], row["corrections"]) == (order["transaction"], "requires_action", 0)
    assert client.get(f"{API}/imports/{order['import_id']}/transactions?tab=successful").json()["result"]["items"] == []
    changed = client.post(f"{address}/resolve", json={"fields": {"first_name": "R2D2"}, "expected": 0})
    assert changed.status_code == 200
    left = {(one["column"], one["level"]) for one in changed.json()["messages"]}
    assert left >= {("first_name", "error"), ("lottery", "error")}
    assert (changed.json()["result"]["corrections"], changed.json()["result"]["fields"]["first_name"]) == (1, "R2D2")
    stale = client.post(f"{address}/resolve", json={"fields": {"first_name": "Ann"}, "expected": 0})
    assert (stale.status_code, messages(stale)) == (409, [("error", "changed_meanwhile")])
    assert client.post(f"{address}/resolve", json={"fields": {"channel": "x"}}).status_code == 422
    assert client.post(f"{address}/abandon", json={"reason": " "}).status_code == 422
    gone = client.post(f"{address}/abandon", json={"reason": "ordered twice"})
    assert (gone.json()["result"]["tab"], gone.json()["result"]["exception_state"]) == ("abandoned", "abandoned")
    assert client.post(f"{address}/abandon", json={"reason": "again"}).status_code == 409
    assert "ordered twice" in [event["reason"] for event in gone.json()["result"]["history"]]


def test_the_rows_that_wait_are_a_file_that_is_accepted_back(site: Site) -> None:
    order, client = a_waiting_order(site), site.as_("lottery_admin")
    file = client.get(f"{API}/imports/{order['import_id']}/errors.csv")
    assert "ERROR_CODE" in file.text.splitlines()[0]
    sent = {"file": ("corrected.csv", file.content, "text/csv")}
    taken = client.post(f"{API}/imports", data={"kind": "offline_sales"}, files=sent)
    assert taken.status_code == 202


def test_another_channels_row_is_not_there_and_the_try_is_in_the_history(site: Site) -> None:
    order = a_waiting_order(site)
    address = f"{API}/transactions/{order['transaction']}"
    for person in ("other_admin", "provider"):
        assert site.as_(person).post(f"{address}/abandon", json={"reason": "mine"}).status_code == 404
    for name in ("0-0", "x", "99999999999-1", "../../etc", "%00"):
        assert site.as_("lottery_admin").get(f"{API}/transactions/{name}").status_code in {404, 422}
    assert [who for who, what, _ in site.denials() if what == f"transaction {order['transaction']}"] == [
        "other_admin", "provider",
    ]  # fmt: skip


def test_a_reconciliation_is_opened_once_and_its_run_finds_it(site: Site) -> None:
    wanted = {"kind": "user", "customer": "harbour"}
    begun = site.as_("provider").post(f"{API}/reconciliations", json=wanted)
    number = begun.json()["result"]["id"]
    assert begun.status_code == 202
    again = site.as_("provider").post(f"{API}/reconciliations", json=wanted)
    assert (again.status_code, messages(again)) == (409, [("error", "already_running")])
    key, by = site.conn.execute("select request_key, requested_by from books.reconciliation").fetchone() or ("", "")
    assert begun.json()["result"]["run"] == f"/dags/reconcile_users/runs/{key}"
    assert by == "provider"
    found = site.as_("auditor").get(f"{API}/reconciliations/{number}").json()["result"]
    assert (found["status"], found["scope"], found["records"]) == ("running", "users of harbour", [])


def test_a_reconciliation_whose_run_cannot_be_started_does_not_hold_its_scope(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise dag_runs.DagNotFound

    wanted = {"kind": "user", "customer": "harbour"}
    with monkeypatch.context() as patched:
        patched.setattr(dag_runs, "trigger_dag", refuse)
        assert site.as_("provider").post(f"{API}/reconciliations", json=wanted).status_code == 503
    assert site.as_("provider").post(f"{API}/reconciliations", json=wanted).status_code == 202


def test_a_preview_of_a_reconciliation_keeps_nothing(site: Site) -> None:
    add_exceptions(site, "ridge", 2)
    wanted = {"kind": "user", "customer": "harbour", "preview": True}
    told = site.as_("provider").post(f"{API}/reconciliations", json=wanted)
    assert (told.status_code, told.json()["result"]) == (200, {"attempted": 0, "reconciled": 0, "failed": 0})
    assert site.conn.execute("select count(*) from books.reconciliation").fetchone() == (0,)


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "user"},
        {"kind": "user", "customer": "harbour", "equipment": "VM-1"},
        {"kind": "product", "equipment": "VM-1"},
        {"kind": "product", "equipment": "VM-1", "from": "2026-06-02", "to": "2026-06-01"},
        {"kind": "product", "equipment": "VM-1", "from": "0001-01-01", "to": "2026-06-01"},
        {"kind": "user", "customer": "har\0bour"},
        {"kind": "user", "customer": "harbour", "notify": "a@b.example, c@d.example"},
        {"kind": "other"},
        [],
    ],
)
def test_a_reconciliation_that_makes_no_sense_is_not_opened(site: Site, wanted: Any) -> None:
    refused = site.as_("provider").post(f"{API}/reconciliations", json=wanted)
    assert refused.status_code == 422
    assert site.conn.execute("select count(*) from books.reconciliation").fetchone() == (0,)


def test_an_unknown_customer_is_404(site: Site) -> None:
    wanted = {"kind": "user", "customer": "unheard-of"}
    assert site.as_("provider").post(f"{API}/reconciliations", json=wanted).status_code == 404
    number = a_reconciliation(site)["number"] + 1
    assert site.as_("provider").get(f"{API}/reconciliations/{number}").status_code == 404


def test_a_record_is_put_listed_and_removed_and_its_history_stays(site: Site) -> None:
    client, products = site.as_("provider"), f"{API}/portal/products"
    fields = {"product": "P-1", "name": "=cmd() <b>", "tax_rate": "10"}
    put = client.put(products, json={"fields": fields, "expected": "new", "reason": "new in June"})
    assert put.status_code == 200
    token = put.json()["result"]["token"]
    assert client.put(products, json={"fields": fields, "expected": "new"}).status_code == 409
    changed = client.put(products, json={"fields": {"product": "P-1", "name": "Water"}, "expected": token})
    stale = client.put(products, json={"fields": {"product": "P-1", "name": "Wine"}, "expected": token})
    assert (changed.status_code, stale.status_code, messages(stale)) == (200, 409, [("error", "stale")])
    (found,) = client.get(f"{products}?product=P-1").json()["result"]["items"]
    assert (found["key"], found["fields"]["name"]) == (["P-1"], "Water")
    assert client.delete(f"{products}?product=P-1").status_code == 200
    assert client.get(f"{products}?product=P-1").json()["result"]["items"] == []
    history = client.get(f"{products}/history?product=P-1").json()["result"]
    assert [event["actor"] for event in history] == ["provider"] * 3
    assert history[0]["reason"] == "new in June"


def test_every_error_of_a_record_is_at_its_field(site: Site) -> None:
    fields = {"customer": "new one", "name": "", "zone": "Mars/Olympus", "currency": "XX"}
    refused = site.as_("provider").put(f"{API}/portal/customers", json={"fields": fields})
    assert refused.status_code == 422
    assert {one["column"] for one in refused.json()["messages"]} >= {"customer", "name", "zone", "currency"}


def test_records_are_read_in_pages(site: Site) -> None:
    client, seen, cursor = site.as_("auditor"), [], ""
    while True:
        page = client.get(f"{API}/portal/customers?limit=1{cursor}").json()["result"]
        seen += [one["key"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [["harbour"], ["ridge"]]
    assert client.get(f"{API}/portal/customers?cursor=bm9wZQ==").status_code == 422
    assert client.get(f"{API}/portal/unheard-of").status_code == 404


def test_a_customers_user_sees_no_other_customer(site: Site) -> None:
    client = site.as_("customer_user")
    assert [one["key"] for one in client.get(f"{API}/portal/customers").json()["result"]["items"]] == [["harbour"]]
    user = {"customer": "ridge", "user": "U1", "name": "Eve", "role": "Consumer"}
    assert client.put(f"{API}/portal/users", json={"fields": user}).status_code == 404


def test_an_invoice_without_sales_is_not_posted_and_its_draft_is_discarded(site: Site) -> None:
    number, client = an_invoice(site)["invoice_id"], site.as_("provider")
    refused = client.post(f"{API}/invoices/{number}/post", json={"invoice_no": "INV-1"})
    assert (refused.status_code, messages(refused)) == (409, [("error", "empty_invoice")])
    pdf = client.get(f"{API}/invoices/{number}/invoice.pdf")
    assert (pdf.status_code, pdf.headers["content-type"], pdf.content[:5]) == (200, "application/pdf", b"%PDF-")
    gone = client.post(f"{API}/invoices/{number}/discard", json={"reason": "no sales"})
    assert gone.json()["result"]["status"] == "discarded"
    assert client.get(f"{API}/invoices/{number}/invoice.pdf").status_code == 409
    empty = client.post(f"{API}/invoices", json={"customer": "harbour", "from": "2026-06-01", "to": "2026-06-01"})
    assert empty.status_code == 422

"""What a route is about, put into the database as the use cases would have."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.importing import PIN_SECRET
from tests.web.conftest import NOW, Site
from tillflow import invoices
from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.intake import booking
from tillflow.intake.booking import Booked
from tillflow.intake.validation_page import validation_key
from tillflow.invoices import Acting
from tillflow.invoicing.billing_range import BillingRange
from tillflow.invoicing.prepare import prepare
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.model import PortalSample
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
#: after the last vend of the samples
SAMPLES_AT = datetime(2026, 6, 16, 20, tzinfo=UTC)

HEADER = (
    "ORDER_ID,LOTTERY,DRAW_NO,CUSTOMER_ID,TITLE,FIRST_NAME,LAST_NAME,ADD_UNIT,ADD_STREET_NUMBER,ADD_STREET_NAME,"
    "ADD_LINE_1,ADD_LINE_2,ADD_SUBURB,ADD_STATE,ADD_POSTCODE,ADD_COUNTRY,EMAIL,PHONE,PRODUCT,QUANTITY,AMOUNT,CURRENCY,"
    "PAYMENT_TYPE,PAYMENT_REF,CARD_TOKEN,SALE_DATE"
)
_ORDER = {
    "ORDER_ID": "9001", "LOTTERY": "coast-house", "DRAW_NO": "101", "FIRST_NAME": "Ada", "LAST_NAME": "Nguyen",
    "EMAIL": "ada@example.com", "PRODUCT": "TICKET-1", "QUANTITY": "1", "AMOUNT": "5.00", "PAYMENT_TYPE": "CASH",
    "SALE_DATE": "2026-06-09",
}  # fmt: skip
#: the rows of `four_orders`
WAITING, CARD, CHEQUE, CASH = 2, 3, 4, 5
_numbers = itertools.count(1)
_IMPORT = """
insert into intake.import (
    kind, channel_id, file_name, uploader, source, source_version, sha256, size_bytes, received_at, booked_at,
    archive_path
)
select %(kind)s, (select id from portal.channel where key = %(channel)s), %(name)s, 'ann', 'test', %(version)s,
    md5(%(version)s) || md5(%(version)s), 1, %(now)s, %(now)s, 'x'
returning id
"""
_SALE = """
insert into books.offline_sale (
    stream_id, seq, import_id, row_no, channel_id, draw_id, draw_product_id, first_name, last_name, country, email,
    quantity, amount_minor, currency, payment_type, payment_ref, sold_at, recorded_at, content_hash
)
select 1, %(order)s, %(import_id)s, 2, c.id, 1, 1, 'Ada', 'Li', 'AU', 'ada@example.com', 1, 500, 'AUD', 'CHQ', '7',
    %(now)s, %(now)s, 1
from portal.channel as c where c.key = 'call-centre'
"""
_RECONCILIATION = """
insert into books.reconciliation (kind, customer_id, requested_by, requested_at, request_key, state, finished_at)
select 'user', c.id, 'provider', %(now)s, %(key)s, 'completed', %(now)s from portal.customer as c
where c.key = 'harbour'
returning id
"""

_MACHINE = """
with site as (
    insert into portal.site (key, customer_id, name, zone)
    select 'pier', c.id, 'Pier', 'Australia/Sydney' from portal.customer as c where c.key = 'harbour'
    on conflict do nothing returning id
), machine as (
    insert into portal.equipment (asset_no, name) values ('H-1', 'Snacks') on conflict do nothing returning id
)
insert into portal.allocation (equipment_id, site_id, valid)
select m.id, s.id, tstzrange('2026-01-01', null) from site as s, machine as m
"""


def taken(site: Site, kind: Kind, content: bytes, name: str) -> Booked:
    """A file, received and booked; without the gate, which has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(booking, "gather_evidence", lambda *args, **kwargs: None)
        patch.setattr(booking, "run_gate", lambda *args, **kwargs: [])
        return site.importer.take(kind, content, name)


def add_import(conn: Connection, channel: str | None, name: str, kind: Kind = Kind.OFFLINE_SALES) -> int:
    """An import without rows, booked."""
    given = {"kind": kind, "channel": channel, "name": name, "now": NOW, "version": f"{name} {next(_numbers)}"}
    (number,) = conn.execute(_IMPORT, given).fetchone()  # type: ignore[misc]
    return int(number)


def an_import(site: Site) -> dict[str, Any]:
    return {"import_id": add_import(site.conn, "call-centre", "ours.csv")}


def a_row(site: Site) -> dict[str, Any]:
    """A sale that is paid with a cheque, whose funds are pending."""
    found = an_import(site)
    site.conn.execute(_SALE, found | {"now": NOW, "order": next(_numbers)})
    return found | {"row_no": 2}


def a_validated_import(site: Site) -> dict[str, Any]:
    found = an_import(site)
    page = "<!doctype html><title>Validation</title><style>p { color: red }</style><script>alert(1)</script>"
    site.importer.storage.write(validation_key(found["import_id"]), page.encode())
    return found


def a_user(site: Site, user: str = "") -> dict[str, Any]:
    """A user of the customer harbour, a new one each time where none is named."""
    user = user or f"u{next(_numbers)}"
    text = f"customer,user,name,role\nharbour,{user},Ada Li,Manager\n"
    load_portal_data(site.conn, {"users.csv": text.encode()}, actor="ann", now=NOW, pin_secret=PIN_SECRET)
    return {"table": "users", "user": user}


def portal_file() -> Callable[[], dict[str, Any]]:
    """A file of one product; another one each time, for the same would be refused."""

    def made() -> dict[str, Any]:
        return {"file": ("products.csv", f"product,name\nP{next(_numbers)},Water\n".encode(), "text/csv")}

    return made


def order_file() -> Callable[[], dict[str, Any]]:
    """A file of one order; another one each time, for the same would be refused."""

    def made() -> dict[str, Any]:
        number = next(_numbers)
        cells = {"LOTTERY": "coast", "DRAW_NO": "1", "PRODUCT": "T1", "QUANTITY": "1", "AMOUNT": "5.00"}
        cells |= {"PAYMENT_TYPE": "CASH", "SALE_DATE": "2026-06-01", "FIRST_NAME": "Ada", "LAST_NAME": "Li"}
        cells |= {"ORDER_ID": str(number), "EMAIL": "ada@example.com"}
        text = f"{HEADER}\n{','.join(cells.get(name, '') for name in HEADER.split(','))}\n"
        return {"file": (f"orders-{number}.csv", text.encode(), "text/csv")}

    return made


def no_reconciliation(site: Site) -> dict[str, Any]:
    """None is running, or a second one of the same customer would be in conflict."""
    site.conn.execute("update books.reconciliation set state = 'given_up', finished_at = now() where state = 'running'")
    return {}


def a_reconciliation(site: Site) -> dict[str, Any]:
    given = {"now": NOW, "key": f"test {next(_numbers)}"}
    (number,) = site.conn.execute(_RECONCILIATION, given).fetchone()  # type: ignore[misc]
    return {"number": number}


def an_exception(site: Site) -> dict[str, Any]:
    """An open exception of a machine of harbour's: nobody shows the card that its vend names."""
    vend = {"equipment": "H-1", "boot_id": "b", "txn_seq": next(_numbers), "vended_at": "2026-06-10T09:00:00+10:00"}
    vend |= {"selection": "0001", "product_code": "1005", "unit_price": "2.50", "currency": "AUD", "card_no": "4711"}
    vend |= {"facility_id": "0", "result": "vend"}
    site.conn.execute(_MACHINE)
    booked = taken(site, Kind.EQUIPMENT_SYNC, json.dumps(vend).encode(), f"sync-{vend['txn_seq']}.jsonl")
    (number,) = site.conn.execute("select id from books.exception where import_id = %s", [booked.import_id]).fetchone()  # type: ignore[misc]
    return {"number": number}


def sampled(site: Site, at: datetime = SAMPLES_AT) -> None:
    """The portal data and the files of the samples, in the books, received `at`."""
    load_portal_data(
        site.conn, PortalSample.from_folder(SAMPLES / "portal_data").files(), actor="test", now=SAMPLES_AT,
        pin_secret=PIN_SECRET,
    )  # fmt: skip
    site.importer.now = at
    for kind, folder in ((Kind.EQUIPMENT_SYNC, "equipment_sync"), (Kind.OFFLINE_SALES, "offline_sales")):
        for file in sorted((SAMPLES / folder).iterdir()):
            taken(site, kind, file.read_bytes(), file.name)


def four_orders(site: Site) -> int:
    """An import of call-centre with a row that waits, a card, a cheque and cash, which is paid."""
    files = {path.name: path.read_bytes() for path in (SAMPLES / "portal_data").glob("*.csv")}
    files.pop("operators.csv")
    load_portal_data(site.conn, files, actor="ann", now=LONG_AGO, pin_secret=PIN_SECRET)
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER.split(","))
    writer.writeheader()
    writer.writerow(_ORDER | {"QUANTITY": "two", "LAST_NAME": "N<b>"})
    writer.writerow(_ORDER | {"ORDER_ID": "9002", "PAYMENT_TYPE": "CC", "CARD_TOKEN": "tok_secret"})
    writer.writerow(_ORDER | {"ORDER_ID": "9003", "PAYMENT_TYPE": "CHQ", "PAYMENT_REF": "000417"})
    writer.writerow(_ORDER | {"ORDER_ID": "9004"})
    received = site.importer.receive(Kind.OFFLINE_SALES, text.getvalue().encode(), "orders.csv")
    site.importer.book(Kind.OFFLINE_SALES, received.import_id)
    attribute_paid(site.conn, now=site.importer.now, actor="import", import_id=received.import_id)
    return received.import_id


def a_draft(site: Site) -> dict[str, Any]:
    """A draft of harbour's; once it was discarded, another one."""
    wanted = BillingRange("harbour", date(2026, 6, 1), date(2026, 7, 1))
    (draft, *_) = invoices.prepare(site.conn, wanted, Acting("test", NOW, is_vouched_for=True))
    return {"number": draft.invoice_id, "act": "discard"}


def customers(site: Site) -> dict[str, Any]:
    return {"table": "customers"}


def a_spare_customer(site: Site) -> dict[str, Any]:
    site.conn.execute(
        "insert into portal.customer (key, name, zone, currency) values ('spare', 'Spare', 'UTC', 'AUD')"
        " on conflict do nothing"
    )
    return {"table": "customers"}


def an_invoice(site: Site) -> dict[str, Any]:
    """An invoice of harbour for a month without sales."""
    wanted = BillingRange("harbour", date(2026, 5, 1), date(2026, 6, 1))
    drafts = prepare(site.conn, wanted, actor="provider", now=NOW)
    return {"invoice_id": drafts[0].invoice_id}


def a_waiting_order(site: Site) -> dict[str, Any]:
    """An order of call-centre that waits: its lottery is unknown."""
    name, content, _ = order_file()()["file"]
    booked = taken(site, Kind.OFFLINE_SALES, content, name)
    return {"transaction": f"{booked.import_id}-2", "import_id": booked.import_id, "act": "abandon"}

"""Tab, status and totals follow from the rows, whatever becomes of their payments."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.importing import PIN_SECRET, Importer
from tests.integration.payments.situations import SITUATIONS
from tests.paying import NOW, Shop
from tillflow.codes import ImportStatus, Kind, PaymentType, Tab
from tillflow.db.connection import Connection
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.offline_sales.overview import import_overview
from tillflow.portal.load_portal_data import load_portal_data
from tillflow.samples.model import PortalSample
from tillflow.settings import REPOSITORY

SAMPLES = REPOSITORY / "include" / "samples"

#: situation -> tab of the row, status of an import that has only this row
SEEN = {
    "card due": ("processing", "processing"),
    "card in_flight": ("processing", "processing"),
    "card retry_wait": ("processing", "processing"),
    "card unknown": ("processing", "processing"),
    "card needs_review": ("requires_action", "requires action"),
    "card failed_hard": ("requires_action", "requires action"),
    "card exhausted": ("requires_action", "requires action"),
    "card canceled": ("abandoned", "completed"),
    "card succeeded": ("processing", "processing"),  # its product is on its way
    "funds received": ("funds_pending", "completed"),
    "funds cleared": ("processing", "processing"),
    "funds returned": ("requires_action", "requires action"),
    "funds canceled": ("abandoned", "completed"),
    "product pending": ("processing", "processing"),
    "product attributed": ("successful", "completed"),
    "product stuck": ("requires_action", "requires action"),
    "refund due": ("processing", "processing"),
    "refund in_flight": ("processing", "processing"),
    "refund refused": ("requires_action", "requires action"),
    "refund refunded": ("abandoned", "completed"),
    "refund to_pay_out": ("requires_action", "requires action"),
}


def test_every_situation_is_seen() -> None:
    assert SEEN.keys() == SITUATIONS.keys()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_tab_and_status(shop: Shop, situation: str) -> None:
    payment = SITUATIONS[situation](shop)
    found = shop.conn.execute("select tab, payment_id from books.row_tab").fetchall()
    assert found == [(SEEN[situation][0], payment)]
    overview = import_overview(shop.conn, shop.column(payment, "import_id"))
    assert overview is not None
    assert overview.status == SEEN[situation][1]
    assert {tab.value: rows for tab, rows in overview.tabs.items() if rows} == {SEEN[situation][0]: 1}
    waits = situation in {"card due", "card retry_wait"}
    assert overview.next_retry_at == (NOW if waits else None)


def test_the_next_charge_is_the_earliest_one(shop: Shop) -> None:
    _, *rest = shop.sell(count=3, token="tok_soft_forever-#")
    import_id = shop.column(rest[0], "import_id")
    shop.charge()
    shop.conn.execute(
        "update books.payment set next_attempt_at = %s where id = %s", [NOW + timedelta(hours=30), rest[1]]
    )
    overview = import_overview(shop.conn, import_id)
    assert overview is not None
    assert (overview.file_name, overview.channel, overview.uploader) == ("orders-1.csv", "stall", "ann")
    assert (overview.uploaded_at, overview.status) == (NOW, ImportStatus.PROCESSING)
    assert overview.next_retry_at == NOW + timedelta(hours=24)
    assert overview.tabs == dict.fromkeys(Tab, 0) | {Tab.PROCESSING: 3}
    nothing: dict[PaymentType, dict[str, int]] = {payment_type: {} for payment_type in PaymentType}
    assert overview.by_payment_type == nothing | {PaymentType.CARD: {"AUD": 1500}}


def test_a_whole_file_at_a_glance(conn: Connection, tmp_path: Path) -> None:
    """The sample orders: what the file says, without its duplicates, is what the totals say."""
    load_portal_data(
        conn, PortalSample.from_folder(SAMPLES / "portal_data").files(), actor="t", now=NOW, pin_secret=PIN_SECRET
    )
    content = (SAMPLES / "offline_sales" / "call-centre-orders.csv").read_bytes()
    importer = Importer(conn, tmp_path, NOW)
    import_id = importer.take(Kind.OFFLINE_SALES, content).import_id
    rows = {row.row_no: row for row in importer.rows(import_id) if row.verdict != "duplicate"}
    by_type: dict[PaymentType, Counter[str]] = {payment_type: Counter() for payment_type in PaymentType}
    for row_no, cells in enumerate(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))), start=2):
        if row_no in rows:
            row = rows[row_no]
            by_type[PaymentType(cells["PAYMENT_TYPE"].strip().upper())][row.currency] += row.amount_minor
    attribute_paid(conn, now=NOW, actor="test")
    overview = import_overview(conn, import_id)
    assert overview is not None
    assert overview.by_payment_type == {payment_type: dict(money) for payment_type, money in by_type.items()}
    assert Counter(overview.total) == sum(by_type.values(), Counter())
    sales = [row for row in rows.values() if row.verdict == "sale"]
    assert sum(overview.tabs.values()) == len(rows)
    assert overview.tabs[Tab.REQUIRES_ACTION] == len(rows) - len(sales)
    assert min(overview.tabs[tab] for tab in (Tab.PROCESSING, Tab.SUCCESSFUL, Tab.FUNDS_PENDING)) > 0


def test_what_is_no_import_of_offline_sales(conn: Connection) -> None:
    assert import_overview(conn, 7) is None

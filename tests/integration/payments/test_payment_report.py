"""The mails about payments: each thing once, nothing personal in them, the way out beside the reason."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.integration.payments.situations import SITUATIONS
from tests.paying import Shop
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments import decisions
from tillflow.payments.refunds import refund_due
from tillflow.reporting.import_report import import_report
from tillflow.reporting.payment_report import MOST_LISTED, queue_payment_reports

TO = ("operations@tillflow.example",)
TELLS = {
    "card needs_review": "Outcome Unknown (needs review): look the payment up on the gateway's pages",
    "card failed_hard": "Declined: stolen card (failed hard): ask the buyer for another card, or abandon the row",
    "card exhausted": "Declined: insufficient funds (exhausted): ask the buyer for another card",
    "funds returned": "Funds Returned (returned): ask the buyer for other funds, or abandon the row",
    "product stuck": "Unknown Customer (product stuck): add the buyer to the portal data, or refund the payment",
    "refund refused": "Refund Refused: expired card (refund refused): send the refund again, or pay the money out",
    "refund to_pay_out": "To Be Paid Out (refund to pay out): pay the money out and confirm it",
}


def queue(shop: Shop) -> int:
    return queue_payment_reports(shop.conn, zone="UTC", recipients=TO, now=shop.now)


def mails(shop: Shop, kind: str = "") -> list[tuple[Any, ...]]:
    """(subject, text, html, attached file) of the mails about payments, oldest first."""
    return shop.conn.execute(
        "select m.subject, m.text_body, m.html_body, a.content from mail.message as m"
        " left join mail.attachment as a on a.message_id = m.id where m.topic like %s order by m.id",
        [f"import:%:{kind}%"],
    ).fetchall()


def table(attached: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(attached.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_waits_for_a_person_is_told_once_with_the_way_out(shop: Shop, situation: str) -> None:
    payment = SITUATIONS[situation](shop)
    queue(shop)
    queue(shop)
    shop.later(minutes=15)
    queue(shop)
    told = mails(shop, "action")
    if situation not in TELLS:
        assert told == []
        return
    ((subject, text, html, attached),) = told
    assert subject == "Tillflow import 1: 1 payment to look at: orders-1.csv"
    assert TELLS[situation] in text
    title = TELLS[situation].partition(" (")[0]
    assert title in html
    assert f"payment {payment}: " in text
    (row,) = table(attached)
    assert (row["ROW"], row["ORDER_ID"], row["PAYMENT_ID"]) == ("2", "1", str(payment))
    assert (row["CURRENCY"], row["AMOUNT"], row["REASON"]) == ("AUD", "5.00", title)


def test_it_is_told_again_when_it_waits_again(shop: Shop) -> None:
    (payment,) = shop.sell(token="tok_hard")
    shop.charge()
    queue(shop)
    decisions.charge_again(shop.conn, payment, actor="ann", now=shop.now, reason="unlocked")
    assert queue(shop) == 0
    shop.charge()
    assert queue(shop) == 1  # in the very same moment, as where a clock is stepped back
    assert len(mails(shop, "action")) == 2


def test_one_mail_an_import(shop: Shop) -> None:
    shop.sell(token="tok_hard-#", count=3)
    shop.sell(token="tok_hard-#", count=2)
    shop.charge()
    assert queue(shop) == 4  # two that tell what to do, two that say that the last card is charged
    assert [subject for subject, *_ in mails(shop, "action")] == [
        "Tillflow import 1: 3 payments to look at: orders-1.csv",
        "Tillflow import 2: 2 payments to look at: orders-2.csv",
    ]


def test_a_long_list_is_in_the_attached_file(shop: Shop) -> None:
    shop.sell("CASH", customer="nobody knows", count=MOST_LISTED + 5)
    attribute_paid(shop.conn, now=shop.now, actor="test")
    queue(shop)
    ((_, text, html, attached),) = mails(shop, "action")
    assert text.count("Unknown Customer") == html.count("Unknown Customer") == MOST_LISTED
    assert "... and 5 more, in the attached file" in text
    assert "5 more, in the attached file" in html
    assert len(table(attached)) == MOST_LISTED + 5


def test_nothing_in_it_is_personal_and_nothing_is_run_as_a_formula(shop: Shop) -> None:
    (payment,) = shop.sell(token="tok_hard-canary", email="canary@example.com", customer="C-canary")
    shop.charge()
    decisions.cancel(shop.conn, payment, actor="ann", now=shop.now, reason="canary")
    shop.sell(token="tok_hard-canary2", email="canary@example.com")
    shop.charge()
    shop.conn.execute(
        "update books.payment set stopped_by = '=canary()' where state = 'failed_hard'"  # a gateway answers anything
    )
    shop.conn.execute("update intake.import set file_name = '<b>orders' || chr(10) || '.csv'")
    queue(shop)
    (subject, text, html, attached) = mails(shop, "action")[0]
    assert "\n" not in subject
    assert "<b>orders" not in html
    assert b"'=canary()" in attached
    for body in (subject, text, html, attached.decode()):
        for secret in ("tok_", "@example.com", "C-canary", "Ada", "Li,"):
            assert secret not in body


class TestTheLastCardOfAnImport:
    def test_is_told_once_with_what_became_of_all(self, shop: Shop) -> None:
        shop.sell(count=2)
        shop.sell(token="tok_soft_then_ok")
        shop.charge()
        attribute_paid(shop.conn, now=shop.now, actor="test")
        assert queue(shop) == 1
        shop.later(hours=24)
        shop.charge()
        assert queue(shop) == 0  # its product is on its way
        attribute_paid(shop.conn, now=shop.now, actor="test")
        assert queue(shop) == 1
        assert queue(shop) == 0
        (first, text, html, _), (second, *_) = mails(shop, "done")
        assert first == "Tillflow import 1 completed, 0 rows, 0 exceptions: orders-1.csv"
        assert second == "Tillflow import 2 completed, 0 rows, 0 exceptions: orders-2.csv"
        assert "PAYMENTS\n  CC successful: 2, 10.00 AUD\n" in text
        assert "10.00 AUD" in html

    def test_is_not_told_of_an_import_without_cards(self, shop: Shop) -> None:
        """Its report was mailed when it was booked, and said the same."""
        shop.sell("CASH", count=2)
        shop.sell("CHQ")
        attribute_paid(shop.conn, now=shop.now, actor="test")
        assert queue(shop) == 0

    def test_is_told_where_something_is_left_to_do(self, shop: Shop) -> None:
        shop.sell(token="tok_hard")
        shop.charge()
        queue(shop)
        ((subject, text, *_),) = mails(shop, "done")
        assert subject == "Tillflow import 1 requires action, 0 rows, 0 exceptions: orders-1.csv"
        assert "CC requires action: 1, 5.00 AUD" in text


def test_a_retry_that_is_to_come_is_said(shop: Shop) -> None:
    (payment,) = shop.sell(token="tok_soft_forever")
    shop.charge()
    mail = import_report(shop.conn, shop.column(payment, "import_id"), zone="Australia/Sydney", recipients=TO)
    assert "  CC processing: 1, 5.00 AUD\n  next charge: 2026-06-16 14:00 Australia/Sydney\n" in mail.text
    assert "next charge: 2026-06-16 14:00 Australia/Sydney" in mail.html


def test_a_refund_is_told_on_its_own(shop: Shop) -> None:
    (payment,) = shop.sell("CASH", customer="nobody knows")
    attribute_paid(shop.conn, now=shop.now, actor="test")
    queue(shop)
    decisions.request_refund(shop.conn, payment, actor="ann", now=shop.now, reason="no such buyer")
    assert refund_due(shop.till()) == {}
    queue(shop)
    assert [table(attached)[0]["STATE"] for *_, attached in mails(shop, "action")] == [
        "product_stuck", "refund_to_pay_out",
    ]  # fmt: skip

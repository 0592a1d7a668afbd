"""What the database refuses, whoever asks."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, RestrictViolation, UniqueViolation

from tests.integration.payments.situations import SITUATIONS
from tests.paying import Shop
from tillflow.db.connection import connect

#: situation, statement about its only payment, what speaks, its words
REFUSED: dict[str, tuple[str, str, type[psycopg.Error], str]] = {
    "another amount": (
        "card due", "update books.payment set amount_minor = amount_minor + 1", RestrictViolation, "final",
    ),
    "another currency": ("card due", "update books.payment set currency = 'NZD'", RestrictViolation, "final"),
    "another sale": ("card due", "update books.payment set seq = 99", RestrictViolation, "final"),
    "another payment type": (
        "product pending", "update books.payment set payment_type = 'CHQ', state = 'cleared'",
        RestrictViolation, "final",
    ),
    "an unknown move": (
        "card due", "update books.payment set state = 'exhausted', stopped_by = 'x', next_attempt_at = null",
        RestrictViolation, "card cannot go from due to exhausted",
    ),
    "a paid card that is due again": (
        "card succeeded",
        "update books.payment set state = 'due', next_attempt_at = now(), paid_at = null, product_state = 'unpaid'",
        RestrictViolation, "card cannot go from succeeded to due",
    ),
    "a cheque at the gateway": (
        "funds received", "update books.payment set state = 'due', next_attempt_at = now()",
        RestrictViolation, "funds cannot go from received to due",
    ),
    "a product that comes back": (
        "refund refunded", "update books.payment set product_state = 'attributed'",
        RestrictViolation, "product cannot go from void to attributed",
    ),
    "a state that nobody knows": (
        "card due", "update books.payment set state = 'lost'", RestrictViolation, "card cannot go from due to lost",
    ),
    "paid without a time": (
        "card in_flight", "update books.payment set state = 'succeeded', leased_until = null",
        CheckViolation, "paid_has_a_time",
    ),
    "stopped without a reason": (
        "card in_flight", "update books.payment set state = 'failed_hard', leased_until = null",
        CheckViolation, "stopped_has_a_reason",
    ),
    "a settled attempt": (
        "card succeeded", "update books.payment_attempt set code = 'x'",
        RestrictViolation, "is settled, or another one",
    ),
    "another key of an open attempt": (
        "card in_flight", "update books.payment_attempt set key = gen_random_uuid()",
        RestrictViolation, "is settled, or another one",
    ),
    "a second open attempt": (
        "card in_flight",
        "insert into books.payment_attempt (payment_id, attempt_no, card_token, started_at)"
        " values (1, 2, 'tok_ok', now())",
        UniqueViolation, "payment_attempt_open",
    ),
    "a second success": (
        "card succeeded",
        "insert into books.payment_attempt (payment_id, attempt_no, card_token, started_at, finished_at, outcome,"
        " reference) values (1, 2, 'tok_ok', now(), now(), 'approved', 'ch_2')",
        UniqueViolation, "payment_attempt_success",
    ),
    "an approval that names no charge": (
        "card in_flight", "update books.payment_attempt set finished_at = now(), outcome = 'approved'",
        CheckViolation, "check",
    ),
    "a second refund": (
        "refund refunded",
        "insert into books.refund (payment_id, amount_minor, currency, state, moved_at, moved_by, move_reason)"
        " values (1, 500, 'AUD', 'to_pay_out', now(), 'ann', 'x')",
        UniqueViolation, "refund_payment_id_key",
    ),
    "a refund of another amount": (
        "refund due", "update books.refund set amount_minor = 1", RestrictViolation, "are final",
    ),
    "a refund that starts again": (
        "refund refunded", "update books.refund set state = 'due', next_attempt_at = now(), reference = null",
        RestrictViolation, "refund cannot go from refunded to due",
    ),
    "a second payment of a sale": (
        "card due",
        "insert into books.payment (stream_id, seq, import_id, row_no, payment_type, amount_minor, currency, state,"
        " paid_at, product_state, moved_at, moved_by)"
        " select stream_id, seq, import_id, 99, 'CASH', 1, 'AUD', 'succeeded', now(), 'pending', now(), 'ann'"
        " from books.payment",
        UniqueViolation, "payment_of_sale",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses(shop: Shop, what: str) -> None:
    situation, statement, error, words = REFUSED[what]
    assert SITUATIONS[situation](shop) == 1
    with pytest.raises(error, match=words):
        shop.conn.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", ["payment", "payment_attempt", "refund", "attribution"])
def test_nothing_is_deleted(shop: Shop, database: str, table: str) -> None:
    bring = "product attributed" if table == "attribution" else "refund refunded"
    SITUATIONS[bring](shop)
    statement: Any = f"delete from books.{table}"
    with pytest.raises(InsufficientPrivilege):
        shop.conn.execute(statement)
    with connect(database) as owner, pytest.raises(RestrictViolation, match="append-only"):
        owner.execute(statement)


def test_a_move_that_is_not_in_the_table_is_refused_for_the_owner_too(shop: Shop, database: str) -> None:
    SITUATIONS["card canceled"](shop)
    with connect(database) as owner, pytest.raises(RestrictViolation, match="card cannot go from canceled to due"):
        owner.execute("update books.payment set state = 'due', next_attempt_at = now()")

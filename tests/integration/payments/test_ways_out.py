"""What the desk offers for a payment is what the database lets a person decide, no more and no less."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.payments.situations import SITUATIONS
from tests.integration.payments.test_decisions import WAYS_OUT
from tests.paying import Shop
from tillflow.payment_desk import Decision, needs_reference, ways_out

#: as test_decisions.py names them; another card's token has no place on a page
_NAMES: Final = {"expect funds": Decision.EXPECT_FUNDS_AGAIN, "cancel": Decision.ABANDON, "other card": None}


@pytest.mark.parametrize("situation", sorted(SITUATIONS))
def test_the_desk_offers_what_can_be_decided(shop: Shop, situation: str) -> None:
    payment = SITUATIONS[situation](shop)
    found = shop.conn.execute(
        "select p.state, p.product_state, r.state from books.payment as p"
        " left join books.refund as r on r.payment_id = p.id where p.id = %s",
        [payment],
    ).fetchone()
    assert found is not None
    named = {_NAMES[name] if name in _NAMES else Decision(name) for name in WAYS_OUT[situation]}
    assert set(ways_out(*found)) == named - {None}


def test_a_confirmation_names_what_it_confirms() -> None:
    assert {decision for decision in Decision if needs_reference(decision)} == {
        Decision.CONFIRM_CHARGED,
        Decision.CONFIRM_PAID_OUT,
    }

from __future__ import annotations

import pytest

from tillflow.payments.decline_codes import HARD, SOFT, is_soft


@pytest.mark.parametrize("code", ["insufficient_funds", "do_not_honor", "try_again_later", "generic_decline"])
def test_a_card_that_may_pay_tomorrow_is_tried_again(code: str) -> None:
    assert is_soft(code)


@pytest.mark.parametrize("code", ["stolen_card", "expired_card", "authentication_required", "fraudulent"])
def test_a_card_that_will_never_pay_is_not(code: str) -> None:
    assert not is_soft(code)


@pytest.mark.parametrize("code", ["", "card_declined", "Insufficient_Funds", "insufficient_funds ", "new_in_2031"])
def test_what_nobody_listed_is_hard(code: str) -> None:
    assert not is_soft(code)


def test_no_code_is_both() -> None:
    assert not SOFT & HARD
    assert len(SOFT) == 10

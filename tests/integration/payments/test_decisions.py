"""Every way out that a person has, from every state, and no other; each once, with who and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.gateways import SandboxServer
from tests.integration.payments.situations import SITUATIONS
from tests.paying import Shop
from tests.racing import Running, wait_until_blocked
from tillflow.codes import PaymentState, RefundState
from tillflow.db.connection import APP_ROLE, connect
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments import decisions
from tillflow.payments.decisions import BadDecisionError, NotNowError

DECISIONS: dict[str, Callable[..., None]] = {
    "approve funds": decisions.approve_funds,
    "return funds": decisions.return_funds,
    "expect funds": decisions.expect_funds_again,
    "charge again": decisions.charge_again,
    "other card": partial(decisions.charge_again, card_token="tok_ok-other"),
    "review": decisions.review,
    "confirm charged": partial(decisions.confirm_charged, reference="ch_9"),
    "cancel": decisions.cancel,
    "refund": decisions.request_refund,
    "refund again": decisions.refund_again,
    "refund by hand": decisions.refund_by_hand,
    "confirm paid out": partial(decisions.confirm_paid_out, reference="transfer 7"),
}
#: what a person can do where; everything else answers that it cannot be done now
WAYS_OUT = {
    "card due": {"cancel"},
    "card in_flight": set(),
    "card retry_wait": {"cancel", "charge again"},
    "card unknown": {"review"},
    "card needs_review": {"cancel", "charge again", "confirm charged"},
    "card failed_hard": {"cancel", "charge again", "other card"},
    "card exhausted": {"cancel", "charge again", "other card"},
    "card canceled": set(),
    "card succeeded": {"refund"},
    "funds received": {"approve funds", "return funds", "cancel"},
    "funds cleared": {"refund"},
    "funds returned": {"expect funds", "cancel"},
    "funds canceled": set(),
    "product pending": {"refund"},
    "product attributed": {"refund"},
    "product stuck": {"refund"},
    "refund due": set(),
    "refund in_flight": set(),
    "refund refused": {"refund again", "refund by hand"},
    "refund refunded": set(),
    "refund to_pay_out": {"confirm paid out"},
}
#: where a sweep is at work, and ends by itself: a request is under way, or is sent at once
OF_THE_SWEEP = {"card in_flight", "refund due", "refund in_flight"}
#: what a payment that is not paid waits for is its payment
WITHOUT_A_LIFE = {"product unpaid"}


def decide(shop: Shop, name: str, payment_id: int, **given: Any) -> None:
    DECISIONS[name](shop.conn, payment_id, **{"actor": "ann", "now": shop.now, "reason": "she said so"} | given)


def everything(shop: Shop) -> list[tuple[Any, ...]]:
    tables = ("books.payment", "books.payment_attempt", "books.refund", "history.event")
    return [row for table in tables for row in shop.conn.execute(f"select t::text from {table} as t order by 1")]  # type: ignore[arg-type]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_can_be_decided_where(shop: Shop, situation: str, subtests: pytest.Subtests) -> None:
    payment = SITUATIONS[situation](shop)
    before = everything(shop)
    for name in DECISIONS:
        with subtests.test(decision=name), shop.conn.transaction(force_rollback=True):
            if name in WAYS_OUT[situation]:
                decide(shop, name, payment)
                with pytest.raises(NotNowError):  # who comes second sees what has happened
                    decide(shop, name, payment)
                told = shop.conn.execute(
                    "select count(*) from history.event where actor = 'ann' and reason = 'she said so'"
                ).fetchone()
                assert told is not None
                assert told[0] >= 1
            else:
                with pytest.raises(NotNowError, match=f"^payment {payment} cannot be decided like this now: it is "):
                    decide(shop, name, payment)
                assert everything(shop) == before


def test_every_state_has_a_way_out_or_is_final(shop: Shop) -> None:
    """The table of moves, the words in the code and the decisions tell one story."""
    moves = shop.conn.execute(
        "select machine, from_state, to_state from books.move where machine <> 'exception'"
    ).fetchall()
    states = {f"{machine} {state}" for machine, *pair in moves for state in pair}
    starts = {f"{machine} {state}" for machine, state, _ in moves}
    assert {state.split()[1] for state in states if state.split()[0] in {"card", "funds"}} == set(PaymentState)
    assert {state.split()[1] for state in states if state.startswith("refund")} == set(RefundState)
    final = states - starts
    assert final == {
        "card succeeded", "card canceled", "funds cleared", "funds canceled", "product void", "refund refunded",
    }  # fmt: skip
    # money that was taken can be given back: that is the life of its product and of its refund
    assert {state for state in final & WAYS_OUT.keys() if WAYS_OUT[state]} == {"card succeeded", "funds cleared"}
    assert states - final - WITHOUT_A_LIFE <= WAYS_OUT.keys()
    assert {state for state in starts - WITHOUT_A_LIFE if not WAYS_OUT[state]} == OF_THE_SWEEP


def test_a_payment_that_does_not_exist(shop: Shop) -> None:
    with pytest.raises(NotNowError, match="payment 77 cannot be decided like this now: there is none"):
        decide(shop, "cancel", 77)


def test_of_two_people_who_decide_at_once_one_does(shop: Shop, database: str) -> None:
    payment = SITUATIONS["funds received"](shop)
    with connect(database, role=APP_ROLE) as first, connect(database, role=APP_ROLE) as second:
        with first.transaction():
            decisions.return_funds(first, payment, actor="bob", now=shop.now, reason="no money in it")
            late = Running(lambda: decisions.approve_funds(second, payment, actor="ann", now=shop.now))
            wait_until_blocked(shop.conn, second)
        with pytest.raises(NotNowError, match="it is returned, its product unpaid, its refund none"):
            late.result()
    assert shop.column(payment, "moved_by") == "bob"


@pytest.mark.parametrize("name", [name for name in DECISIONS if name != "approve funds"])
def test_a_decision_needs_a_reason(shop: Shop, name: str) -> None:
    with pytest.raises(BadDecisionError, match=r"^give a reason$"):
        decide(shop, name, 1, reason="  ")


@pytest.mark.parametrize(
    ("situation", "name", "given"),
    [
        ("card needs_review", "confirm charged", "reference"),
        ("refund to_pay_out", "confirm paid out", "reference"),
        ("card exhausted", "other card", "card_token"),
    ],
)
def test_a_text_that_is_needed_is_given_and_is_no_card_number(
    shop: Shop, situation: str, name: str, given: str
) -> None:
    payment = SITUATIONS[situation](shop)
    with pytest.raises(BadDecisionError, match=given.replace("_", " ")):
        decide(shop, name, payment, **{given: " "})
    for text in ({given: "4111 1111 1111 1111"}, {"reason": "card 4111-1111-1111-1111"}):
        with pytest.raises(BadDecisionError, match="card number in it") as refused:
            decide(shop, name, payment, **text)
        assert "4111" not in str(refused.value)


class TestAnotherCard:
    def test_is_registered_anew_and_charged(self, shop: Shop, sandbox: SandboxServer) -> None:
        (payment,) = shop.sell(token="tok_hard-old")
        shop.charge()
        old = shop.column(payment, "key"), shop.column(payment, "intent")
        decide(shop, "other card", payment, card_token=" tok_ok-new ")
        assert shop.column(payment, "card_token") == "tok_ok-new"
        assert shop.column(payment, "key") != old[0]
        assert shop.column(payment, "intent") is None
        assert shop.column(payment, "method") is None
        assert shop.charge() == Counter(succeeded=1)
        assert shop.column(payment, "intent") != old[1]
        assert sandbox.attempts() == ["stolen_card", "approved"]

    def test_has_all_its_retries(self, shop: Shop) -> None:
        (payment,) = shop.sell(token="tok_soft_forever-old")
        for _ in range(4):
            shop.charge()
            shop.later(hours=24)
        assert shop.state(payment) == "exhausted"
        decide(shop, "other card", payment, card_token="tok_soft_forever-new")
        results = []
        for _ in range(4):
            results.append(dict(shop.charge()))
            shop.later(hours=24)
        assert results == [{"retry_wait": 1}] * 3 + [{"exhausted": 1}]

    def test_is_another_one(self, shop: Shop) -> None:
        (payment,) = shop.sell(token="tok_hard")
        shop.charge()
        with pytest.raises(NotNowError):
            decide(shop, "other card", payment, card_token="tok_hard")

    @pytest.mark.parametrize("token", ["tok_1234567890123", "1234 5678 9012 34", "9" * 19])
    def test_that_looks_like_a_number_is_refused_by_the_database(self, shop: Shop, token: str) -> None:
        payment = SITUATIONS["card failed_hard"](shop)
        with pytest.raises(BadDecisionError, match=r"^the token looks like a card number$") as refused:
            decide(shop, "other card", payment, card_token=token)
        assert refused.value.__suppress_context__
        with pytest.raises(psycopg.errors.CheckViolation):
            shop.sell(token=token)

    def test_is_not_taken_while_the_outcome_with_the_old_one_is_open(self, shop: Shop) -> None:
        payment = SITUATIONS["card needs_review"](shop)
        with pytest.raises(NotNowError):
            decide(shop, "other card", payment)
        with pytest.raises(psycopg.errors.RestrictViolation, match="its card cannot be changed now"):
            shop.conn.execute("update books.payment set card_token = 'tok_other', key = gen_random_uuid()")


class TestUnderReview:
    def test_a_charge_that_the_gateways_pages_show_is_confirmed(self, shop: Shop) -> None:
        payment = SITUATIONS["card needs_review"](shop)
        began = shop.now
        shop.later(days=2)
        decide(shop, "confirm charged", payment, reference=" ch_9 ")
        assert shop.attempts(payment) == [("approved", None)]
        assert (shop.state(payment), shop.column(payment, "paid_at")) == ("succeeded", began)
        found = shop.conn.execute("select reference from books.payment_attempt").fetchone()
        assert found == ("ch_9",)
        assert attribute_paid(shop.conn, now=shop.now, actor="test") == Counter(attributed=1)

    def test_charging_again_closes_the_attempt_and_makes_a_new_one(self, shop: Shop) -> None:
        payment = SITUATIONS["card needs_review"](shop)
        decide(shop, "charge again", payment)
        assert shop.attempts(payment) == [("not_processed", "decided_by_a_person")]
        # `pi_1` is no intent of this gateway: what counts is that it is asked under a new attempt
        shop.charge()
        assert len(shop.attempts(payment)) == 2

    def test_cancelling_closes_the_attempt(self, shop: Shop) -> None:
        payment = SITUATIONS["card needs_review"](shop)
        decide(shop, "cancel", payment)
        assert shop.attempts(payment) == [("not_processed", "decided_by_a_person")]
        assert shop.state(payment) == "canceled"

    def test_a_gateway_that_never_answers_is_not_waited_for(self, shop: Shop) -> None:
        payment = SITUATIONS["card unknown"](shop)
        lease = shop.now + timedelta(minutes=1)
        shop.conn.execute("update books.payment set leased_until = %s", [lease])
        with pytest.raises(NotNowError):  # a sweep is asking
            decide(shop, "review", payment)
        shop.now = lease
        decide(shop, "review", payment)
        assert (shop.state(payment), shop.column(payment, "stopped_by")) == ("needs_review", "outcome_unknown")

    def test_a_charge_that_went_through_is_not_made_again(self, shop: Shop, sandbox: SandboxServer) -> None:
        """A person errs: the one intent of the payment keeps the card from being charged twice."""
        (payment,) = shop.sell(token="tok_script__reset_after*.ok")
        assert shop.charge() == Counter(unknown=1)
        decide(shop, "review", payment)
        decide(shop, "charge again", payment)
        for _ in range(3):
            shop.charge()
            shop.later(minutes=10)
        assert sandbox.attempts() == ["approved"]
        assert shop.state(payment) == "succeeded"


class TestFunds:
    def test_come_in_are_returned_and_come_again(self, shop: Shop) -> None:
        payment = SITUATIONS["funds received"](shop)
        decide(shop, "return funds", payment)
        assert shop.column(payment, "stopped_by") == "funds_returned"
        decide(shop, "expect funds", payment)
        shop.later(days=3)
        decide(shop, "approve funds", payment, reason="")
        assert (shop.state(payment), shop.column(payment, "paid_at")) == ("cleared", shop.now)
        assert shop.moves(payment) == ["returned", "received", "cleared"]
        assert attribute_paid(shop.conn, now=shop.now, actor="test") == Counter(attributed=1)

    def test_never_meet_the_gateway(self, shop: Shop, sandbox: SandboxServer) -> None:
        for payment_type in ("CHQ", "MO", "BD"):
            (payment,) = shop.sell(payment_type)
            decide(shop, "approve funds", payment)
        shop.sell("MO")
        assert shop.charge() == Counter()
        assert sandbox.ledger() == []


def test_every_move_is_in_the_history_with_who_and_why(shop: Shop) -> None:
    (payment,) = shop.sell(token="tok_hard")
    shop.charge(actor="sweep")
    decide(shop, "charge again", payment, reason="the bank has unlocked it")
    shop.charge(actor="sweep")
    decide(shop, "cancel", payment, reason="gave up", actor="bob")
    found = shop.conn.execute(
        "select actor, before ->> 'state', after ->> 'state', reason from history.event where subject = 'payment'"
        " order by id"
    ).fetchall()
    assert found == [
        ("sweep", "due", "in_flight", None),
        ("sweep", "in_flight", "failed_hard", "stolen_card"),
        ("ann", "failed_hard", "due", "the bank has unlocked it"),
        ("sweep", "due", "in_flight", None),
        ("sweep", "in_flight", "failed_hard", "stolen_card"),
        ("bob", "failed_hard", "canceled", "gave up"),
    ]


def test_a_charge_that_paid_one_sale_cannot_be_booked_for_another(shop: Shop) -> None:
    (paid,) = shop.sell()
    shop.charge()
    (reference,) = shop.conn.execute(
        "select reference from books.payment_attempt where payment_id = %s", [paid]
    ).fetchone()  # type: ignore[misc]
    under_review = SITUATIONS["card needs_review"](shop)
    with pytest.raises(BadDecisionError, match="paid another sale"):
        decisions.confirm_charged(
            shop.conn, under_review, actor="ann", now=shop.now, reason="seen", reference=str(reference)
        )
    assert shop.state(under_review) == "needs_review"

from __future__ import annotations

import pytest

from tillflow.payments.sandbox_script import NAMES, Fault, Step, UnknownTokenError, parse, script_text


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_script(name: str) -> None:
    assert parse(script_text(f"tok_{name}")).steps


def test_a_tail_makes_tokens_distinct_and_means_nothing() -> None:
    assert script_text("tok_soft_then_ok-4711-a_b") == script_text("tok_soft_then_ok") == "soft__ok"


def test_a_payment_method_may_be_scripted_too() -> None:
    assert script_text("pm_script__hard-1") == "hard"


def test_the_last_step_repeats() -> None:
    script = parse("soft__ok")
    assert [script.step(n).outcome for n in range(4)] == ["insufficient_funds", "ok", "ok", "ok"]


def test_faults_hit_the_deliveries_of_an_attempt_in_turn() -> None:
    step = parse("500_before.reset_after*2.ok").step(0)
    kinds = [fault.kind if (fault := step.fault(n)) else None for n in range(5)]
    assert kinds == ["500_before", "reset_after", "reset_after", None, None]


def test_a_star_alone_is_for_ever() -> None:
    step = parse("timeout_after*.do_not_honor").step(0)
    fault = step.fault(1_000_000)
    assert fault is not None
    assert (fault.kind, step.outcome) == ("timeout_after", "do_not_honor")


@pytest.mark.parametrize(("word", "seconds"), [("slow_2s", 2.0), ("slow_250ms", 0.25)])
def test_slow_says_how_late(word: str, seconds: float) -> None:
    assert parse(f"{word}.ok").step(0) == Step("ok", (Fault("slow", 1, seconds),))


def test_other_calls_have_faults_of_their_own() -> None:
    script = parse("create.reset_after__refund.500_before*2__soft__ok")
    assert [step.outcome for step in script.steps] == ["insufficient_funds", "ok"]
    assert script.calls["create"].fault(0) == Fault("reset_after")
    assert script.calls["refund"].fault(1) == Fault("500_before", 2)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "tok_",
        "tok_invalid",
        "tok_script__",
        "tok_script__sofft",
        "tok_script__reset_afer.ok",
        "tok_script__ok.ok",
        "tok_script__slow_s.ok",
        "tok_script__500_before*0.ok",
        "tok_script__create.429",
        "card_ok",
        "4242",
    ],
)
def test_a_misspelt_token_is_unknown(token: str) -> None:
    with pytest.raises(UnknownTokenError):
        script_text(token)

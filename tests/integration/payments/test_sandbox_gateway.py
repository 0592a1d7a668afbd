"""The adapter against the sandbox gateway, over real connections: every token, every fault, every restart."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3

from tests.gateways import SandboxServer, make_order, running_sandbox
from tillflow.payments.gateway import (
    Approved,
    Declined,
    Gateway,
    GatewayUnusableError,
    NotProcessed,
    Order,
    Outcome,
    Prepared,
    Unknown,
)
from tillflow.payments.sandbox_script import NAMES
from tillflow.settings import REPOSITORY

SOFT = "insufficient_funds"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with running_sandbox(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    """For tests that stop it, or move its clock."""
    with running_sandbox(tmp_path / "gateway") as server:
        yield server


def prepared(gateway: Gateway, order: Order) -> Prepared:
    made = gateway.prepare(order)
    assert isinstance(made, Prepared)
    return made


def word(outcome: Outcome) -> str:
    """An outcome in a word that can be compared."""
    match outcome:
        case Approved():
            return "paid"
        case Declined(code, is_soft):
            return f"{'soft' if is_soft else 'hard'} {code}"
        case NotProcessed():
            return "not processed"
        case Unknown():
            return "unknown"


# What the first attempt's key answers, sent twice; what the second attempt's key answers; the issuer's attempts.
TOKENS: dict[str, tuple[list[str], list[str]]] = {
    **{name: (["paid", "paid", "paid"], ["approved"]) for name in ("ok", "visa", "duplicate")},
    "soft_then_ok": ([f"soft {SOFT}", f"soft {SOFT}", "paid"], [SOFT, "approved"]),
    "soft_twice_then_ok": ([f"soft {SOFT}"] * 3, [SOFT, SOFT]),
    "soft_forever": ([f"soft {SOFT}"] * 3, [SOFT, SOFT]),
    "hard": (["hard stolen_card"] * 3, ["stolen_card", "stolen_card"]),
    "authentication": (["hard authentication_required"] * 3, ["requires_action", "requires_action"]),
    # late: first nobody waits for the answer, then the key is in use, and so is the intent
    "slow": (["unknown", "unknown", "not processed"], ["approved"]),
    "500_after": (["unknown", "unknown", "paid"], ["approved"]),  # Stripe remembers a 500 too
    "429": (["not processed", "paid", "paid"], ["approved"]),
    **{
        name: (["unknown", "paid", "paid"], ["approved"])
        for name in """500_before 503_before 502_after garbage garbage_before truncated_after answer_lost
        reset_before reset_after drop_before drop_after timeout_before timeout_after""".split()
    },
}


def test_every_name_has_an_expectation() -> None:
    assert set(TOKENS) == set(NAMES)


@pytest.mark.parametrize("name", TOKENS)
def test_a_token(sandbox: SandboxServer, name: str) -> None:
    answers, attempts = TOKENS[name]
    gateway = sandbox.gateway(read_timeout=1.0)
    order = make_order(f"tok_{name}")
    made = prepared(gateway, order)
    keys = [f"{order.key}/1", f"{order.key}/1", f"{order.key}/2"]
    assert [word(gateway.charge(order, made, key)) for key in keys] == answers
    assert sandbox.attempts(order.key) == attempts


@pytest.mark.parametrize("fault", ["500_before", "reset_after", "timeout_after", "garbage", "429", "502_after"])
@pytest.mark.parametrize("outcome", ["ok", "soft", "hard"])
def test_a_fault_before_any_outcome(sandbox: SandboxServer, fault: str, outcome: str) -> None:
    gateway = sandbox.gateway(read_timeout=1.0)
    order = make_order(f"tok_script__{fault}*2.{outcome}__ok")
    made = prepared(gateway, order)
    said = [word(gateway.charge(order, made, f"{order.key}/1")) for _ in range(3)]
    assert said[0] == said[1] == ("not processed" if fault == "429" else "unknown")
    assert said[2] == {"ok": "paid", "soft": f"soft {SOFT}", "hard": "hard stolen_card"}[outcome]
    assert len(sandbox.attempts(order.key)) == 1
    assert [entry["outcome"] for entry in sandbox.ledger(order.key, "fault")] == [fault, fault]


def test_an_unknown_token_is_refused_while_preparing(sandbox: SandboxServer) -> None:
    order = make_order("tok_invalid")
    assert sandbox.gateway().prepare(order) == Declined("resource_missing", is_soft=False)
    assert sandbox.ledger(order.key) == []


def test_preparing_twice_registers_once(sandbox: SandboxServer) -> None:
    order = make_order("tok_ok")
    assert sandbox.gateway().prepare(order) == sandbox.gateway().prepare(order)


@pytest.mark.parametrize("fault", ["500_after", "500_before", "reset_after", "garbage", "429"])
def test_a_fault_while_preparing_does_nothing_and_passes(sandbox: SandboxServer, fault: str) -> None:
    order = make_order(f"tok_script__create.{fault}__ok")
    gateway = sandbox.gateway()
    assert isinstance(gateway.prepare(order), NotProcessed)
    made = prepared(gateway, order)
    assert isinstance(gateway.charge(order, made, order.key), Approved)
    assert sandbox.attempts(order.key) == ["approved"]


def test_a_payment_method_serves_as_a_token(sandbox: SandboxServer) -> None:
    order = make_order("pm_script__soft__ok")
    gateway = sandbox.gateway()
    made = prepared(gateway, order)
    assert [word(gateway.charge(order, made, f"{order.key}/{n}")) for n in (1, 2)] == [f"soft {SOFT}", "paid"]


def test_a_saved_card_pays_two_orders(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    saved = prepared(gateway, make_order("tok_ok")).method
    second = make_order(saved)
    made = prepared(gateway, second)
    assert made.method == saved
    assert isinstance(gateway.charge(second, made, second.key), Approved)


def test_a_card_of_nobody_cannot_be_charged_without_its_owner(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order = make_order("tok_ok")
    made = prepared(gateway, order)
    strangers = prepared(gateway, make_order("tok_ok"))
    outcome = gateway.charge(order, Prepared(made.intent, strangers.method), order.key)
    assert outcome == Declined("payment_method_not_attached", is_soft=False)
    assert sandbox.attempts(order.key) == []


def test_other_parameters_under_the_same_key_never_charge(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order, other = make_order("tok_soft_forever"), make_order("tok_ok")
    gateway.charge(order, prepared(gateway, order), order.key)
    outcome = gateway.charge(other, prepared(gateway, other), order.key)
    assert outcome == Unknown("IdempotencyError 400")
    assert sandbox.attempts(other.key) == []


def test_one_key_from_many_threads_is_one_attempt(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order = make_order("tok_script__slow_50ms.soft")
    made = prepared(gateway, order)
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: word(gateway.charge(order, made, order.key)), range(8)))
    assert sandbox.attempts(order.key) == [SOFT]
    assert said.count(f"soft {SOFT}") >= 1
    assert set(said) <= {f"soft {SOFT}", "unknown"}


def test_many_payments_from_many_threads(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    orders = [make_order("tok_ok") for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        charges = list(pool.map(lambda o: gateway.charge(o, prepared(gateway, o), o.key), orders))
    assert len({charge.reference for charge in charges if isinstance(charge, Approved)}) == 40


def test_no_key_at_all_is_another_attempt_each_time(sandbox: SandboxServer) -> None:
    """The sandbox does not protect a client that forgets its keys."""
    gateway = sandbox.gateway()
    order = make_order("tok_soft_forever")
    made = prepared(gateway, order)
    pool = urllib3.PoolManager()
    for _ in range(2):
        pool.request(
            "POST",
            f"{sandbox.url}/v1/payment_intents/{made.intent}/confirm",
            body=f"payment_method={made.method}",
            headers={"Authorization": "Bearer sk_sandbox_test"},
        )
    assert sandbox.attempts(order.key) == [SOFT, SOFT]


def test_a_key_is_forgotten_after_a_day_and_the_payment_still_succeeds_once(own_sandbox: SandboxServer) -> None:
    gateway = own_sandbox.gateway()
    soft, paid = make_order("tok_soft_forever"), make_order("tok_ok")
    made = {order.key: prepared(gateway, order) for order in (soft, paid)}

    def send() -> list[str]:
        return [word(gateway.charge(order, made[order.key], order.key)) for order in (soft, paid)]

    assert send() == [f"soft {SOFT}", "paid"]
    own_sandbox.set_clock(24 * 3600 - 60)
    assert send() == [f"soft {SOFT}", "paid"]
    assert len(own_sandbox.attempts()) == 2
    own_sandbox.set_clock(24 * 3600 + 60)
    assert send() == [f"soft {SOFT}", "paid"]
    assert (own_sandbox.attempts(soft.key), own_sandbox.attempts(paid.key)) == ([SOFT, SOFT], ["approved"])


def test_a_lookup_finds_what_became_of_an_attempt(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    before = datetime.now(UTC)
    found = {}
    for name in (
        "answer_lost",
        "script__drop_after.do_not_honor",
        "script__drop_before.ok",
        "script__drop_after.opaque",
    ):
        order = make_order(f"tok_{name}")
        made = prepared(gateway, order)
        assert isinstance(gateway.charge(order, made, order.key), Unknown)
        answer = gateway.look_up(made, before)
        found[name] = word(answer) if answer else None
    assert list(found.values()) == ["paid", "soft do_not_honor", None, None]


def test_a_lookup_leaves_an_earlier_decline_alone(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway(clock_skew=timedelta(0))
    order = make_order("tok_hard")
    made = prepared(gateway, order)
    gateway.charge(order, made, order.key)
    assert gateway.look_up(made, datetime.now(UTC) + timedelta(seconds=2)) is None


def test_what_was_processing_is_found_later(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order = make_order("tok_script__processing")
    made = prepared(gateway, order)
    before = datetime.now(UTC)
    assert gateway.charge(order, made, order.key) == Unknown("the payment's intent is processing")
    assert isinstance(gateway.look_up(made, before), Approved)


def paid_charge(gateway: Gateway, token: str = "tok_ok") -> tuple[Order, str]:
    order = make_order(token)
    charge = gateway.charge(order, prepared(gateway, order), order.key)
    assert isinstance(charge, Approved)
    return order, charge.reference


def test_a_refund_sent_twice_gives_back_once(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order, reference = paid_charge(gateway)
    first = gateway.refund(reference, 2500, f"{order.key}/refund")
    assert isinstance(first, Approved)
    assert gateway.refund(reference, 2500, f"{order.key}/refund") == first
    assert gateway.refund(reference, 2500, f"{order.key}/another key") == first
    assert gateway.refund(reference, 2400, f"{order.key}/less") == Declined("charge_already_refunded", is_soft=False)
    assert [entry["amount"] for entry in sandbox.ledger(order.key, "refund")] == [2500]


def test_a_refund_whose_answer_is_lost_is_told_again(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order, reference = paid_charge(gateway, "tok_script__refund.drop_after__ok")
    assert isinstance(gateway.refund(reference, 2500, f"{order.key}/refund"), Unknown)
    assert isinstance(gateway.refund(reference, 2500, f"{order.key}/refund"), Approved)
    assert len(sandbox.ledger(order.key, "refund")) == 1


def test_more_than_was_paid_is_not_given_back(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order, reference = paid_charge(gateway)
    assert gateway.refund(reference, 2501, order.key + "/refund") == Declined("amount_too_large", is_soft=False)
    assert sandbox.ledger(order.key, "refund") == []


@pytest.mark.parametrize("api_key", ["sk_sandbox_bad", "sk_sandbox_no_rights"])
def test_a_wrong_key_stops_everything(sandbox: SandboxServer, api_key: str) -> None:
    with pytest.raises(GatewayUnusableError):
        sandbox.gateway(api_key=api_key).prepare(make_order("tok_ok"))


def test_a_sandbox_that_is_not_there_was_not_asked(own_sandbox: SandboxServer) -> None:
    gateway = own_sandbox.gateway()
    order = make_order("tok_ok")
    made = prepared(gateway, order)
    own_sandbox.kill()
    # the kept-alive connection is found dead, or the new one is refused: neither is a charge
    assert isinstance(gateway.charge(order, made, order.key), NotProcessed | Unknown)
    assert isinstance(gateway.charge(order, made, order.key), NotProcessed)


def test_killed_and_started_again_it_knows_everything(own_sandbox: SandboxServer) -> None:
    gateway = own_sandbox.gateway()
    lost = make_order("tok_script__timeout_after*2.ok")
    made = prepared(gateway, lost)
    impatient = own_sandbox.gateway(read_timeout=0.2)
    assert isinstance(impatient.charge(lost, made, lost.key), Unknown)
    own_sandbox.set_clock(3600)
    before = own_sandbox.ledger()
    own_sandbox.kill()
    own_sandbox.start()
    assert own_sandbox.ledger() == before
    assert own_sandbox.ask("/sandbox/clock")["offset_seconds"] == 3600
    fresh = own_sandbox.gateway(read_timeout=0.2)
    assert isinstance(fresh.charge(lost, made, lost.key), Unknown)  # the second of the two timeouts
    assert isinstance(fresh.charge(lost, made, lost.key), Approved)
    assert own_sandbox.attempts(lost.key) == ["approved"]


def test_half_a_line_at_the_journals_end_is_forgotten(own_sandbox: SandboxServer) -> None:
    gateway = own_sandbox.gateway()
    order, reference = paid_charge(gateway)
    own_sandbox.kill()
    journal = own_sandbox.folder / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"objects":[{"id":"pi_')
    own_sandbox.start()
    assert own_sandbox.attempts(order.key) == ["approved"]
    assert isinstance(own_sandbox.gateway().refund(reference, 2500, "refund"), Approved)
    assert journal.read_bytes().startswith(whole + b'{"objects":[{"id":"ch_')


def test_two_sandboxes_do_not_share_a_folder(own_sandbox: SandboxServer) -> None:
    second = subprocess.run(
        [sys.executable, "-P", "-m", "tillflow.payments.sandbox_server", "--port", "0", "--dir", own_sandbox.folder],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "include")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "is used by another sandbox" in second.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_with_a_connection_left_hanging(own_sandbox: SandboxServer, number: signal.Signals) -> None:
    gateway = own_sandbox.gateway(read_timeout=30)
    order = make_order("tok_timeout_before")
    made = prepared(gateway, order)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gateway.charge, order, made, order.key)
        while not own_sandbox.ledger(order.key, "fault"):
            assert not waiting.done()
        assert own_sandbox.stop(number) == 0
        assert isinstance(waiting.result(10), Unknown)


def test_a_reset_forgets_everything(own_sandbox: SandboxServer) -> None:
    gateway = own_sandbox.gateway()
    order = make_order("tok_soft_then_ok")
    made = prepared(gateway, order)
    gateway.charge(order, made, order.key)
    own_sandbox.set_clock(60)
    own_sandbox.reset()
    assert own_sandbox.ask("/sandbox/ledger")["entries"] == []
    assert own_sandbox.ask("/sandbox/clock")["offset_seconds"] == 0
    assert gateway.charge(order, made, order.key) == Declined("resource_missing", is_soft=False)


def test_latency_is_added_to_every_answer(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, latency_ms=80) as slow:
        began = datetime.now(UTC)
        prepared(slow.gateway(), make_order("tok_ok"))  # four calls
        assert datetime.now(UTC) - began >= timedelta(milliseconds=4 * 80)


def test_the_page_shows_the_ledger(sandbox: SandboxServer) -> None:
    gateway = sandbox.gateway()
    order = Order(1, make_order("tok_ok").key, "<script>alert(1)</script>", "tok_ok-canary-4711", 123, "AUD")
    gateway.charge(order, prepared(gateway, order), order.key)
    page = urllib3.PoolManager().request("GET", f"{sandbox.url}/sandbox/").data.decode()
    assert order.key in page
    assert "<script>" not in page
    assert "canary" not in page


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /v1/charges HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/charges HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n\r\n",
    ],
)
def test_nobody_comes_in_without_a_key(sandbox: SandboxServer, request_text: str) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as raw:
        raw.sendall(request_text.encode())
        assert raw.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_no_token_no_address_and_no_key_gets_anywhere(
    own_sandbox: SandboxServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever happens, outcomes, logs, errors, ledger and journal hold nothing that pays or names anybody."""
    caplog.set_level(logging.DEBUG)
    told: list[object] = []
    scripts = ["ok", "hard", "garbage", "500_after", "reset_after", "429", "invalid", "script__create.garbage__soft"]
    for name in scripts:
        order = make_order(f"tok_{name}-canary4711@mail.example")
        gateway = own_sandbox.gateway(api_key="sk_secret_canary")
        for _ in range(2):
            made = gateway.prepare(order)
            told += [made, order, gateway]
            if isinstance(made, Prepared):
                told += [gateway.charge(order, made, f"{order.key}/{n}") for n in (1, 1, 2)]
                told += [gateway.look_up(made, datetime.now(UTC)), gateway.refund("ch_none", 1, order.key)]
    with pytest.raises(GatewayUnusableError) as refused:
        own_sandbox.gateway(api_key="sk_sandbox_bad").prepare(make_order("tok_canary"))
    assert refused.value.__suppress_context__  # the SDK's own error would be printed with it
    told += [str(refused.value), own_sandbox.ledger()]
    text = repr(told) + caplog.text + "".join(capfd.readouterr())
    text += (own_sandbox.folder / "journal.jsonl").read_text()
    assert re.findall(r".{0,60}(?:canary|@mail|sk_s).{0,20}", text) == []
    assert "Approved" in text  # there was something to look through

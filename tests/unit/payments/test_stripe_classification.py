"""What the adapter makes of everything the network and Stripe can answer; the SDK itself reads the answers."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from urllib3.exceptions import NewConnectionError, ProtocolError, ProxyError, ReadTimeoutError

from tests.gateways import make_order
from tillflow.payments.gateway import (
    Approved,
    Declined,
    GatewayUnusableError,
    NotProcessed,
    Outcome,
    Prepared,
    Unknown,
)
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.payments.stripe_http import PooledClient

ORDER = make_order("tok_visa")
PREPARED = Prepared("pi_1", "pm_1")
NOW = datetime(2026, 6, 9, 12, tzinfo=UTC)
Reply = tuple[int, object] | tuple[int, object, Mapping[str, str]]


class Wire:
    """Stands where the network is: gives the replies in turn and keeps what was asked."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, str, str, str]] = []

    def request(
        self, method: str, url: str, headers: Mapping[str, str], data: str | None = None, **_: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        path = url.removeprefix("http://stripe.test")
        self.asked.append((method, path, data or "", headers.get("Idempotency-Key", "")))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise stripe.APIConnectionError("the text of the network's error") from reply
        body = reply[1] if isinstance(reply[1], bytes) else json.dumps(reply[1]).encode()
        return body, reply[0], reply[2] if len(reply) == 3 else {}

    @property
    def keys(self) -> list[str]:
        return [key for _method, _path, _data, key in self.asked]


Answering = Callable[..., StripeGateway]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    def make(*replies: Reply | Exception) -> StripeGateway:
        gateway = StripeGateway("sk_test", "http://stripe.test")
        wire = Wire(*replies)
        monkeypatch.setattr(gateway._http, "request", wire.request)
        monkeypatch.setattr(gateway, "wire", wire, raising=False)
        return gateway

    return make


def error(kind: str = "card_error", **more: object) -> dict[str, object]:
    return {"error": {"type": kind, "message": "words of Stripe's", **more}}


def intent(status: str, **more: object) -> dict[str, object]:
    return {"id": "pi_1", "object": "payment_intent", "status": status, "latest_charge": "ch_1", **more}


def charge(status: str, seconds: int = 0, reason: str | None = None, code: str | None = None) -> dict[str, object]:
    created = int((NOW + timedelta(seconds=seconds)).timestamp())
    outcome = {"type": "issuer_declined", "reason": reason}
    name = f"ch_{status}_{seconds}"
    return {
        "id": name,
        "object": "charge",
        "status": status,
        "created": created,
        "outcome": outcome,
        "failure_code": code,
    }


def listed(*things: object) -> dict[str, object]:
    return {"object": "list", "data": list(things), "has_more": False, "url": "/v1/charges"}


CHARGE_ANSWERS: list[tuple[str, Reply, Outcome]] = [
    ("paid", (200, intent("succeeded")), Approved("ch_1")),
    ("paid, the charge in full", (200, intent("succeeded", latest_charge={"id": "ch_2"})), Approved("ch_2")),
    ("the buyer is wanted", (200, intent("requires_action")), Declined("authentication_required", is_soft=False)),
    ("processing", (200, intent("processing")), Unknown("the payment's intent is processing")),
    (
        "soft",
        (402, error(code="card_declined", decline_code="insufficient_funds")),
        Declined("insufficient_funds", is_soft=True),
    ),
    ("hard", (402, error(code="card_declined", decline_code="lost_card")), Declined("lost_card", is_soft=False)),
    ("a code of its own", (402, error(code="expired_card")), Declined("expired_card", is_soft=False)),
    ("soft by its error code", (402, error(code="processing_error")), Declined("processing_error", is_soft=True)),
    ("declined, no more said", (402, error(code="card_declined")), Declined("card_declined", is_soft=False)),
    ("declined without a code", (402, error()), Unknown("CardError 402")),
    ("slow down", (429, error("rate_limit_error", code="rate_limit")), NotProcessed("RateLimitError 429")),
    ("in use elsewhere", (429, error(code="lock_timeout")), NotProcessed("RateLimitError 429")),
    ("key in use", (409, error("invalid_request_error", code="idempotency_key_in_use")), Unknown("APIError 409")),
    ("key of another charge", (400, error("idempotency_error")), Unknown("IdempotencyError 400")),
    ("broken", (500, error("api_error")), Unknown("APIError 500")),
    ("a proxy's page", (502, b"<html>bad gateway</html>"), Unknown("APIError 502")),
    ("garbage", (200, b"\x00 not JSON"), Unknown("APIError 200")),
    (
        "somebody else's intent",
        (200, intent("succeeded", id="pi_2")),
        Unknown("the answer is not the payment's intent"),
    ),
    ("a list", (200, listed()), Unknown("the answer is not the payment's intent")),
    ("a number", (200, 7), Unknown("")),
    (
        "paid, no charge named",
        (200, intent("succeeded", latest_charge=None)),
        Unknown("the payment's intent is succeeded"),
    ),
]


@pytest.mark.parametrize(("reply", "expected"), [c[1:] for c in CHARGE_ANSWERS], ids=[c[0] for c in CHARGE_ANSWERS])
def test_an_answer_to_a_charge(answering: Answering, reply: Reply, expected: Outcome) -> None:
    outcome = answering(reply).charge(ORDER, PREPARED, "key")
    if expected == Unknown(""):
        assert isinstance(outcome, Unknown)
    else:
        assert outcome == expected


@pytest.mark.parametrize(
    ("reply", "is_answered"),
    [
        ((500, error("api_error")), False),
        ((500, error("api_error"), {"Idempotent-Replayed": "true"}), True),
        ((502, b"<html>bad gateway</html>"), False),
        ((200, b"garbage"), False),
        ((429, error("rate_limit_error")), False),
        ((409, error("invalid_request_error", code="idempotency_key_in_use")), True),
        (ConnectionResetError(), False),
    ],
)
def test_whether_the_gateway_is_there_for_other_payments(
    answering: Answering, reply: Reply | Exception, is_answered: bool
) -> None:
    gateway = answering(*[reply] * 20)
    for outcome in (
        gateway.charge(ORDER, PREPARED, "key"),
        gateway.look_up(PREPARED, NOW),
        gateway.refund("ch_1", 1, "key"),
        gateway.prepare(ORDER),
    ):
        assert isinstance(outcome, NotProcessed | Unknown)
        assert outcome.is_answered is is_answered


def test_a_payment_that_the_gateway_is_still_at_work_on_is_an_answer(answering: Answering) -> None:
    outcome = answering((200, intent("processing"))).charge(ORDER, PREPARED, "key")
    assert isinstance(outcome, Unknown)
    assert outcome.is_answered


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [error("invalid_request_error"), b"<html>"])
def test_who_is_not_let_in_stops(answering: Answering, status: int, body: object) -> None:
    gateway = answering(*[(status, body)] * 4)
    calls: list[Callable[[], object]] = [
        lambda: gateway.charge(ORDER, PREPARED, "key"),
        lambda: gateway.prepare(ORDER),
        lambda: gateway.look_up(PREPARED, NOW),
        lambda: gateway.refund("ch_1", 1, "key"),
    ]
    for call in calls:
        with pytest.raises(GatewayUnusableError, match="tillflow_payments"):
            call()


def network_errors() -> list[tuple[str, Exception, type[Outcome]]]:
    class Somewhere:
        host, port = "stripe.test", 443

    refused = NewConnectionError(Somewhere(), "refused")  # type: ignore[arg-type]
    return [
        ("refused", refused, NotProcessed),
        ("the proxy refused", ProxyError("no proxy", refused), NotProcessed),
        ("the proxy said no", ProxyError("no", OSError("Tunnel connection failed")), Unknown),
        ("no answer in time", ReadTimeoutError(None, "/", "late"), Unknown),  # type: ignore[arg-type]
        ("reset", ProtocolError("aborted", ConnectionResetError()), Unknown),
        ("anything else", OSError("odd"), Unknown),
    ]


@pytest.mark.parametrize(("cause", "expected"), [c[1:] for c in network_errors()], ids=[c[0] for c in network_errors()])
def test_no_answer_to_a_charge(answering: Answering, cause: Exception, expected: type[Outcome]) -> None:
    assert isinstance(answering(cause).charge(ORDER, PREPARED, "key"), expected)


@pytest.mark.parametrize("cause", [c[1] for c in network_errors()], ids=[c[0] for c in network_errors()])
def test_no_answer_while_preparing_is_nothing_done(answering: Answering, cause: Exception) -> None:
    assert isinstance(answering(cause).prepare(ORDER), NotProcessed)


def unexpected_state() -> Reply:
    return 400, error("invalid_request_error", code="payment_intent_unexpected_state")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((200, intent("succeeded")), Approved("ch_1")),
        ((200, intent("processing")), Unknown("the payment's intent is processing")),
        ((200, intent("canceled")), Declined("payment_intent_canceled", is_soft=False)),
        ((200, intent("requires_payment_method")), Unknown("the payment's intent is requires_payment_method")),
        ((500, error("api_error")), Unknown("APIError 500")),
        ((429, error("rate_limit_error")), Unknown("refused, and the intent cannot be read")),
    ],
)
def test_a_payment_in_another_state_is_read(answering: Answering, found: Reply, expected: Outcome) -> None:
    assert answering(unexpected_state(), found).charge(ORDER, PREPARED, "key") == expected


def test_a_refused_confirmation_of_a_paid_payment_is_paid(answering: Answering) -> None:
    refused = (400, error("invalid_request_error"))
    assert answering(refused, (200, intent("succeeded"))).charge(ORDER, PREPARED, "key") == Approved("ch_1")


def test_a_refused_confirmation_is_hard(answering: Answering) -> None:
    refused = (400, error("invalid_request_error", code="payment_method_not_attached"))
    gateway = answering(refused, (200, intent("requires_confirmation")))
    assert gateway.charge(ORDER, PREPARED, "key") == Declined("payment_method_not_attached", is_soft=False)


def test_an_intent_that_does_not_exist_was_not_charged(answering: Answering) -> None:
    missing = (404, error("invalid_request_error", code="resource_missing"))
    outcome = answering(missing, missing).charge(ORDER, PREPARED, "key")
    assert outcome == Declined("resource_missing", is_soft=False)


def test_a_charge_goes_out_once_under_the_attempts_key(answering: Answering) -> None:
    gateway: Any = answering((500, error("api_error")))
    gateway.charge(ORDER, PREPARED, "attempt-key")
    [(method, path, data, key)] = gateway.wire.asked
    assert (method, path, key) == ("post", "/v1/payment_intents/pi_1/confirm", "attempt-key")
    assert set(data.split("&")) == {"payment_method=pm_1", "off_session=true"}


def made(name: str, **more: object) -> Reply:
    return 200, {"id": name, "object": "thing", **more}


def test_preparing_makes_customer_method_and_intent_under_keys_of_the_payment(answering: Answering) -> None:
    gateway: Any = answering(made("cus_1"), made("pm_7"), made("pm_7", customer="cus_1"), made("pi_1"))
    assert gateway.prepare(ORDER) == Prepared("pi_1", "pm_7")
    assert gateway.wire.keys == [f"{ORDER.key}-{part}" for part in ("customer", "method", "attach", "intent")]
    assert "card[token]=tok_visa" in gateway.wire.asked[1][2]
    assert gateway.wire.asked[2][1] == "/v1/payment_methods/pm_7/attach"
    sent = set(gateway.wire.asked[3][2].split("&"))
    assert {"amount=2500", "currency=aud", "customer=cus_1", "payment_method=pm_7"} <= sent
    assert {f"metadata[payment]={ORDER.key}", "payment_method_types[0]=card"} <= sent
    assert not any(part.startswith("confirm") for part in sent)


def test_a_payment_method_is_attached_as_it_is(answering: Answering) -> None:
    gateway: Any = answering(made("cus_1"), made("pm_9", customer="cus_1"), made("pi_1"))
    assert gateway.prepare(make_order("pm_9")) == Prepared("pi_1", "pm_9")


def test_a_saved_card_that_pays_a_second_order_keeps_its_customer(answering: Answering) -> None:
    attached = (400, error("invalid_request_error"))
    gateway: Any = answering(made("cus_2"), attached, made("pm_9", customer="cus_1"), made("pi_1"))
    assert gateway.prepare(make_order("pm_9")) == Prepared("pi_1", "pm_9")
    assert "customer=cus_1" in gateway.wire.asked[3][2]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ((400, error("invalid_request_error", code="resource_missing")), Declined("resource_missing", is_soft=False)),
        ((402, error(code="card_declined", decline_code="do_not_honor")), Declined("do_not_honor", is_soft=True)),
        ((402, error(code="expired_card")), Declined("expired_card", is_soft=False)),
        ((500, error("api_error")), NotProcessed("APIError 500")),
        ((429, error("rate_limit_error")), NotProcessed("RateLimitError 429")),
        ((409, error("invalid_request_error")), NotProcessed("APIError 409")),
        ((200, b"garbage"), NotProcessed("APIError 200")),
        ((200, {"object": "payment_method"}), NotProcessed("ValueError")),
    ],
)
def test_an_answer_to_preparing(answering: Answering, reply: Reply, expected: Outcome) -> None:
    assert answering(made("cus_1"), reply).prepare(ORDER) == expected


def test_a_replayed_failure_is_left_behind_while_preparing(answering: Answering) -> None:
    """Stripe would give the same 500 for a day, and the payment would wait as long."""
    replayed = (500, error("api_error"), {"Idempotent-Replayed": "true"})
    gateway: Any = answering(
        replayed, replayed, made("cus_1"), made("pm_7"), made("pm_7", customer="cus_1"), made("pi_1")
    )
    assert gateway.prepare(ORDER) == Prepared("pi_1", "pm_7")
    assert gateway.wire.keys[:3] == [f"{ORDER.key}-customer{turn}" for turn in ("", "-2", "-3")]


def test_a_replayed_hard_decline_is_final(answering: Answering) -> None:
    replayed = (402, error(code="expired_card"), {"Idempotent-Replayed": "true"})
    assert answering(made("cus_1"), replayed).prepare(ORDER) == Declined("expired_card", is_soft=False)


@pytest.mark.parametrize("currency", ["ISK", "UGX", "MGA"])
def test_a_currency_stripe_counts_otherwise_is_not_charged_a_hundredth_or_a_hundredfold(
    answering: Answering, currency: str
) -> None:
    gateway: Any = answering()
    order = make_order("tok_visa", currency=currency)
    assert gateway.prepare(order) == Declined("currency_not_supported", is_soft=False)
    assert gateway.wire.asked == []


LOOKUPS: list[tuple[str, list[object], object]] = [
    ("nothing there", [], None),
    ("paid", [charge("succeeded", 5)], Approved("ch_succeeded_5")),
    ("paid earlier than asked", [charge("succeeded", -7200)], Approved("ch_succeeded_-7200")),
    ("paid after a decline", [charge("failed", 9, "lost_card"), charge("succeeded", 5)], Approved("ch_succeeded_5")),
    ("soft", [charge("failed", 5, "insufficient_funds")], Declined("insufficient_funds", is_soft=True)),
    ("the gateway's clock is behind", [charge("failed", -59, "lost_card")], Declined("lost_card", is_soft=False)),
    ("an earlier attempt's", [charge("failed", -61, "lost_card")], None),
    (
        "the newest counts",
        [charge("failed", 90, "lost_card"), charge("failed", 1, "do_not_honor")],
        Declined("lost_card", is_soft=False),
    ),
    ("a code, no reason", [charge("failed", 5, None, "expired_card")], Declined("expired_card", is_soft=False)),
    ("declined, no more said", [charge("failed", 5, None, "card_declined")], None),
    ("still pending", [charge("pending", 5)], None),
]


@pytest.mark.parametrize(("charges", "expected"), [c[1:] for c in LOOKUPS], ids=[c[0] for c in LOOKUPS])
def test_a_lookup(answering: Answering, charges: list[object], expected: object) -> None:
    gateway: Any = answering((200, listed(*charges)))
    assert gateway.look_up(PREPARED, NOW) == expected
    assert gateway.wire.asked[0][1].startswith("/v1/charges?payment_intent=pi_1")


@pytest.mark.parametrize("reply", [(500, error("api_error")), (200, b"garbage"), (200, {}), OSError("reset")])
def test_a_lookup_without_an_answer_decides_nothing(answering: Answering, reply: Reply | Exception) -> None:
    assert isinstance(answering(reply).look_up(PREPARED, NOW), Unknown)


def refund(status: str, amount: int = 2500) -> dict[str, object]:
    return {"id": "re_1", "object": "refund", "status": status, "amount": amount}


already = (400, error("invalid_request_error", code="charge_already_refunded"))


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([(200, refund("succeeded"))], Approved("re_1")),
        ([(200, refund("pending"))], Approved("re_1")),
        ([(200, refund("failed"))], Declined("refund_failed", is_soft=False)),
        ([(200, {"id": "re_1"})], Unknown("the answer is not a refund")),
        ([already, (200, listed(refund("succeeded")))], Approved("re_1")),
        ([already, (200, listed(refund("succeeded", 900)))], Declined("charge_already_refunded", is_soft=False)),
        ([already, (200, listed(refund("failed")))], Declined("charge_already_refunded", is_soft=False)),
        ([already, (500, error("api_error"))], Unknown("APIError 500")),
        ([(400, error("invalid_request_error"))], Declined("invalid_request", is_soft=False)),
        ([(500, error("api_error"))], Unknown("APIError 500")),
        ([(429, error("rate_limit_error"))], NotProcessed("RateLimitError 429")),
    ],
)
def test_a_refund(answering: Answering, replies: list[Reply], expected: Outcome) -> None:
    assert answering(*replies).refund("ch_1", 2500, "key") == expected


def test_a_refund_names_the_charge_or_the_intent(answering: Answering) -> None:
    gateway: Any = answering((200, refund("succeeded")), (200, refund("succeeded")))
    gateway.refund("ch_1", 2500, "key")
    gateway.refund("pi_1", 2500, "key")
    assert ["charge=ch_1" in gateway.wire.asked[0][2], "payment_intent=pi_1" in gateway.wire.asked[1][2]] == [
        True,
        True,
    ]


def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can take it
        gateway = StripeGateway("sk_test", f"http://127.0.0.1:{reserved.getsockname()[1]}")
        assert isinstance(gateway.charge(ORDER, PREPARED, "key"), NotProcessed)


@pytest.mark.parametrize("failure", [socket.gaierror("no such name"), TimeoutError("no answer")])
def test_never_connected(monkeypatch: pytest.MonkeyPatch, failure: OSError) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise failure

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    outcome = StripeGateway("sk_test", "http://stripe.test").charge(ORDER, PREPARED, "key")
    assert isinstance(outcome, NotProcessed)


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[str]:
    """An HTTPS server whose certificate nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made_by = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = made_by.serial_number(1).not_valid_before(NOW - timedelta(days=9999)).not_valid_after(NOW + timedelta(9999))
    pem = tmp_path / "impostor.pem"
    plain = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, plain[1], plain[0])
        + dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)

    def answer_once(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener,))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


def test_an_impostor_is_told_nothing(impostor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.getproxies", dict)
    outcome = StripeGateway("sk_test", impostor).charge(ORDER, PREPARED, "key")
    assert isinstance(outcome, NotProcessed)


def test_the_proxy_of_the_environment_is_used_where_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    outside = PooledClient("https://api.stripe.com", connect_timeout=1, read_timeout=1)
    inside = PooledClient("https://127.0.0.1:9", connect_timeout=1, read_timeout=1)
    assert (outside._pool.proxy is not None, inside._pool.proxy is not None) == (True, False)

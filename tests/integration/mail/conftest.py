"""A mail server on loopback that keeps what it takes and refuses what it is told to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

# before the first import of Airflow, which would make ~/airflow otherwise
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parents[3] / ".tillflow" / "test-airflow"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tillflow.airflow_edge.mail import deliver_with, smtp_hook
from tillflow.mail import Deliver, Mail, Outgoing

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
SENDER = "tillflow@tillflow.example"


@dataclass
class MailServer:
    """`replies`: what to answer to a stage (`RCPT bob@b.example`, `DATA`), first come first used."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)
    on_data: Callable[[Any], None] = lambda server: None

    def _reply(self, stage: str) -> str:
        waiting = self.replies.get(stage)
        return waiting.pop(0) if waiting else "250 OK"

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        reply = self._reply("MAIL")
        envelope.mail_from = address
        return reply

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        reply = self._reply(f"RCPT {address}")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        reply = self._reply("DATA")
        if reply.startswith("250"):
            parsed = message_from_bytes(envelope.original_content, policy=policy.SMTP)
            self.taken.append(cast("EmailMessage", parsed))
            self.envelopes.append(envelope)
        self.on_data(server)
        return reply


class _Controller(Controller):
    def _trigger_server(self) -> None:  # port 0: ask which one it became
        self.hostname, self.port = self.server.sockets[0].getsockname()[:2]
        super()._trigger_server()


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that the connection `tillflow_smtp` points to."""
    server = MailServer()
    controller = _Controller(
        server,
        hostname="127.0.0.1",
        port=0,
        enable_SMTPUTF8=False,
        auth_require_tls=False,
        authenticator=lambda *_: AuthResult(success=False, handled=False),
    )
    controller.start()
    server.port = controller.port
    point_to(server.port, monkeypatch)
    try:
        yield server
    finally:
        controller.stop()


def point_to(port: int, monkeypatch: pytest.MonkeyPatch, **connection: Any) -> None:
    """Let `tillflow_smtp` lead to `port`."""
    value = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "extra": {"disable_ssl": True, "disable_tls": True, "timeout": 3},
        **connection,
    }
    monkeypatch.setenv("AIRFLOW_CONN_TILLFLOW_SMTP", json.dumps(value))


@pytest.fixture
def deliver() -> Deliver:
    """The deliverer of production: the provider's hook on `tillflow_smtp`."""
    return deliver_with(smtp_hook(), sender=SENDER)


@pytest.fixture
def a_mail() -> Callable[..., Mail]:
    def make(subject: str = "Tillflow", to: tuple[str, ...] = ("ann@a.example",), **parts: Any) -> Mail:
        return Mail(to, subject, "text", "<p>html</p>", **parts)

    return make


class Carried(list[Outgoing]):
    """A deliverer that only remembers."""

    def __call__(self, outgoing: Outgoing) -> None:
        self.append(outgoing)


@pytest.fixture
def carried() -> Carried:
    return Carried()

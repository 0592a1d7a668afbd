"""The sandbox gateway for tests: a process of its own, its ledger, and an adapter that talks to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from tillflow.payments.gateway import Order
from tillflow.payments.stripe_gateway import StripeGateway
from tillflow.settings import REPOSITORY

API_KEY = "sk_sandbox_test"

# a proxy set for the outside world must not be asked for our own machine
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class SandboxServer:
    """A sandbox gateway in a process of its own; `kill` and `start` again keep its port and its books."""

    folder: Path
    latency_ms: float = 0
    port: int = 0
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-P", "-m", "tillflow.payments.sandbox_server", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--dir", str(self.folder), "--latency-ms", str(self.latency_ms)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "include")},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        if not address:
            self.stop()
            raise AssertionError("the sandbox gateway does not start")
        self.port = int(address.rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and wait for its end; returns the exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        with process:
            try:
                return process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def gateway(self, **options: Any) -> StripeGateway:
        """An adapter for it; `read_timeout=0.3` for the scripts that never answer."""
        return StripeGateway(options.pop("api_key", API_KEY), self.url, **options)

    def ledger(self, payment: str = "", kind: str = "") -> list[dict[str, Any]]:
        """The entries of one payment (its key) or all, of one kind or all, oldest first."""
        entries = self.ask("/sandbox/ledger" + (f"?payment={payment}" if payment else ""))["entries"]
        return [entry for entry in entries if not kind or entry["kind"] == kind]

    def attempts(self, payment: str = "") -> list[str]:
        """The outcomes of the attempts that reached the card's issuer; "approved" is money taken."""
        return [entry["outcome"] for entry in self.ledger(payment, "attempt")]

    def set_clock(self, offset_seconds: float) -> None:
        self.ask("/sandbox/clock", {"offset_seconds": offset_seconds})

    def reset(self) -> None:
        self.ask("/sandbox/reset", {})

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with _direct.open(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def running_sandbox(folder: Path, latency_ms: float = 0) -> Iterator[SandboxServer]:
    with SandboxServer(folder, latency_ms) as server:
        yield server


def make_order(token: str, amount_minor: int = 2500, currency: str = "AUD") -> Order:
    """An order nobody placed before."""
    return Order(1, str(uuid4()), "call-centre 5001", token, amount_minor, currency)

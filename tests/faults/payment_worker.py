"""A worker that forks a process for every sweep it is told; a sweep may be killed, or frozen, at a point.

Not a test: started by the tests, because what ends by SIGKILL must not be pytest's own. A line is a JSON
object (`Sweep`); the worker answers with the sweep's process id, waits for a line, lets it go, and answers how
it ended: an exit code, negative for a signal, or `frozen`; a frozen one goes on at the next line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.faults.payment_mutants import MUTANTS
from tests.gateways import API_KEY
from tillflow.db.connection import APP_ROLE, connect
from tillflow.payments import charge, sweep
from tillflow.payments.gateway import Gateway
from tillflow.payments.line import GatewayAwayError
from tillflow.payments.schedule import RetryPolicy
from tillflow.payments.stripe_gateway import StripeGateway

#: shorter than the gateway remembers a key, so that a key used for two attempts is found out
WAIT = timedelta(hours=20)
READ_TIMEOUT = 0.3
NOBODY_LISTENS = "http://127.0.0.1:1"

#: where a sweep can be stopped by itself; `sent` and `answered` are the proxy's
POINTS = ("before_claim", "claimed", "prepared", "saved", "before_settle", "settled")


@dataclass(frozen=True)
class Sweep:
    """One sweep. `clock`: the file that says what time it is. `refused`: the first charge finds nobody there."""

    database_url: str
    gateway_url: str
    clock: str
    import_id: int | None = None
    point: str | None = None
    freeze: bool = False
    refused: bool = False
    mutant: str | None = None
    settles: bool = True
    charges: bool = True

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class _Watched(Gateway):
    """The real gateway, left at a point, or refused once."""

    def __init__(self, gateway: Gateway, stop_at: Callable[[str], None], *, refused: bool) -> None:
        self._gateway, self._stop_at = gateway, stop_at
        self._refused = [StripeGateway(API_KEY, NOBODY_LISTENS)] if refused else []

    @property
    def capabilities(self) -> Any:
        return self._gateway.capabilities

    def prepare(self, order: Any) -> Any:
        found = self._gateway.prepare(order)
        self._stop_at("prepared")
        return found

    def charge(self, order: Any, prepared: Any, key: str) -> Any:
        self._stop_at("saved")
        gateway = self._refused.pop() if self._refused else self._gateway
        answer = gateway.charge(order, prepared, key)
        self._stop_at("before_settle")
        return answer

    def look_up(self, prepared: Any, since: datetime) -> Any:
        found = self._gateway.look_up(prepared, since)
        self._stop_at("before_settle")
        return found

    def refund(self, reference: str, amount_minor: int, key: str) -> Any:
        return self._gateway.refund(reference, amount_minor, key)


def run(job: Sweep) -> None:
    """The sweep, in the child."""
    number = signal.SIGSTOP if job.freeze else signal.SIGKILL

    stops = [job.point] if job.point else []

    def stop_at(point: str) -> None:
        if point in stops:
            stops.clear()  # a frozen one that is woken goes on
            os.kill(os.getpid(), number)

    def stopping_after(function: Callable[..., Any], point: str) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            stop_at(point)
            return result

        return wrapped

    if job.mutant:
        MUTANTS[job.mutant]()
    for name in ("claim_due", "claim_unknown"):
        setattr(sweep, name, stopping_after(getattr(sweep, name), "claimed"))
    setattr(charge, "settle", stopping_after(charge.settle, "settled"))  # noqa: B010 - a module is patched
    with connect(job.database_url, role=APP_ROLE) as conn:
        gateway = StripeGateway(API_KEY, job.gateway_url, read_timeout=READ_TIMEOUT)
        till = charge.Till(
            conn,
            _Watched(gateway, stop_at, refused=job.refused),
            lambda: datetime.fromisoformat(Path(job.clock).read_text()),
            RetryPolicy(wait=WAIT),
            concurrency=1,
            declines_allowed=1000,
        )
        stop_at("before_claim")
        # Ten faults in a row look like a gateway that is away; the next sweep goes on, as it would then.
        with suppress(GatewayAwayError):
            if job.settles:
                sweep.settle_unknown(till)
        with suppress(GatewayAwayError):
            if job.charges:
                sweep.charge_due(till, import_id=job.import_id)


def _fork(job: Sweep) -> None:
    begin, ready = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ready)
            os.read(begin, 1)
            run(job)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(begin)
    _say(str(child))
    sys.stdin.readline()
    os.close(ready)
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        _say("frozen")
        sys.stdin.readline()
        os.kill(child, signal.SIGCONT)
        _, status = os.waitpid(child, 0)
    _say(str(os.waitstatus_to_exitcode(status)))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    StripeGateway(API_KEY, NOBODY_LISTENS)  # the first one takes a while: not in every fork
    for line in sys.stdin:
        _fork(Sweep(**json.loads(line)))

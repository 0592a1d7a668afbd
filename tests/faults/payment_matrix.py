"""The crash matrix of payments: boundary x fault x outcome, each followed by recovery.

One run takes one boundary: a payment for each fault and outcome, each charged by a worker of its own that dies
there; then sweeps on a clock that goes on until every payment has come to its end.
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, repeat
from pathlib import Path

from tests.faults.payment_proxy import Wire
from tests.faults.payment_worker import WAIT, Sweep
from tests.gateways import SandboxServer
from tests.paying import Shop
from tillflow.db.connection import APP_ROLE, connect

KILL_POINTS = ("before_claim", "claimed", "prepared", "saved", "sent", "answered", "before_settle", "settled")
RECOVERY_POINTS = ("claimed", "saved", "sent", "answered", "before_settle", "settled")
FROZEN_POINTS = ("claimed", "prepared", "saved", "sent", "answered", "before_settle")
ON_THE_WIRE = ("sent", "answered")

#: what goes wrong with the first charge -> how the token says it
FAULTS = {
    "none": "",
    "refused": "",  # by the worker: nobody listens
    "reset before": "reset_before.",
    "reset after": "reset_after.",
    "timeout after": "timeout_after.",
    "500 before": "500_before.",
    "500 after": "500_after.",
    "429": "429.",
    "garbage": "garbage.",
    "delivered twice": "duplicate.",
}
#: what the bank says in the end -> script, final state, how often the bank is asked, money taken
OUTCOMES = {
    "ok": ("ok", "succeeded", 1, 1),
    "soft then ok": ("soft__ok", "succeeded", 2, 1),
    "soft for ever": ("soft__soft", "exhausted", 4, 0),  # the fault is the first attempt's alone
    "hard": ("hard", "failed_hard", 1, 0),
}
_FINAL = ("succeeded", "exhausted", "failed_hard", "needs_review")
_MOST_ROUNDS = 30


@dataclass
class Payment:
    """One cell of the matrix."""

    fault: str
    outcome: str
    id: int
    import_id: int
    key: str


@dataclass
class Matrix:
    """A database, a gateway and a worker that forks the sweeps."""

    database: str
    sandbox: SandboxServer
    #: forks the sweeps; the second one those beside a frozen one
    workers: tuple[subprocess.Popen[str], subprocess.Popen[str]]
    folder: Path
    shop: Shop = field(init=False)
    began: datetime = field(init=False)
    mutant: str | None = None

    def run(
        self, point: str | None, *, recovery_point: str | None = None, freeze: bool = False, mutant: str | None = None
    ) -> list[str]:
        """What is wrong in the end, a sentence each."""
        self.mutant = mutant
        with connect(self.database, role=APP_ROLE) as conn, Wire(self.sandbox.port) as wire:
            self.shop = Shop(conn, self.sandbox.gateway())
            self._set_clock()
            payments = self._payments()
            for payment in payments:
                self._charge(payment, wire, point, freeze=freeze)
            if recovery_point:
                self._later(timedelta(minutes=11))
                for _ in payments:
                    self._sweep(wire, recovery_point, charges=False)
            self._recover(payments)
            return [wrong for payment in payments for wrong in self._judge(payment)]

    def _payments(self) -> list[Payment]:
        made = []
        for fault, prefix in FAULTS.items():
            for outcome, (script, *_) in OUTCOMES.items():
                (number,) = self.shop.sell(token=f"tok_script__{prefix}{script}-#")
                import_id, key = self.shop.column(number, "import_id"), str(self.shop.column(number, "key"))
                made.append(Payment(fault, outcome, number, import_id, key))
        return made

    def _charge(self, payment: Payment, wire: Wire, point: str | None, *, freeze: bool) -> None:
        """The first sweep of this payment, by a worker of its own that dies, or sleeps too long."""
        job = self._job(wire, point, settles=False, import_id=payment.import_id, refused=payment.fault == "refused",
                        freeze=freeze)  # fmt: skip
        ended = self._start(job, wire, point, freeze=freeze)
        if ended != "frozen":
            return
        before = self.shop.now
        self._later(timedelta(minutes=11))
        self._start(self._job(wire, None, charges=False), wire, None, by=1)
        self._answer_of_worker("wake up")
        # the others of this run are charged at the same time as this one was
        self.shop.now = before
        self._set_clock()

    def _sweep(self, wire: Wire, point: str, *, charges: bool) -> None:
        self._start(self._job(wire, point, charges=charges), wire, point)
        self._later(timedelta(minutes=11))

    def _recover(self, payments: list[Payment]) -> None:
        """Sweeps as the schedule would start them, until every payment has come to its end."""
        # So many faults at once look like a gateway that is away: a few sweeps take them in turn, as every
        # quarter of an hour would, long before the gateway forgets a key.
        soon, later = timedelta(minutes=11), WAIT + timedelta(minutes=1)
        steps = chain(repeat(soon, 5), cycle([soon, later]))
        with Wire(self.sandbox.port) as wire:
            for _ in range(_MOST_ROUNDS):
                self._later(next(steps))
                self._start(self._job(wire, None), wire, None)
                if all(self.shop.state(payment.id) in _FINAL for payment in payments):
                    return

    def _judge(self, payment: Payment) -> list[str]:
        _, state, asked, taken = OUTCOMES[payment.outcome]
        answers = self.sandbox.attempts(payment.key)
        found = (self.shop.state(payment.id), len(answers), answers.count("approved"))
        if found == (state, asked, taken):
            return []
        return [
            f"{payment.fault}, {payment.outcome}: {found[0]} after {found[1]} attempts with money taken"
            f" {found[2]} times; expected {state}, {asked}, {taken}"
        ]

    def _job(self, wire: Wire, point: str | None, **more: object) -> Sweep:
        own = None if point in ON_THE_WIRE else point
        return Sweep(self.database, wire.url, str(self._clock), point=own, mutant=self.mutant, **more)  # type: ignore[arg-type]

    def _start(self, job: Sweep, wire: Wire, point: str | None, *, freeze: bool = False, by: int = 0) -> str:
        process = int(self._tell(job.line(), by))
        if point in ON_THE_WIRE:
            wire.doom(process, str(point), signal.SIGSTOP if freeze else signal.SIGKILL)
        return self._answer_of_worker("go", by)

    def _answer_of_worker(self, line: str, by: int = 0) -> str:
        answer = self._tell(line + "\n", by)
        assert answer in {"0", "-9", "frozen"}, f"a sweep ended with {answer}; see its traceback"
        return answer

    def _tell(self, line: str, by: int) -> str:
        worker = self.workers[by]
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(line)
        worker.stdin.flush()
        return worker.stdout.readline().strip()

    @property
    def _clock(self) -> Path:
        return self.folder / "clock"

    def _later(self, elapsed: timedelta) -> None:
        self.shop.now += elapsed
        self._set_clock()

    def _set_clock(self) -> None:
        self._clock.write_text(self.shop.now.isoformat())
        self.sandbox.set_clock((self.shop.now - datetime.now(UTC)).total_seconds())

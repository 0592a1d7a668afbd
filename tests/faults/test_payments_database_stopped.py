"""The database server is stopped at once in the middle of a charge: nothing is charged twice, nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.conftest import stop_at_once
from tests.gateways import SandboxServer, running_sandbox
from tests.paying import Shop
from tillflow.db import migrate
from tillflow.db.connection import APP_ROLE, connect
from tillflow.payments import charge, sweep
from tillflow.stack.postgres import PostgresServer, running_postgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    with running_postgres(tmp_path / "own", fsync="on", shared_buffers="32MB") as server:
        migrate.apply(server.url("tillflow"))
        yield server


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    with running_sandbox(tmp_path / "gateway") as sandbox:
        yield sandbox


def _then(function: Callable[..., Any], action: Callable[[], None]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        action()
        return result

    return wrapped


@pytest.mark.slow
@pytest.mark.parametrize("point", ["claimed", "answered", "settled"])
def test_a_server_that_stops_while_charging(
    server: PostgresServer, sandbox: SandboxServer, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = sandbox.gateway()
    with connect(server.url("tillflow"), role=APP_ROLE) as conn:
        shop = Shop(conn, gateway)
        payments = shop.sell(count=5) + shop.sell(token="tok_soft_forever-#", count=5)
        keys = [str(shop.column(payment, "key")) for payment in payments]
        with monkeypatch.context() as stopping:
            stop = iter([lambda: stop_at_once(server)])

            def once() -> None:
                next(stop, lambda: None)()

            if point == "claimed":
                stopping.setattr(sweep, "claim_due", _then(sweep.claim_due, once))
            elif point == "answered":
                stopping.setattr(gateway, "charge", _then(gateway.charge, once))
            else:
                stopping.setattr(charge, "settle", _then(charge.settle, once))
            with pytest.raises(psycopg.OperationalError):
                shop.charge(concurrency=1)
    server.stop()
    server.start()
    with connect(server.url("tillflow"), role=APP_ROLE) as conn:
        shop.conn = conn
        for _ in range(5):
            shop.later(minutes=11)
            shop.charge(concurrency=1)
            shop.later(hours=24)
        ends = Counter(shop.state(payment) for payment in payments)
    assert ends == Counter(succeeded=5, exhausted=5)
    assert [sandbox.attempts(key).count("approved") for key in keys] == [1] * 5 + [0] * 5
    assert [len(sandbox.attempts(key)) for key in keys] == [1] * 5 + [4] * 5

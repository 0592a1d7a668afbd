"""A sandbox gateway for the session, and a shop that charges through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateways import SandboxServer, running_sandbox
from tests.paying import Shop
from tillflow.db.connection import Connection


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with running_sandbox(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def sandbox(sandbox_process: SandboxServer) -> SandboxServer:
    """Empty books and the right time."""
    sandbox_process.reset()
    sandbox_process.set_clock(0)
    return sandbox_process


@pytest.fixture
def shop(conn: Connection, sandbox: SandboxServer) -> Iterator[Shop]:
    gateway = sandbox.gateway(read_timeout=10)
    yield Shop(conn, gateway)
    gateway.close()

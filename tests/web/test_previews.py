"""Whatever is previewed takes its turn; who waits too long is told so, and gives back what it waited for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.web.conftest import Site, messages
from tests.web.situations import order_file
from tillflow.errors import UnavailableError
from tillflow.web import previews
from tillflow.web.previews import a_turn

API = "/tillflow/api/v1"
RECONCILIATION = {"kind": "user", "customer": "harbour", "preview": True}
UPLOAD = {"kind": "offline_sales"}


def test_two_are_made_at_once_and_the_third_waits_for_one_to_end() -> None:
    at_once = threading.Barrier(2, timeout=60)
    running, most, counting = 0, 0, threading.Lock()

    def make(number: int) -> None:
        nonlocal running, most
        with a_turn():
            with counting:
                running += 1
                most = max(most, running)
            at_once.wait()  # breaks unless two are inside together
            with counting:
                running -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    assert most == 2


def test_a_preview_that_fails_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "_PATIENCE_SECONDS", 0.1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), a_turn():
            raise ZeroDivisionError


def test_files_and_reconciliations_wait_for_the_same_turns(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "_PATIENCE_SECONDS", 0.1)

    def ask() -> list[Any]:
        file = order_file()()
        return [
            site.as_("uploader").post(f"{API}/imports?preview=true", data=UPLOAD, files=file),
            site.as_("provider").post(f"{API}/reconciliations", json=RECONCILIATION),
        ]

    with a_turn(), a_turn():
        with pytest.raises(UnavailableError), a_turn():
            pass
        for busy in ask():
            assert (busy.status_code, messages(busy)) == (503, [("error", "unavailable")])
            assert busy.headers["retry-after"] == "30"
    assert [made.status_code for made in ask()] == [200, 200]

"""Operators of the desk for a benchmark: each signed in, each a thread with a connection of its own."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import median
from typing import Final

import httpx

from tillflow.stack.plan import Stack

#: (who, path below /tillflow/)
Page = tuple[str, str]
_ALONE: Final = 7
_TIMEOUT_SECONDS: Final = 60


class Browsing:
    """Who is signed in at a stack, and what they ask for."""

    def __init__(self, stack: Stack, pages: Sequence[Page]) -> None:
        self.stack, self.pages = stack, pages
        self._tokens = {who: self._sign_in(who) for who in {who for who, _ in pages}}

    def one_at_a_time(self) -> dict[str, float]:
        """Page -> seconds, the median of a few; the first of them does not count."""
        found = {}
        with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
            for page in self.pages:
                times = [self._ask(client, page) for _ in range(_ALONE + 1)]
                found[page[1]] = median(times[1:])
        return found

    def all_at_once(self, operators: int, think: float, until: threading.Event) -> Mapping[str, list[float]]:
        """Page -> seconds of every answer. `think`: seconds between two pages of an operator, on average."""
        found: dict[str, list[float]] = defaultdict(list)
        lock = threading.Lock()

        def browse(number: int) -> None:
            random = Random(number)
            with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
                until.wait(random.uniform(0, think))  # they do not begin in the same moment
                while not until.is_set():
                    page = random.choice(self.pages)
                    seconds = self._ask(client, page)
                    with lock:
                        found[page[1]].append(seconds)
                    until.wait(random.uniform(0.5, 1.5) * think)

        with ThreadPoolExecutor(operators) as threads:
            list(threads.map(browse, range(operators)))
        return found

    def _ask(self, client: httpx.Client, page: Page) -> float:
        who, path = page
        began = time.perf_counter()
        answer = client.get(
            f"{self.stack.url}/tillflow/{path}", headers={"authorization": f"Bearer {self._tokens[who]}"}
        )
        seconds = time.perf_counter() - began
        if answer.status_code != 200:
            raise SystemExit(f"bench: {path} answered {answer.status_code} to {who}")
        return seconds

    def _sign_in(self, who: str) -> str:
        body = {"username": who, "password": self.stack.users[who]}
        answer = httpx.post(f"{self.stack.url}/auth/token", json=body, timeout=_TIMEOUT_SECONDS)
        return str(answer.raise_for_status().json()["access_token"])

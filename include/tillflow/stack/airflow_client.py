"""Airflow's REST API, as far as the command line needs it: start a DAG run and wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from tillflow.stack.errors import StackError
from tillflow.stack.plan import Stack

_ENDED: Final = ("success", "failed")
#: nobody is asked any more
_PASSED: Final = (*_ENDED, "skipped", "upstream_failed", "removed")


class AirflowClient:
    """A signed-in user of a running stack. Raises StackError where Airflow does not do as asked."""

    def __init__(self, stack: Stack, user: str = "admin") -> None:
        self.url = stack.url
        self._http = httpx.Client(base_url=stack.url, timeout=30)
        signed_in = self._call("POST", "/auth/token", {"username": user, "password": stack.users[user]})
        self._http.headers["Authorization"] = f"Bearer {signed_in['access_token']}"

    def dags(self) -> set[str]:
        """The DAGs that Airflow has read so far."""
        return {dag["dag_id"] for dag in self._call("GET", "/api/v2/dags?limit=100")["dags"]}

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> str:
        """Start a run; returns its id. A run that exists already is left alone."""
        body: dict[str, Any] = {"conf": dict(conf), "logical_date": None}
        if run_id:
            body["dag_run_id"] = run_id
        started = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body, allowed=(409,))
        return str(started.get("dag_run_id") or run_id)

    def wait(
        self, dag_id: str, run_id: str, seconds: float = 300, watch: Callable[[str], None] = lambda _: None
    ) -> str:
        """The state in which the run ended; `watch` is called with every state it passes through."""
        until = time.monotonic() + seconds
        while (state := self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]) not in _ENDED:
            watch(state)
            if time.monotonic() > until:
                raise StackError(f"{dag_id} ({run_id}) is still {state} after {seconds:.0f} s; see {self.url}")
            time.sleep(0.2)
        return str(state)

    def approve(self, dag_id: str, run_id: str, task_id: str, seconds: float = 120) -> None:
        """Approve what a task of the run asks, as often as it asks, until it has ended.

        An answer that comes before the scheduler has noticed that the task waits is lost by Airflow 3.3, which
        then tries the task again (https://github.com/apache/airflow/issues/72716).
        """
        task = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        asked = f"{task}/-1/hitlDetails"
        answer = {"chosen_options": ["Approve"], "params_input": {}}
        until = time.monotonic() + seconds
        while self._call("GET", task, allowed=(404,)).get("state") not in _PASSED:
            if self._call("GET", asked, allowed=(404,)).get("response_received") is False:
                self._call("PATCH", asked, answer, allowed=(404, 409))
            if time.monotonic() > until:
                raise StackError(f"{dag_id} ({run_id}) is not approved after {seconds:.0f} s; see {self.url}")
            time.sleep(0.2)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _call(self, method: str, path: str, body: Any = None, allowed: tuple[int, ...] = ()) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise StackError(f"Airflow does not answer at {self.url} ({type(error).__name__})") from error
        if answer.is_error and answer.status_code not in allowed:
            raise StackError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

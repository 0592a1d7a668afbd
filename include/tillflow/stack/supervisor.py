"""Starts the components, brings back one that dies, and stops everything it ever started."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tillflow.stack.components import Component
from tillflow.stack.errors import StackError
from tillflow.stack.files import last_lines, open_log
from tillflow.stack.processes import (
    birth,
    descendants,
    die_with_parent,
    in_sessions,
    stand_back,
    stop,
    wait_gone,
)
from tillflow.stack.state import ProcessRecord, StackState, StepRecord

MARK = "TILLFLOW_STACK"
"""Environment variable of everything a stack starts; its value is the stack's home."""

RESTARTS = 3
PATIENCE_SECONDS = 120.0


@dataclass
class _Running:
    component: Component
    process: subprocess.Popen[bytes]
    record: ProcessRecord
    restarts: int = 0


@dataclass
class Supervisor:
    """The parent of one stack's processes. Use it from one thread: the main one."""

    home: Path
    state: StackState = field(default_factory=StackState)
    _running: dict[str, _Running] = field(default_factory=dict)

    # --- starting -------------------------------------------------------------------------
    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record a step of the start and how long it took."""
        record = StepRecord(name, "running")
        self.state.steps.append(record)
        self.save()
        began = time.monotonic()
        try:
            yield
            record.state = "done"
        except BaseException:
            record.state = "failed"
            raise
        finally:
            record.seconds = round(time.monotonic() - began, 2)
            with contextlib.suppress(OSError):  # the first error is the one to tell
                self.save()

    def start(self, component: Component) -> None:
        """Start one component; it is not healthy yet."""
        log = self.home / "logs" / f"{component.name}.log"
        work = self.home / "run"
        work.mkdir(parents=True, exist_ok=True)
        with open_log(log) as output:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                component.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/" if component.user.uid is not None else work,
                env={**component.environment, MARK: str(self.home)},
                start_new_session=True,
                preexec_fn=_ready(component),  # noqa: PLW1509 - no threads use locks
                **component.user.popen_arguments(),
            )
        record = ProcessRecord(component.name, process.pid, birth(process.pid))
        before = self._running.get(component.name)
        if before:
            self.state.processes.remove(before.record)
        self.state.processes.append(record)
        restarts = before.restarts if before else 0
        self._running[component.name] = _Running(component, process, record, restarts)
        self.save()

    def has_ended(self, name: str) -> bool:
        """Whether the component's process is gone."""
        return self._running[name].process.poll() is not None

    def run(self, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        """Run a program to its end. Raises `StackError` with the end of its log."""
        log = self.home / "logs" / f"{name}.log"
        with open_log(log) as output:
            result = subprocess.run(  # noqa: S603 - our own commands
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.home / "run",
                env={**environment, MARK: str(self.home)},
                preexec_fn=die_with_parent(signal.SIGTERM),
                check=False,
            )
        if result.returncode != 0:
            raise StackError(f"{name} failed: {last_lines(log)}")

    def start_together(self, components: Sequence[Component]) -> None:
        """Start them all, then wait until each is healthy.

        Raises `StackError` for the first that stops, or is not healthy in time.
        """
        for component in components:
            self.start(component)
        began = time.monotonic()
        waiting = {component.name: StepRecord(component.name, "running") for component in components}
        self.state.steps.extend(waiting.values())
        while waiting:
            for name, step in list(waiting.items()):
                running = self._running[name]
                step.seconds = round(time.monotonic() - began, 2)
                if running.process.poll() is not None or step.seconds > PATIENCE_SECONDS:
                    step.state = running.record.state = "failed"
                    log = self.home / "logs" / f"{name}.log"
                    why = "stopped" if running.process.returncode is not None else "is not healthy"
                    raise StackError(f"{name} {why}: {last_lines(log)}")
                if running.component.is_healthy():
                    step.state, running.record.state = "done", "healthy"
                    del waiting[name]
            self.save()
            time.sleep(0.2)

    # --- running --------------------------------------------------------------------------
    def watch(self, every: float = 0.5) -> None:
        """Never returns: brings back what dies, a few times; ends by an exception (a signal)."""
        while True:
            for running in list(self._running.values()):
                if running.record.state != "exited" and running.process.poll() is not None:
                    self._bring_back(running)
            time.sleep(every)

    def _bring_back(self, dead: _Running) -> None:
        self._sweep_orphans(dead)
        dead.record.state = "exited"
        dead.restarts += 1
        name, code = dead.component.name, dead.process.returncode
        if dead.restarts > RESTARTS:
            self.state.message = f"{name} stopped {dead.restarts} times (last exit code {code})"
            self.save()
            return
        self.start(dead.component)
        self._running[name].record.state = "healthy"  # until it says otherwise

    def _sweep_orphans(self, dead: _Running) -> None:
        """What a dead component leaves behind: its session, and orphans that came to us."""
        known = {running.process.pid for running in self._running.values()}
        orphans = [
            child for child in psutil.Process().children() if child.pid not in known or child.pid == dead.process.pid
        ]
        stop([*orphans, *in_sessions({dead.record.pid: dead.record.born})], grace=1)

    # --- stopping -------------------------------------------------------------------------
    def stop(self) -> None:
        """Stop everything, the database last, and leave no process behind."""
        self.state.phase = "stopping"
        with contextlib.suppress(OSError):
            self.save()
        for last in (False, True):
            self._stop_these([r for r in self._running.values() if r.component.stops_last == last])
        stop([*descendants(psutil.Process().pid), *in_sessions(self._sessions())], grace=2)

    def _stop_these(self, group: Sequence[_Running]) -> None:
        processes = []
        for running in group:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(running.process.pid)
                if running.record.alive:
                    process.send_signal(running.component.stop_with)
                    processes.append(process)
        late = wait_gone(processes, 10)
        sessions = {running.record.pid: running.record.born for running in group}
        stop([*late, *in_sessions(sessions)], grace=2)
        for running in group:
            running.record.state = "exited"

    def _sessions(self) -> dict[int, str]:
        return {record.pid: record.born for record in self.state.processes}

    def save(self) -> None:
        """Tell readers of the state file."""
        self.state.save(self.home)


def _ready(component: Component) -> Callable[[], None]:
    """For `preexec_fn`: what a part of the stack does before it becomes its program."""
    dies = die_with_parent(component.stop_with)

    def get_ready() -> None:
        if component.niceness:
            stand_back(component.niceness)
        if dies is not None:
            dies()

    return get_ready

"""What a stack is doing, in `<home>/run/state.json`: written by its supervisor, read by anyone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tillflow.stack.files import write_atomically
from tillflow.stack.processes import is_alive

STATE_FILE = Path("run") / "state.json"


@dataclass
class ProcessRecord:
    """One process of the stack, known by pid and birth."""

    name: str
    pid: int
    born: str
    state: str = "starting"  # starting | healthy | exited

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return is_alive(self.pid, self.born)


@dataclass
class StepRecord:
    """One step of the start."""

    name: str
    state: str = "waiting"  # waiting | running | done | failed
    seconds: float = 0.0


@dataclass
class StackState:
    """The whole stack."""

    phase: str = "starting"  # starting | running | failed | stopping | stopped
    message: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    steps: list[StepRecord] = field(default_factory=list)
    processes: list[ProcessRecord] = field(default_factory=list)
    guards: list[ProcessRecord] = field(default_factory=list)
    """The guard and the supervisor."""

    @property
    def alive(self) -> bool:
        """Whether somebody looks after this stack."""
        return any(record.alive for record in self.guards)

    @property
    def sessions(self) -> dict[int, str]:
        """Session leader's pid -> its birth, of everything that was started."""
        return {record.pid: record.born for record in [*self.guards, *self.processes]}

    def save(self, home: Path) -> None:
        """Write it for readers; they never see half of it."""
        write_atomically(home / STATE_FILE, json.dumps(asdict(self), indent=1), mode=0o600)


def read_state(home: Path) -> StackState | None:
    """The last state written, or None when there is none or it is damaged."""
    try:
        raw: dict[str, Any] = json.loads((home / STATE_FILE).read_text())
        return StackState(
            phase=raw["phase"],
            message=raw["message"],
            ports=raw["ports"],
            steps=[StepRecord(**step) for step in raw["steps"]],
            processes=[ProcessRecord(**record) for record in raw["processes"]],
            guards=[ProcessRecord(**record) for record in raw["guards"]],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""A stack of small processes that start at once: the supervisor and the guard are the real ones.

Started as `python -m tillflow.stack.guard --plan fake_plan:NAME`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tillflow.stack.components import Component
from tillflow.stack.supervisor import Supervisor

# Like Airflow's scheduler: it has a child, and the child does not notice its parent's death.
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(600)"
CHILD = "import time; time.sleep(600)"
# Worse: the child hides in a session of its own and ignores polite requests.
STUBBORN = (
    "import os, signal, time; os.setsid()\n"
    "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
    "time.sleep(600)"
)


def component(name: str, program: str, *arguments: str, healthy: Callable[[], bool] = lambda: True) -> Component:
    return Component(name, [sys.executable, "-c", program, *arguments], dict(os.environ), healthy)


def ordinary(supervisor: Supervisor) -> None:
    supervisor.start_together([component("first", PARENT, CHILD), component("second", PARENT, STUBBORN)])


def polite_only(supervisor: Supervisor) -> None:
    supervisor.start_together([component("only", CHILD)])


def one_stands_back(supervisor: Supervisor) -> None:
    back = replace(component("back", PARENT, CHILD), niceness=3)
    supervisor.start_together([component("front", PARENT, CHILD), back])


def one_part_stops(supervisor: Supervisor) -> None:
    supervisor.start_together(
        [
            component("first", PARENT, CHILD),
            component("broken", "raise SystemExit('the reason')", healthy=lambda: False),
        ]
    )


def disk_is_full(supervisor: Supervisor) -> None:
    supervisor.start_together([component("first", PARENT, CHILD)])
    with Path("/dev/full").open("w") as full:
        full.write("x")


def never_healthy(supervisor: Supervisor) -> None:
    supervisor.start_together([component("slow", PARENT, STUBBORN, healthy=lambda: False)])


def keeps_dying(supervisor: Supervisor) -> None:
    supervisor.start_together([component("dying", "import time; time.sleep(0.3)")])


if __name__ == "__main__":  # an owner for the test of `--until-stdin-closes`
    import subprocess

    command = [sys.executable, "-m", "tillflow.stack.guard", "--home", sys.argv[1], "--plan", "fake_plan:ordinary"]
    subprocess.Popen([*command, "--until-stdin-closes"], stdin=subprocess.PIPE, start_new_session=True)
    signal.pause()

"""`./tillflow down`: stop the stack and everything it started."""

from __future__ import annotations

import argparse

from tillflow.settings import Settings
from tillflow.stack.running import stop_stack
from tillflow.stack.state import read_state


def run(_options: argparse.Namespace) -> int:
    """Stop it; fine when nothing runs."""
    home = Settings.from_environment().home
    state = read_state(home)
    if state is not None and state.alive:
        print("stopping (up to half a minute while tasks finish)", flush=True)
    print("stopped" if stop_stack(home) else "nothing was running")
    return 0

"""`./tillflow up`: start the stack and leave it running."""

from __future__ import annotations

import argparse
import time

from tillflow.settings import Settings
from tillflow.stack.errors import StackError
from tillflow.stack.plan import Stack, prepare_home
from tillflow.stack.progress import shown_start
from tillflow.stack.running import launch, stop_stack, wait_until_running
from tillflow.stack.state import StackState, read_state


def run(options: argparse.Namespace) -> int:
    """Start unless it runs already; prints where it is and who may sign in."""
    settings = Settings.from_environment()
    state = read_state(settings.home)
    if state is not None and state.alive and state.phase == "running":
        return _already_running(settings, state, options.port)
    began = time.monotonic()
    print(f"starting Tillflow in {settings.home}", flush=True)
    prepare_home(settings.home)
    guard = launch(settings.home, port=options.port)
    try:
        with shown_start() as watcher:
            state = wait_until_running(settings.home, guard, watcher)
    except KeyboardInterrupt:
        print("stopping", flush=True)
        stop_stack(settings.home)
        raise
    print(f"running after {time.monotonic() - began:.0f} s")
    describe(Stack(settings, state.ports))
    return 0


def _already_running(settings: Settings, state: StackState, port: int | None) -> int:
    if port is not None and port != state.ports["web"]:
        raise StackError(f"already running on port {state.ports['web']}; ./tillflow down stops it first")
    print("already running")
    describe(Stack(settings, state.ports))
    return 0


def describe(stack: Stack) -> None:
    """Print the address, the users with their passwords, and where things are."""
    print(f"\n  {stack.url}\n")
    for user, password in stack.users.items():
        print(f"  {user:<14} {password}")
    print(f"\n  mail     {stack.mail_folder}")
    print(f"  storage  {stack.settings.storage}")
    print(f"  logs     {stack.home / 'logs'}")
    print("\n  ./tillflow down stops it")

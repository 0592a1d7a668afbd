"""The outermost process of a stack: it holds the lock, and cleans up if the supervisor is killed.

    guard -> supervisor -> PostgreSQL, mail sink, Airflow's parts -> their children

Either of the two may be killed with SIGKILL: the supervisor stops everything when the guard is
gone (a pipe closes), and the guard adopts and stops everything when the supervisor is gone.
`python -m tillflow.stack.guard --home FOLDER --plan MODULE:FUNCTION [--until-stdin-closes]`
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tillflow.stack.errors import StackError, one_line
from tillflow.stack.processes import adopt_orphans, birth, descendants, in_sessions, stop
from tillflow.stack.state import ProcessRecord, StackState, read_state
from tillflow.stack.supervisor import Supervisor

Plan = Callable[[Supervisor], None]
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequestError(BaseException):
    """Somebody asked the stack to stop. Not an `Exception`: nothing on the way may swallow it."""


def guard(home: Path, plan: Plan, *, until_stdin_closes: bool) -> int:
    """Run the supervisor as a child, wait for its end, leave no process; returns its exit code."""
    lock = _lock(home)
    adopt_orphans()
    listening, held = os.pipe()  # nobody writes: it closes when the guard dies
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    parent = ProcessRecord("guard", os.getpid(), birth(os.getpid()))
    child = os.fork()
    if child == 0:
        os.close(held)
        pipes = [listening, *([0] if until_stdin_closes else [])]
        os._exit(supervise(home, plan, parent, pipes))
    os.close(listening)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: _pass_on(child))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    _, status = os.waitpid(child, 0)
    _clean_up(home, killed=os.WIFSIGNALED(status))
    os.close(lock)
    return os.waitstatus_to_exitcode(status)


def supervise(home: Path, plan: Plan, parent: ProcessRecord, pipes: list[int]) -> int:
    """Be the supervisor until asked to stop; returns the exit code."""
    adopt_orphans()
    me = ProcessRecord("supervisor", os.getpid(), birth(os.getpid()))
    supervisor = Supervisor(home, StackState(guards=[parent, me]))
    for number in STOP_SIGNALS:
        signal.signal(number, _stop_once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    code, message = 0, ""
    try:
        for pipe in pipes:
            threading.Thread(target=_ask_to_stop_when_closed, args=(pipe,), daemon=True).start()
        supervisor.save()
        plan(supervisor)
        supervisor.state.phase = "running"
        supervisor.save()
        supervisor.watch()
    except StopRequestError:
        pass
    except Exception as error:  # whatever it is, it is told and everything stops
        code, message = 1, one_line(error)
        if not isinstance(error, (StackError, OSError)):
            _log_traceback()
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    supervisor.stop()
    supervisor.state.phase, supervisor.state.message = "failed" if code else "stopped", message
    with contextlib.suppress(OSError):
        supervisor.save()
    if message:
        with contextlib.suppress(OSError):  # reaches `up` also when the disk is full
            os.write(1, f"{message}\n".encode())
    return code


def _lock(home: Path) -> int:
    """One stack per home: the lock lasts as long as the guard or the supervisor lives."""
    path = home / "run" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StackError(f"another start of the stack in {home} is under way") from None
    return descriptor


def _stop_once(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in STOP_SIGNALS:  # a second request must not interrupt the stopping
        signal.signal(number, signal.SIG_IGN)
    raise StopRequestError


def _pass_on(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)


def _ask_to_stop_when_closed(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _clean_up(home: Path, *, killed: bool) -> None:
    state = read_state(home)
    leftovers = descendants(os.getpid())
    if state is not None:
        leftovers += in_sessions({record.pid: record.born for record in state.processes})
    stop(leftovers, grace=5)
    if state is not None and killed:
        state.phase, state.message = "failed", "the supervisor was killed"
        with contextlib.suppress(OSError):
            state.save(home)


def _log_traceback() -> None:
    import traceback

    traceback.print_exc()


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--home", type=Path, required=True)
    options.add_argument("--plan", required=True, help="module:function(supervisor)")
    options.add_argument("--until-stdin-closes", action="store_true")
    given = options.parse_args()
    module, _, function = given.plan.partition(":")
    try:
        plan: Plan = getattr(import_module(module), function)
        return guard(given.home, plan, until_stdin_closes=given.until_stdin_closes)
    except (StackError, OSError) as error:
        print(one_line(error), flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())

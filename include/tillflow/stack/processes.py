"""Our own processes: knowing them for certain, and stopping them with everything they started.

A process is known by (pid, birth), because pids are used again. Everything a component starts
stays in the component's session, so the session finds what outlived its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def birth(pid: int) -> str:
    """When `pid` was started, as text that no other process has; "" when there is none.

    On Linux ticks since boot: psutil's clock time moves when the machine's clock is set.
    """
    try:
        if _LINUX:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            # the name (field 2) may hold blanks and brackets: count from its end
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "" if fields[0] in {"Z", "X"} else f"{boot}:{fields[19]}"
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except (OSError, psutil.Error):
        return ""


def is_alive(pid: int, born: str) -> bool:
    """Whether the process known as (pid, born) still runs."""
    return bool(born) and birth(pid) == born


def adopt_orphans() -> None:
    """From now on descendants that lose their parent become our children (Linux)."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`: have the kernel send us `number` when our parent dies (Linux).

    The library is loaded here, not between fork and exec.
    """
    if not _LINUX:
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def descendants(pid: int) -> list[psutil.Process]:
    """Everything `pid` started that still runs, `pid` itself not included."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def in_sessions(sessions: dict[int, str]) -> list[psutil.Process]:
    """The processes in these sessions: leader's pid -> the leader's birth.

    A session whose leader's pid now belongs to somebody else is not ours any more.
    """
    ours = {pid for pid, born in sessions.items() if birth(pid) in {"", born}}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.pid != os.getpid() and os.getsid(process.pid) in ours and birth(process.pid):
                found.append(process)
    return found


def stand_back(niceness: int) -> None:
    """Let others go first, as `nice` counts: this process and all that it will start.

    Where Linux groups processes by session, niceness counts inside of a group only: the group stands back as well.
    """
    os.nice(niceness)
    for _ in range(10):
        try:
            Path("/proc/self/autogroup").write_text(str(niceness))
        except BlockingIOError:  # one change in a tenth of a second, of all users but root
            time.sleep(0.11)
        except OSError:
            return  # no such groups here
        else:
            return


def marked(name: str, value: str) -> list[psutil.Process]:
    """The processes that were started with the environment variable `name` = `value`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                found.append(process)
    return found


def stop(processes: Iterable[psutil.Process], *, first: signal.Signals = signal.SIGTERM, grace: float = 5) -> None:
    """Ask with `first`, insist with SIGTERM, then SIGKILL; returns when all are gone."""
    remaining = list(processes)
    insist = [] if first == signal.SIGTERM else [(signal.SIGTERM, 2.0)]
    for number, patience in ((first, grace), *insist, (signal.SIGKILL, 5.0)):
        for process in remaining:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        remaining = wait_gone(remaining, patience)
        if not remaining:
            return


def wait_gone(processes: Iterable[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait until they are gone, reaping those that are our children; returns those left."""
    until = time.monotonic() + timeout
    remaining = list(processes)
    while True:
        remaining = [process for process in remaining if not _gone(process)]
        if not remaining or time.monotonic() > until:
            return remaining
        time.sleep(0.05)


def _gone(process: psutil.Process) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child: somebody else reaps it
        os.waitpid(process.pid, os.WNOHANG)
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True

"""One case in a process of its own: what it is given, what it gives back, and how it is started and stopped.

`python -m bench.case NAME GIVEN.json RESULT.json` is the inside, `measure` the outside.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from tillflow.settings import REPOSITORY
from tillflow.stack.processes import die_with_parent

#: name on the command line -> module; the order of the table
CASES: Final = {
    "floor": "bench.cases.floor",
    "ours": "bench.cases.ours",
    "pandas": "bench.cases.pandas_copy",
    "dlt": "bench.cases.dlt_load",
    "gx": "bench.cases.gx_pandas",
}
#: what a reconciliation consists of after its rows were imported
PARTS: Final = {"reconcile": "bench.cases.reconcile", "report": "bench.cases.report"}
#: cases that end with the books written
BOOKING: Final = ("ours", "pandas")


@dataclass(frozen=True)
class Given:
    """Where everything is. `now`: when the file is received, ISO 8601."""

    file: str
    rows: int
    database_url: str
    home: str
    now: str

    @property
    def received_at(self) -> datetime:
        return datetime.fromisoformat(self.now)


@dataclass
class Figures:
    """What one run of a case took. `seconds` leaves out imports of modules; `process_seconds` is everything."""

    seconds: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    #: rows by verdict, where the case knows them
    rows: dict[str, int] = field(default_factory=dict)
    note: str = ""
    #: `seconds` without the steps that most such programs leave out, where the case has some
    spared_seconds: float | None = None
    peak_mb: float = 0.0
    process_seconds: float = 0.0
    #: the time limit was reached: there is no figure
    capped: bool = False


class CaseFailedError(Exception):
    """A case did not come to its end."""


def measure(name: str, given: Given, cap: float | None = None) -> Figures:
    """Run a case in a fresh process; a process that is over its `cap` (seconds) is stopped."""
    home = Path(given.home)
    told, result, log = home / "given.json", home / "result.json", home / f"{name}.log"
    told.write_text(json.dumps(asdict(given)))
    result.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "bench.case", name, str(told), str(result)]
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(home),
            cwd=home,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - no locks in it
        )
        try:
            code = process.wait(cap)
        except subprocess.TimeoutExpired:
            return Figures(seconds=cap or 0.0, capped=True, note=f"stopped after {cap:.0f} s")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code != 0:
        raise CaseFailedError(f"{name} failed:\n{log.read_text(errors='replace')[-2000:]}")
    figures = Figures(**json.loads(result.read_text()))
    figures.process_seconds = time.perf_counter() - started
    return figures


def _environment(home: Path) -> dict[str, str]:
    """The judge's own settings stay, everything else of Tillflow's is the benchmark's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TILLFLOW_") or name.startswith("TILLFLOW_DUCKDB_")
    }
    return kept | {
        "PYTHONPATH": f"{REPOSITORY / 'include'}{os.pathsep}{REPOSITORY}",
        "TILLFLOW_HOME": str(home),
        "TILLFLOW_PIN_SECRET": "the secret of the benchmark",
        # peers must not call home, nor leave files in the user's home
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(home / "dlt"),
        "GX_ANALYTICS_ENABLED": "false",
    }


def peak_mb() -> float:
    """Peak memory of this process. `ru_maxrss` would count what the parent had before the exec."""
    try:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main(name: str, told: Path, result: Path) -> None:
    """The inside of the process."""
    given = Given(**json.loads(told.read_text()))
    figures: Figures = importlib.import_module((CASES | PARTS)[name]).run(given)
    figures.peak_mb = peak_mb()
    result.write_text(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

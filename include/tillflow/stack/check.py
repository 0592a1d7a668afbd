"""`./tillflow check`: everything that can be judged without running the program."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tillflow.settings import REPOSITORY, Settings
from tillflow.stack.components import base_environment
from tillflow.stack.run_tests import TEMPORARY_ROOT

CODE = ("include", "dags", "plugins", "tests", "bench")
DUCKDB_CONFIG = Path(__file__).with_name("duckdb.sqlfluff")


@dataclass(frozen=True)
class Check:
    """One tool and how it is called, in the repository."""

    name: str
    command: list[str]


@dataclass(frozen=True)
class Outcome:
    """What a tool said; `output` is worth reading when it failed."""

    check: Check
    passed: bool
    output: str
    seconds: float


def checks() -> Iterator[Check]:
    """All checks, the slowest first. Folders that do not exist yet are left out."""
    python = [sys.executable, "-m"]
    folders = [folder for folder in CODE if (REPOSITORY / folder).is_dir()]
    include = REPOSITORY / "include"
    duckdb = sorted(str(p.relative_to(REPOSITORY)) for p in include.rglob("*.duckdb.sql"))
    postgres = sorted(path for p in include.rglob("*.sql") if (path := str(p.relative_to(REPOSITORY))) not in duckdb)
    sqlfluff = [*python, "sqlfluff", "lint", "--disable-progress-bar", "--nocolor"]
    if postgres:
        yield Check("sql", [*sqlfluff, *postgres])
    if duckdb:
        yield Check("duckdb sql", [*sqlfluff, "--config", str(DUCKDB_CONFIG), *duckdb])
    yield Check("types", [*python, "mypy"])
    layers = ["pytest", "-q", "--no-header", "--durations=0", "tests/architecture"]
    yield Check("layers", [*python, *layers])
    yield Check("format", [*python, "ruff", "format", "--check", *folders])
    yield Check("lint", [*python, "ruff", "check", *folders])


def run(_options: argparse.Namespace) -> int:
    """Run every check, two at a time; returns 0 when all pass."""
    began = time.monotonic()
    outcomes: list[Outcome] = []
    Settings.from_environment().temp_dir.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for future in as_completed([pool.submit(_run, check) for check in checks()]):
            outcome = future.result()
            outcomes.append(outcome)
            mark = "ok" if outcome.passed else "FAILED"
            print(f"  {outcome.check.name:<12} {mark:<6} {outcome.seconds:5.1f} s", flush=True)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        print(f"\n--- {outcome.check.name} ---\n{outcome.output.strip()}")
    names = ", ".join(outcome.check.name for outcome in failed)
    verdict = f"failed: {names}" if failed else f"all {len(outcomes)} checks passed"
    print(f"\ncheck: {verdict} ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


def _run(check: Check) -> Outcome:
    began = time.monotonic()
    result = subprocess.run(  # noqa: S603 - our own commands
        check.command,
        cwd=REPOSITORY,
        env=base_environment({TEMPORARY_ROOT: str(Settings.from_environment().temp_dir)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(check, result.returncode == 0, result.stdout, time.monotonic() - began)

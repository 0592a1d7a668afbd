"""The newcomer's first command, as it is typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tillflow.settings import REPOSITORY

#: seconds; a busy machine takes several times the usual minute
HANGS = 840


@pytest.mark.slow
@pytest.mark.timeout(HANGS + 60)
def test_the_demo_books_every_sample_as_the_oracle_says(tmp_path: Path) -> None:
    environment = {**os.environ, "TILLFLOW_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY / "include")}
    demo = subprocess.run(
        [sys.executable, "-m", "tillflow", "demo"],
        capture_output=True, text=True, env=environment, check=False, timeout=HANGS,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "everything is as the oracle says" in demo.stdout
    assert "WRONG" not in demo.stdout

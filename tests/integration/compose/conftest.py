"""The variables docs/production.md tells an operator to make, made the way it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tillflow.settings import REPOSITORY

GUIDE = REPOSITORY / "docs" / "production.md"


@pytest.fixture(scope="session")
def dotenv(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The .env that the guide's script writes, run in an empty folder."""
    folder = tmp_path_factory.mktemp("dotenv")
    script = re.search(r"```bash\n(umask 077\n.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert script, "the guide has no script that makes the secrets"
    subprocess.run(["bash", "-euc", script[1]], cwd=folder, check=True)
    assert (folder / ".env").stat().st_mode & 0o077 == 0, "others can read the secrets"
    return _read(folder / ".env")


def _read(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

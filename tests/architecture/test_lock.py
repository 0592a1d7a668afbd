"""The lock and the list it is made from agree, and the lock can be installed anywhere."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DIRECT = (REPOSITORY / "requirements.in").read_text()
LOCK = (REPOSITORY / "requirements.txt").read_text()


def direct_lines() -> list[tuple[str, str]]:
    """(requirement, reason) of every direct dependency."""
    lines = [line for line in DIRECT.splitlines() if line.strip() and not line.startswith("#")]
    return [(before.strip(), after.strip()) for before, _, after in (line.partition("#") for line in lines)]


def test_every_direct_dependency_is_locked_to_one_version_with_hashes() -> None:
    blocks = re.findall(
        r"^([a-z0-9-]+)(?:\[[^\]]*\])?==(\S+)[^\\\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", LOCK, re.M
    )
    locked = {name: version for name, version, _hashes in blocks}
    for requirement, _reason in direct_lines():
        name, _, version = re.sub(r"\[.*\]", "", requirement).partition("==")
        assert name in locked, f"{name} is not in requirements.txt; make the lock again (see requirements.in)"
        assert not version or locked[name] == version


def test_every_direct_dependency_has_a_reason() -> None:
    assert [requirement for requirement, reason in direct_lines() if not reason] == []


def test_the_lock_names_no_index_and_no_folder() -> None:
    assert not re.search(r"://|--index|--find-links|^-e |@ ", LOCK, re.M)

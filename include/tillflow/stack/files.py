"""Writing small files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` beside `path`, then move it over. Creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def secret(home: Path, name: str, length: int = 32) -> str:
    """The secret `<home>/secrets/<name>` (0600), made of `length` random bytes on first use."""
    path = home / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    if not path.exists():
        write_atomically(path, secrets.token_hex(length) + "\n", mode=0o600)
    return path.read_text().strip()


def open_log(path: Path, limit: int = 20 * 1024 * 1024) -> BinaryIO:
    """Open a log to append to; one that has grown past `limit` bytes is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > limit:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def last_lines(path: Path, count: int = 1) -> str:
    """The last lines that say something, for a message; where to read the rest."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 20_000))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        lines = []
    telling = [line for line in lines if line]
    full = next((line for line in telling if "No space left on device" in line), None)
    said = full or " / ".join(telling[-count:]) or "it said nothing"
    return f"{said[:300]} (log: {path})"

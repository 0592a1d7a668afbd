"""What the sandbox remembers: objects, keys and the ledger, in memory and in an append-only journal.

One line of JSON per request, written before the answer, so a killed sandbox has lost nothing it answered for.
Card tokens are not in it: their script is, and a fingerprint.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tillflow.errors import TillflowError

Json: TypeAlias = dict[str, Any]

JOURNAL = "journal.jsonl"
KEY_LIFE_SECONDS = 24 * 3600


class FolderInUseError(TillflowError):
    """Another sandbox writes into this folder."""


@dataclass
class Change:
    """Everything one request changes: written as one line or not at all."""

    objects: list[Json] = field(default_factory=list)
    ledger: list[Json] = field(default_factory=list)
    keys: dict[str, Json] = field(default_factory=dict)
    offset: float | None = None


class Store:
    """The sandbox's state. Not thread-safe: one event loop uses it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise FolderInUseError(f"{folder} is used by another sandbox; choose another --dir") from error
        self._forget()
        self._load(folder / JOURNAL)

    def _forget(self) -> None:
        self.objects: dict[str, Json] = {}
        self.ledger: list[Json] = []
        self.keys: dict[str, Json] = {}
        #: intent -> its charges, and charge -> its refunds, in the order they were made
        self.children: dict[str, list[str]] = {}
        self.offset = 0.0

    def now(self) -> float:
        """Seconds since 1970 by the sandbox's clock."""
        return time.time() + self.offset

    def key(self, name: str) -> Json | None:
        """What is remembered under an idempotency key that is younger than a day."""
        known = self.keys.get(name)
        if known and self.now() - known["at"] < KEY_LIFE_SECONDS:
            return known
        return None

    def write(self, change: Change) -> None:
        """Make a change permanent. Raises OSError when the disk is full; then nothing changed."""
        record = {name: value for name, value in vars(change).items() if value or value == 0.0}
        if record:
            self._append(record)
            self._apply(record)

    def reset(self) -> None:
        """Forget everything, the clock's offset included."""
        os.ftruncate(self._file, 0)
        self._forget()

    def close(self) -> None:
        """Let another sandbox use the folder."""
        os.close(self._file)

    def _append(self, record: Json) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        before = os.fstat(self._file).st_size
        if os.write(self._file, line) != len(line):
            os.ftruncate(self._file, before)  # half a line would end the journal for the next start
            raise OSError("the sandbox's disk is full")

    def _load(self, path: Path) -> None:
        """Read the journal; a last line without its end is a killed request that nobody was answered."""
        with path.open("rb") as journal:
            whole = 0
            for line in journal:
                if not line.endswith(b"\n"):
                    os.ftruncate(self._file, whole)
                    break
                self._apply(json.loads(line))
                whole += len(line)

    def _apply(self, record: Json) -> None:
        for thing in record.get("objects", ()):
            name = thing["id"]
            parent = {"charge": "payment_intent", "refund": "charge"}.get(thing["object"])
            if parent and name not in self.objects:
                self.children.setdefault(thing[parent], []).append(name)
            self.objects[name] = thing
        self.ledger.extend(record.get("ledger", ()))
        self.keys.update(record.get("keys", {}))
        if "offset" in record:
            self.offset = record["offset"]

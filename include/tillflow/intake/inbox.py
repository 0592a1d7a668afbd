"""Files that were dropped into the inbox: taken when complete, removed when they are recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from tillflow.codes import Kind
from tillflow.errors import FileRefusedError, StillBeingWrittenError
from tillflow.intake.receive import Delivery
from tillflow.intake.storage import Storage

T = TypeVar("T")


@dataclass(frozen=True)
class Waiting:
    """A complete file in the inbox."""

    kind: Kind
    key: str
    channel: str | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.key).name


def waiting_files(storage: Storage, kind: Kind) -> Iterator[Waiting]:
    """The files of a kind that wait, by name; for offline sales channel after channel."""
    folder = storage.inbox_folder(kind)
    channels = storage.folders(folder) if kind is Kind.OFFLINE_SALES else [None]
    for channel in channels:
        for key in storage.waiting(storage.inbox_folder(kind, channel)):
            yield Waiting(kind, key, channel)


def take(
    storage: Storage, waiting: Waiting, into: Callable[[Delivery], T], *, uploader: str, is_vouched_for: bool
) -> T:
    """Hand a waiting file to `into` and remove it once it is recorded, as taken or as refused.

    A file that is still being written stays (StillBeingWrittenError), and so does one that a failing
    database or storage kept out (UnavailableError).
    """
    if storage.is_being_written(waiting.key):
        raise StillBeingWrittenError(f"{waiting.name} is still being written; it is taken when it is complete")
    version = storage.version(waiting.key)
    delivery = Delivery(
        kind=waiting.kind,
        file_name=waiting.name,
        opener=storage.opener(waiting.key),
        uploader=uploader,
        source=waiting.key,
        version=version,
        channel=waiting.channel,
        is_vouched_for=is_vouched_for,
        is_unchanged=lambda: storage.exists(waiting.key) and storage.version(waiting.key) == version,
    )
    try:
        taken = into(delivery)
    except FileRefusedError:
        storage.remove(waiting.key)
        raise
    storage.remove(waiting.key)
    return taken

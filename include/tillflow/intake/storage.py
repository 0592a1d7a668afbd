"""The inbox, the archive and the refused files: a folder, or an object store behind an fsspec URL."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tillflow.codes import Kind
from tillflow.errors import TillflowError, UnavailableError
from tillflow.intake.source import LocalFile, Opener, still_being_written

INBOX: Final = "inbox"
ARCHIVE: Final = "archive"
REFUSED: Final = "refused"


class NotInInboxError(TillflowError):
    """The name does not lead to a file of the inbox."""


@dataclass(frozen=True)
class StoredFile:
    """One object of the store, by its key below the root."""

    storage: Storage
    key: str

    def open(self) -> BinaryIO:
        """The bytes from the beginning."""
        return self.storage.open(self.key)


class Storage:
    """Keys are relative to the root and use forward slashes."""

    def __init__(self, url: str) -> None:
        self.filesystem, self.root = fsspec.url_to_fs(url)
        self.is_local = isinstance(self.filesystem, LocalFileSystem)

    def inbox_key(self, kind: Kind, file: str, channel: str | None = None) -> str:
        """The key of an inbox file named by a person: a name, or a path that lies in the inbox.

        Raises NotInInboxError for anything that leads elsewhere or is not there.
        """
        folder = self.inbox_folder(kind, channel)
        name = file.removeprefix("file://")
        for prefix in (f"{self.root}/", ""):
            for base in (f"{prefix}{folder}/", prefix if prefix else f"{folder}/"):
                name = name.removeprefix(base)
        if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise NotInInboxError(f"{file!r} is no file of {folder}/; put it there and give its name")
        key = f"{folder}/{name}"
        if not self.exists(key):
            raise NotInInboxError(f"there is no file {name!r} in {folder}/")
        return key

    @staticmethod
    def inbox_folder(kind: Kind, channel: str | None = None) -> str:
        """Where files of a kind (and channel) are dropped."""
        return f"{INBOX}/{kind.value}" + (f"/{channel}" if channel else "")

    def make_inbox(self) -> None:
        """Make the folders in which files are dropped; a channel's folder is made by who drops the first file."""
        for kind in Kind:
            self.filesystem.makedirs(self._path(self.inbox_folder(kind)), exist_ok=True)

    def waiting(self, folder: str) -> list[str]:
        """Keys of the complete files in an inbox folder, oldest name first."""
        path = self._path(folder)
        if not self.filesystem.exists(path):
            return []
        names = (
            PurePosixPath(entry["name"]).name
            for entry in self.filesystem.ls(path, detail=True)
            if entry["type"] == "file"
        )
        keys = (f"{folder}/{name}" for name in sorted(names) if not name.startswith(".") and not name.endswith(".part"))
        return [key for key in keys if not self.is_being_written(key)]

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder."""
        path = self._path(folder)
        if not self.filesystem.exists(path):
            return []
        return sorted(
            PurePosixPath(entry["name"]).name
            for entry in self.filesystem.ls(path, detail=True)
            if entry["type"] == "directory"
        )

    def is_being_written(self, key: str) -> bool:
        """True where the file is known to be incomplete (only a local file system can tell)."""
        return self.is_local and still_being_written(Path(self._path(key)))

    def opener(self, key: str) -> Opener:
        """Something that opens the object, as a local file where it is one."""
        return LocalFile(Path(self._path(key))) if self.is_local else StoredFile(self, key)

    def open(self, key: str) -> BinaryIO:
        """The object's bytes."""
        with _storage_errors():
            file: BinaryIO = self.filesystem.open(self._path(key), "rb")
            return file

    def version(self, key: str) -> str:
        """Changes whenever the object does."""
        with _storage_errors():
            return str(self.filesystem.ukey(self._path(key)))

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        return bool(self.filesystem.isfile(self._path(key)))

    def remove(self, key: str) -> None:
        """Remove the object; no error when it is gone already."""
        with _storage_errors():
            if self.exists(key):
                self.filesystem.rm_file(self._path(key))

    def put(self, local: Path, key: str) -> None:
        """Move a local file into the store; it appears there whole."""
        path = self._path(key)
        with _storage_errors():
            self.filesystem.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            if self.is_local:
                part = Path(path).with_name(f".{Path(path).name}.{uuid4().hex[:8]}.part")
                shutil.move(local, part)
                part.chmod(0o640)
                part.replace(path)
            else:
                self.filesystem.put_file(str(local), path)
                local.unlink()

    def write(self, key: str, content: bytes) -> None:
        """Store some bytes under a key, whole."""
        path = self._path(key)
        with _storage_errors():
            self.filesystem.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            if self.is_local:
                part = Path(path).with_name(f".{Path(path).name}.{uuid4().hex[:8]}.part")
                part.write_bytes(content)
                part.replace(path)
            else:
                self.filesystem.pipe_file(path, content)

    @contextmanager
    def local_copy(self, key: str, temp_dir: Path) -> Iterator[Path]:
        """A local path with the object's bytes: the file itself, or a copy that is removed afterwards."""
        if self.is_local:
            yield Path(self._path(key))
            return
        copy = temp_dir / f"{uuid4().hex}.copy"
        temp_dir.mkdir(parents=True, exist_ok=True)
        try:
            with _storage_errors():
                self.filesystem.get_file(self._path(key), str(copy))
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"


def safe_name(file_name: str) -> str:
    """A file name as part of a key: no folders, no control characters, not hidden, at most 120 bytes.

    A file system takes 255 bytes, not characters, and there are numbers and endings around the name.
    """
    name = re.sub(r"[^\w.()+ -]", "_", PurePosixPath(file_name.replace("\\", "/")).name)
    return name.encode(errors="ignore")[-120:].decode(errors="ignore").lstrip(".") or "file"


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise UnavailableError(f"the storage does not work: {what}; nothing was booked, try again") from error

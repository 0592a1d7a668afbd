"""A file as bytes, whatever it is packed in: plain text, gzip or a workbook. Read in blocks, twice if need be."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tillflow.errors import FileError, FileRefusedError

BLOCK: Final = 1 << 20
#: unpacked this many times larger, and larger than this, is a bomb and not a file
_MAX_RATIO: Final = 200
_BOMB_FROM: Final = 64 << 20
#: the last row of any sheet (ECMA-376)
_MAX_SHEET_ROWS: Final = 1_048_576
#: what reading damaged XML in a damaged zip raises; SyntaxError is what XML parsers call theirs
_DAMAGED_WORKBOOK: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, SyntaxError, NotImplementedError, RuntimeError,
    KeyError, IndexError, ValueError, TypeError, AttributeError,
)  # fmt: skip


class Opener(Protocol):
    """Something that can be opened again and again: a path, an object in a store, an upload in memory."""

    def open(self) -> BinaryIO:
        """The bytes from the beginning."""


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine."""

    path: Path

    def open(self) -> BinaryIO:
        """The file's bytes; a directory or a missing file raises OSError."""
        return self.path.open("rb")


@dataclass(frozen=True)
class InMemory:
    """An upload that has not touched the disk."""

    content: bytes

    def open(self) -> BinaryIO:
        """The bytes from the beginning."""
        return io.BytesIO(self.content)


@dataclass(frozen=True)
class Source:
    """The text of one file, unpacked while reading, never more than `max_bytes` of it."""

    file_name: str
    opener: Opener
    packing: str
    max_bytes: int

    @classmethod
    def of(cls, file_name: str, opener: Opener, max_bytes: int) -> Source:
        """Looks at the first bytes, not at the name, to see how the file is packed."""
        with opener.open() as file:
            magic = file.read(4)
        packing = "gzip" if magic[:2] == b"\x1f\x8b" else "xlsx" if magic == b"PK\x03\x04" else "plain"
        return cls(file_name, opener, packing, max_bytes)

    @property
    def local_path(self) -> Path | None:
        """Where an engine may read the text itself, without us in between."""
        is_plain_file = self.packing == "plain" and isinstance(self.opener, LocalFile)
        return self.opener.path if is_plain_file and isinstance(self.opener, LocalFile) else None

    def packed_blocks(self) -> Iterator[bytes]:
        """The bytes as received."""
        with self.opener.open() as file:
            while block := file.read(BLOCK):
                yield block

    def blocks(self) -> Iterator[bytes]:
        """The unpacked bytes. Raises FileRefusedError where they cannot be had or are too many."""
        read = 0
        for block in self._unpacked():
            read += len(block)
            if read > self.max_bytes:
                self.refuse("too_large", f"the file is larger than {self.max_bytes >> 20} MB; split it")
            yield block

    def refuse(self, code: str, message: str, row: int | None = None) -> None:
        """Raise the one error that ends the reading."""
        raise FileRefusedError(self.file_name, [FileError(code, message, row)])

    def _unpacked(self) -> Iterator[bytes]:
        if self.packing == "gzip":
            return self._gunzip()
        if self.packing == "xlsx":
            return self._cells()
        return self.packed_blocks()

    def _gunzip(self) -> Iterator[bytes]:
        unpacked = 0
        try:
            with self.opener.open() as file, gzip.GzipFile(fileobj=file) as text:
                while block := text.read(BLOCK):
                    unpacked += len(block)
                    if unpacked > _BOMB_FROM and unpacked > _MAX_RATIO * max(file.tell(), 1):
                        self.refuse("too_large", "the file unpacks to far more than it claims (a zip bomb)")
                    yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.refuse("unreadable_file", f"the gzip data is damaged or cut off ({error}); send it again")

    def _cells(self) -> Iterator[bytes]:
        from openpyxl import load_workbook  # half a second that only workbooks pay

        try:
            with self.opener.open() as file:
                with zipfile.ZipFile(file) as archive:
                    if sum(entry.file_size for entry in archive.infolist()) > self.max_bytes:
                        self.refuse("too_large", f"the workbook unpacks to over {self.max_bytes >> 20} MB")
                file.seek(0)
                book = load_workbook(file, read_only=True, data_only=True)
                sheet = book.worksheets[0]
                # What the sheet claims to measure may be every cell there is, and each would be made.
                sheet.reset_dimensions()
                width = 0
                for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
                    if number > _MAX_SHEET_ROWS:
                        self.refuse("unreadable_file", f"the sheet has a row beyond {_MAX_SHEET_ROWS:,}", number)
                    cells = [_as_text(cell) for cell in row]
                    width = width or _width(cells)
                    yield _csv_line((cells + [""] * width)[: max(width, _width(cells))])
                book.close()
        except _DAMAGED_WORKBOOK:
            # The library's own words may quote a cell.
            self.refuse("unreadable_file", "this is no workbook that can be read; save it again, or as CSV")


def still_being_written(path: Path) -> bool:
    """True where some process holds the file open for writing (Linux; elsewhere it cannot be known)."""
    try:
        import fcntl

        with path.open("rb") as file:
            try:
                # A read lease is granted only while nobody has the file open for writing.
                fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_RDLCK)
            except BlockingIOError:
                return True
            fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (ImportError, AttributeError, OSError):
        return False
    return False


def version_of(path: Path) -> str:
    """Changes whenever the file does: tells a second delivery from the file we already took."""
    status = path.stat()
    return f"{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _width(cells: list[str]) -> int:
    return max((number for number, cell in enumerate(cells, 1) if cell), default=0)


def _csv_line(cells: list[str]) -> bytes:
    # A row without any cell stays a blank line, so that row numbers are those of the sheet.
    text = io.StringIO()
    if any(cells):
        csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode() or b"\n"

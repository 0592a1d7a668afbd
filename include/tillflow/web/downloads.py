"""Files to keep: streamed, with a name that no browser misreads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from tillflow.settings import Settings

CSV: Final = "text/csv; charset=utf-8"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF: Final = "application/pdf"
_BLOCK: Final = 64 * 1024


def disposition(file_name: str) -> str:
    """`Content-Disposition` of a download: the name in ASCII, and as it is for who reads RFC 6266."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in file_name) or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def download(pieces: Iterable[bytes], file_name: str, media_type: str) -> StreamingResponse:
    """A file that is made while it is sent. Ask for its first piece before: an error has no place in the middle."""
    return StreamingResponse(pieces, media_type=media_type, headers={"content-disposition": disposition(file_name)})


def begun(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces, the first of them made now: what cannot be had is still an error, and not half a file."""
    remaining = iter(pieces)
    first = next(remaining, b"")

    def all_of_it() -> Iterator[bytes]:
        yield first
        yield from remaining

    return all_of_it()


def workbook(write: Callable[[Path], object], settings: Settings) -> Iterator[bytes]:
    """A workbook, written to the disk and sent from there: a zip has its table of contents at its end."""
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=settings.temp_dir) as folder:
        path = Path(folder) / "book.xlsx"
        write(path)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block

"""A file on its way in: written to the disk as it comes, measured while it comes, gone when the request ends.

Its name is only ever shown; where it lies is our choice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final
from uuid import uuid4

from fastapi import HTTPException, Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from tillflow.codes import Kind
from tillflow.errors import UnavailableError
from tillflow.settings import Settings

#: what is longer than this is no field of ours
_MOST_FIELD_BYTES: Final = 4096
_MOST_PARTS: Final = 20
#: with nothing coming for so long the sender is gone
_IDLE_SECONDS: Final = 30.0
#: after the first seconds it must come at least this fast, or it would hold a place for ever
_PATIENCE_SECONDS: Final = 60.0
_LEAST_BYTES_PER_SECOND: Final = 8 * 1024
_TYPES: Final = {
    Kind.OFFLINE_SALES: (".csv", ".txt", ".tsv", ".xlsx", ".gz"),
    Kind.EQUIPMENT_SYNC: (".csv", ".txt", ".tsv", ".jsonl", ".ndjson", ".json", ".gz", ".xlsx"),
    Kind.PORTAL_DATA: (".csv", ".zip"),
}


@dataclass
class Upload:
    """A file that has come, in a place of ours, and the other fields of its form."""

    path: Path
    file_name: str = ""
    size: int = 0
    fields: dict[str, str] = field(default_factory=dict)

    def check(self, kind: Kind, settings: Settings) -> None:
        """Refuse a file that cannot be of this kind, by its size or its name; what is in it is looked at later."""
        if not self.file_name:
            raise HTTPException(422, "there is no file in the form: send it as the field `file`")
        if self.size > settings.max_file_bytes[kind]:
            raise HTTPException(413, _too_large(settings.max_file_bytes[kind]))
        suffix = PurePosixPath(self.file_name.replace("\\", "/")).suffix.lower()
        if suffix not in _TYPES[kind]:
            raise HTTPException(422, f"a file of {kind} is named {', '.join(_TYPES[kind])}, not {suffix or 'so'}")


@asynccontextmanager
async def upload_of(request: Request, settings: Settings) -> AsyncIterator[Upload]:
    """The one file of a multipart form. Raises HTTPException 408, 413 and 422."""
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    if content_type != b"multipart/form-data" or b"boundary" not in options:
        raise HTTPException(422, "send the file as multipart/form-data")
    path = settings.temp_dir / f"upload-{uuid4().hex}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            reader = _Reader(Upload(path), file)
            parser = MultipartParser(options[b"boundary"], reader.callbacks())
            most = max(settings.max_file_bytes.values())
            await _read(request, parser, most + 64 * 1024)
        if not reader.is_whole:
            raise HTTPException(422, "the form ends before its end: the upload was cut off, send it again")
        yield reader.upload
    except MultipartParseError:
        raise HTTPException(422, "this is not a form that can be read; send it again") from None
    except OSError as error:
        raise UnavailableError(f"the upload could not be kept: {error.strerror}; nothing was imported") from error
    finally:
        path.unlink(missing_ok=True)


async def _read(request: Request, parser: MultipartParser, most: int) -> None:
    began, came = time.monotonic(), 0
    stream = aiter(request.stream())
    while True:
        try:
            block = await asyncio.wait_for(anext(stream, b""), _IDLE_SECONDS)
        except TimeoutError:
            raise HTTPException(408, f"nothing came for {_IDLE_SECONDS:.0f} seconds; send the file again") from None
        if not block:
            return
        came += len(block)
        if came > most:
            raise HTTPException(413, _too_large(most))
        taken = time.monotonic() - began
        if taken > _PATIENCE_SECONDS and came < taken * _LEAST_BYTES_PER_SECOND:
            raise HTTPException(408, "the upload comes too slowly to wait for it; send the file again")
        parser.write(block)


def _too_large(most: int) -> str:
    return f"the file is larger than {most >> 20} MB; split it"


class _Reader:
    """Puts the parts of a form where they belong: the file on the disk, fields into memory."""

    def __init__(self, upload: Upload, file: BinaryIO) -> None:
        self.upload, self.file = upload, file
        self.is_whole = False
        self._parts = 0
        self._header, self._value = bytearray(), bytearray()
        self._name, self._is_file, self._field = "", False, bytearray()

    def callbacks(self) -> Any:
        """What the parser calls, by its names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._grow(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._whole,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise HTTPException(413, "the form has more fields than ours")
        self._name, self._is_file = "", False
        self._field.clear()

    def _grow(self, into: bytearray, data: bytes) -> None:
        into += data
        if len(into) > _MOST_FIELD_BYTES:
            raise HTTPException(413, "a field of the form is longer than ours")

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode(errors="replace")
            if self._name == "file" and b"filename" in options:
                if self.upload.file_name:
                    raise HTTPException(422, "the form has two files; send one at a time")
                self._is_file = True
                self.upload.file_name = options[b"filename"].decode(errors="replace")
        self._header.clear()
        self._value.clear()

    def _data(self, data: bytes) -> None:
        if self._is_file:
            self.file.write(data)
            self.upload.size += len(data)
        else:
            self._grow(self._field, data)

    def _end(self) -> None:
        if not self._is_file and self._name:
            self.upload.fields[self._name] = self._field.decode(errors="replace")

    def _whole(self) -> None:
        self.is_whole = True

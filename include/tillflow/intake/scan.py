"""One pass over a file's bytes before anything parses them: is it text, in which encoding, how long are its lines."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tillflow.intake.source import Source

#: a row longer than this is no row of a sales file
MAX_LINE_BYTES: Final = 1 << 20
_BOM: Final = codecs.BOM_UTF8
_WIDE_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True)
class Scan:
    """What the bytes of a file say about it."""

    encoding: str
    #: the first bytes of the text, without a byte order mark: enough for the header
    head: bytes
    lines: int
    quotes: int
    has_blank_lines: bool


def fingerprint(source: Source) -> tuple[str, int]:
    """SHA-256 and size of the file as received."""
    digest, size = hashlib.sha256(), 0
    for block in source.packed_blocks():
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def scan(source: Source) -> Scan:
    """Read the whole text once. Raises FileRefusedError: empty, not text, a line without end."""
    decoder, is_utf8 = codecs.getincrementaldecoder("utf-8")(), True
    head, lines, quotes, has_blank, line_start, tail = b"", 0, 0, False, 0, b""
    unpacked = 0
    for block in source.blocks():
        if unpacked == 0:
            _refuse_wide_encodings(source, block)
        head = head if len(head) >= MAX_LINE_BYTES else head + block[:MAX_LINE_BYTES]
        if b"\0" in block:
            row = lines + block.count(b"\n", 0, block.index(b"\0")) + 1
            source.refuse("not_text", "the file holds a NUL byte: it is not text", row)
        if is_utf8 and not (block.isascii() and decoder.getstate()[0] == b""):
            is_utf8 = _decodes(decoder, block)
        line_start = _next_line_start(source, block, unpacked, line_start, lines)
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
        lines += ends.size
        # Most files hold no quote: looking for one is a fifth of the work of counting them.
        quotes += block.count(b'"') if b'"' in block else 0
        seam = tail + block[:3]
        has_blank = has_blank or b"\n\n" in seam or b"\n\r\n" in seam or _has_blank_line(block, ends)
        tail = (tail + block[-3:])[-3:]
        unpacked += len(block)
    if not head.strip(_BOM + b" \t\r\n"):
        source.refuse("empty_file", "the file is empty; it needs a header row and at least one row")
    is_utf8 = is_utf8 and decoder.getstate()[0] == b""
    if not tail.endswith(b"\n"):
        lines += 1
    return Scan(
        encoding="utf-8" if is_utf8 else _cp1252(source),
        head=head.removeprefix(_BOM),
        lines=lines,
        quotes=quotes,
        has_blank_lines=has_blank or head.removeprefix(_BOM)[:1] in (b"\n", b"\r"),
    )


def _refuse_wide_encodings(source: Source, block: bytes) -> None:
    if block.startswith(_WIDE_BOMS):
        source.refuse("not_text", "the file is UTF-16 or UTF-32; save it as UTF-8 and send it again")


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _next_line_start(source: Source, block: bytes, offset: int, line_start: int, lines: int) -> int:
    """Where the unfinished line at the end of the block began; refuses one that never ends."""
    last = block.rfind(b"\n")
    first = block.find(b"\n")
    end_of_first = offset + (first if first >= 0 else len(block))
    if end_of_first - line_start > MAX_LINE_BYTES:
        source.refuse("line_too_long", f"row {lines + 1} is longer than 1 MB; this is no sales file", lines + 1)
    return offset + last + 1 if last >= 0 else line_start


def _has_blank_line(block: bytes, ends: Any) -> bool:
    """Whether a line that begins and ends in the block is blank; by arrays, for a search reads every byte again."""
    lengths = np.diff(ends)
    return bool((lengths == 1).any()) or any(block[end - 1] == ord("\r") for end in ends[1:][lengths == 2])


def _cp1252(source: Source) -> str:
    """The fallback. Its five undefined bytes say that the file is not text at all."""
    rows = 1
    for block in source.blocks():
        try:
            block.decode("cp1252")
        except UnicodeDecodeError as error:
            row = rows + block.count(b"\n", 0, error.start)
            source.refuse("not_text", "the file is neither UTF-8 nor Windows-1252 text", row)
        rows += block.count(b"\n")
    return "cp1252"

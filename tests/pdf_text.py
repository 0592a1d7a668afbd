"""A reader of PDF text: as much of ISO 32000 as the pages of our invoices use, and nothing of their making.

It follows pages, fonts and their ToUnicode tables, so that what it returns is what a screen reader or a
search finds: the runs of each page in reading order, each with whether it is an artifact (a watermark, a
footer, a header repeated), which assistive technology leaves out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\n")
_TOKEN = re.compile(
    rb"/(?P<font>f\d+) [\d.]+ Tf|\[(?P<shown>[^\]]*)\]TJ|(?P<single><[0-9a-f]*>)Tj"
    rb"|/(?P<tag>\w+)[^\n]*?B[DM]C|(?P<end>EMC)"
)
_HEX = re.compile(rb"<([0-9a-f]+)>")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True)
class Run:
    """Text shown in one go: at least a word, in a table a cell."""

    text: str
    is_artifact: bool


def pages_of(content: bytes) -> list[list[Run]]:
    """The text of every page."""
    objects = _objects(content)
    kids = re.search(rb"/Type/Pages/Count \d+/Kids\[([^\]]*)\]", content)
    assert kids, "no pages"
    order = [objects[int(number)] for number in re.findall(rb"(\d+) 0 R", kids[1])]
    return [list(_runs(_stream(objects[_reference(page, b"Contents")]), _fonts(page, objects))) for page in order]


def _objects(content: bytes) -> dict[int, bytes]:
    starts = [(int(match[1]), match.end()) for match in _OBJECT.finditer(content)]
    ends = [start for _, start in starts[1:]] + [len(content)]
    return {number: content[start:end] for (number, start), end in zip(starts, ends, strict=True)}


def _reference(body: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", body)
    assert found, f"no {name!r}"
    return int(found[1])


def _stream(body: bytes) -> bytes:
    length = re.search(rb"/Length (\d+)", body)
    assert length
    start = body.index(b"stream\n") + len(b"stream\n")
    return zlib.decompress(body[start : start + int(length[1])])


def _fonts(page: bytes, objects: dict[int, bytes]) -> dict[bytes, dict[int, str]]:
    """Font name -> glyph -> text."""
    listed = re.search(rb"/Font<<([^>]*)>>", objects[_reference(page, b"Resources")])
    assert listed
    return {
        name: _glyphs(_stream(objects[_reference(objects[int(number)], b"ToUnicode")]))
        for name, number in re.findall(rb"/(f\d+) (\d+) 0 R", listed[1])
    }


def _glyphs(table: bytes) -> dict[int, str]:
    pairs = re.findall(rb"^<([0-9A-F]{4})> <([0-9A-F]+)>$", table, re.MULTILINE)
    return {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in pairs}


def _runs(content: bytes, fonts: dict[bytes, dict[int, str]]) -> Iterator[Run]:
    font: dict[int, str] = {}
    open_tags: list[bool] = []
    for token in _TOKEN.finditer(_in_hex(content)):
        if token["font"]:
            font = fonts[token["font"]]
        elif token["tag"]:
            open_tags.append(token["tag"] == b"Artifact")
        elif token["end"]:
            open_tags.pop()
        else:
            glyphs = bytes.fromhex(b"".join(_HEX.findall(token["shown"] or token["single"])).decode())
            codes = [int.from_bytes(glyphs[at : at + 2], "big") for at in range(0, len(glyphs), 2)]
            yield Run("".join(font.get(code, "\N{REPLACEMENT CHARACTER}") for code in codes), any(open_tags))


def _in_hex(content: bytes) -> bytes:
    """Every `(string)` as `<hexadecimal>`: parentheses in pairs need no escape, so patterns cannot find its end."""
    written, at = bytearray(), 0
    while (start := content.find(b"(", at)) >= 0:
        end, depth = start + 1, 1
        while depth:
            depth += {ord("("): 1, ord(")"): -1}.get(content[end], 0)
            end += 2 if content[end] == ord("\\") else 1
        written += content[at:start] + b"<" + _unescaped(content[start + 1 : end - 1]).hex().encode() + b">"
        at = end
    return bytes(written + content[at:])


def _unescaped(text: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: _NAMED.get(match[1]) or _octal(match[1]), text)


def _octal(digits: bytes) -> bytes:
    return bytes([int(digits, 8)]) if digits.isdigit() else digits

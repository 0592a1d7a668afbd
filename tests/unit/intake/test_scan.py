"""What one pass over the bytes finds, wherever the blocks in which they are read begin and end."""

from __future__ import annotations

import re

import pytest

from tillflow.intake import source as source_module
from tillflow.intake.scan import scan
from tillflow.intake.source import InMemory, Source

TEXTS = [
    b"a,b\n1,2\n",
    b"a,b\n1,2",
    b"a,b\n\n1,2\n",
    b"a,b\r\n\r\n1,2\r\n",
    b"a,b\r\n1,2\r\n",
    b"a\n1\n2\n",  # lines of one character are not blank
    b"a\r\n1\r\n2\r\n",
    b'a\n"1\n\n2"\n',
    b"\na,b\n1,2\n",
    b"\r\na,b\r\n1,2\r\n",
    b"a,b\n1,2\n\n",
    b"a,b\n1,2\n\r\n",
    "é,b\n1,ü\n\n".encode(),
]


@pytest.mark.parametrize("block", [1, 2, 3, 4, 5, 1 << 20])
@pytest.mark.parametrize("text", TEXTS)
def test_lines_quotes_and_blank_lines_are_found_across_blocks(
    monkeypatch: pytest.MonkeyPatch, text: bytes, block: int
) -> None:
    monkeypatch.setattr(source_module, "BLOCK", block)
    found = scan(Source("given.csv", InMemory(text), "plain", 1 << 20))
    assert found.encoding == "utf-8"
    assert found.lines == len(text.removesuffix(b"\n").split(b"\n"))
    assert found.quotes == text.count(b'"')
    assert found.has_blank_lines == bool(re.search(rb"\n\r?\n|\A\r?\n", text))

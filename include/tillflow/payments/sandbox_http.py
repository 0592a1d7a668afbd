"""A small HTTP/1.1 server whose answers may also fail to come: the wire faults of the sandbox.

A framework would always answer something; here a connection can be reset, closed or left hanging.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

import httptools

LARGEST_BODY = 1024 * 1024
LATIN = "latin-1"


@dataclass(slots=True)
class Request:
    """One request as it came in. Header names are in lower case."""

    method: str = ""
    path: str = ""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """What goes back, and what goes wrong on the way.

    `wire`: "send"; "truncate" (half of it, then closed); "drop" (closed without an answer); "reset" (RST);
    "hang" (no answer until the client gives up). `seconds`: how late.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    wire: str = "send"
    seconds: float = 0.0


Handler: TypeAlias = Callable[[Request], Answer]


class Connection(asyncio.Protocol):
    """One client's connection: requests one after another, kept alive."""

    def __init__(self, handle: Handler, connections: set[asyncio.Transport]) -> None:
        self._handle = handle
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._busy = False
        self._request = Request()
        self._target = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away."""
        self._connections.discard(self._transport)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._request, self._target = Request(), b""

    def on_url(self, url: bytes) -> None:
        """httptools: a piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        self._request.headers[name.decode(LATIN).lower()] = value.decode(LATIN)

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._request.body += body
        if len(self._request.body) > LARGEST_BODY:
            self._transport.abort()

    def on_message_complete(self) -> None:
        """httptools: the request is whole; it waits while another one is being answered."""
        path, _, query = self._target.decode(LATIN).partition("?")
        self._request.method = self._parser.get_method().decode(LATIN)
        self._request.path, self._request.query = path, query
        self._waiting.append((self._request, self._parser.should_keep_alive()))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        if not self._waiting or self._transport.is_closing():
            return
        request, keep_alive = self._waiting.popleft()
        self._busy = True
        try:
            answer = self._handle(request)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            answer = Answer(500, b'{"error": {"type": "api_error"}}')
        if answer.seconds > 0:
            asyncio.get_running_loop().call_later(answer.seconds, self._finish, answer, keep_alive)
        else:
            self._finish(answer, keep_alive)

    def _finish(self, answer: Answer, keep_alive: bool) -> None:
        if self._transport.is_closing() or answer.wire == "hang":
            return
        if answer.wire == "reset":
            self._reset()
            return
        if answer.wire != "drop":
            whole = _encoded(answer, keep_alive=keep_alive)
            self._transport.write(whole[:-4] if answer.wire == "truncate" else whole)
        if not keep_alive or answer.wire != "send":
            self._transport.close()
            return
        self._busy = False
        self._next()

    def _reset(self) -> None:
        """Close with RST: with lingering on for zero seconds the kernel throws away what is left."""
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self._transport.abort()


def _encoded(answer: Answer, *, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    return "\r\n".join(lines).encode(LATIN) + b"\r\n\r\n" + answer.body

"""A wire to the gateway on which somebody dies: when a charge is sent, or when its answer arrives."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from contextlib import closing, suppress
from types import TracebackType
from typing import Self


class Wire:
    """Forwards HTTP/1.1 to `port`. The first charge after `doom` kills or freezes its process at the point."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._doomed: tuple[int, str, signal.Signals] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def doom(self, process: int, point: str, number: signal.Signals) -> None:
        """`point`: `sent`, before the request is passed on, which it still is; or `answered`."""
        self._doomed = (process, point, number)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        threads = []
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threads.append(threading.Thread(target=self._carry, args=(client,), daemon=True))
                threads[-1].start()
        for thread in threads:
            thread.join(timeout=5)

    def _carry(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            while request := _message(client):
                is_charge = b"/confirm" in request.split(b"\r\n", 1)[0]
                if is_charge:
                    self._strike("sent")
                answer = self._ask(request)
                if is_charge:
                    self._strike("answered")
                if not answer:
                    # closed with unread or unsent data the hard way, as the gateway did
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                    return
                client.sendall(answer)

    def _ask(self, request: bytes) -> bytes:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._target), timeout=1) as server:
            server.sendall(request)
            return _message(server)
        return b""

    def _strike(self, point: str) -> None:
        if self._doomed and self._doomed[1] == point:
            process, _, number = self._doomed
            self._doomed = None
            os.kill(process, number)


def _message(source: socket.socket) -> bytes:
    """One whole request or answer; empty at the end of the connection. What is cut short is passed on so."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = source.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]):
        more = source.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body

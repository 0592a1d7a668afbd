"""A mail server that delivers nothing: every message becomes an .eml file anyone can open.

`python -m tillflow.stack.mail_sink --port 2525 --dir mail`
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from tillflow.stack.ports import HOST

LARGEST_MESSAGE = 64 * 1024 * 1024


class MailFolder:
    """aiosmtpd's handler: `<folder>/<UTC time>-<n>.eml`, complete or not there at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Write one message; a full disk is a temporary refusal, so the sender keeps its mail."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        self._count += 1
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path = self.folder / f"{stamp}-{time.time_ns() % 10**9:09d}-{self._count}.eml"
        part = path.with_suffix(".part")
        receivers = ", ".join(envelope.rcpt_tos)
        headers = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {receivers}\r\n"
        try:
            part.write_bytes(headers.encode() + raw)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            return f"452 cannot store the message: {error.strerror}"
        return "250 OK"


async def serve(port: int, folder: Path) -> None:
    """Take mail on 127.0.0.1 until SIGINT or SIGTERM."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = MailFolder(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, data_size_limit=LARGEST_MESSAGE, enable_SMTPUTF8=True, ident="tillflow"),
        HOST,
        port,
    )
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with server:
        await stopped.wait()


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--dir", type=Path, required=True)
    given = options.parse_args()
    asyncio.run(serve(given.port, given.dir))


if __name__ == "__main__":
    main()

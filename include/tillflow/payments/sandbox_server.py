"""The sandbox gateway: a Stripe of our own in which no money moves, with scripted trouble.

`python -m tillflow.payments.sandbox_server --port 12111 --dir gateway [--latency-ms 100]`

Port 0 takes a free one. The first line it prints is its address. Tokens: see `sandbox_script`; ledger and clock:
`sandbox_pages`. It survives being killed: everything it has answered for is in its folder.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tillflow.payments.sandbox_api import Api
from tillflow.payments.sandbox_http import Answer, Connection, Request
from tillflow.payments.sandbox_pages import answer_page
from tillflow.payments.sandbox_store import FolderInUseError, Store

HOST = "127.0.0.1"
"""Nobody but this machine; a container sets `sandbox_server.HOST` before `main`."""

BACKLOG = 1024


async def serve(port: int, folder: Path, latency: float = 0.0, *, stopped: asyncio.Event | None = None) -> None:
    """Answer until SIGINT or SIGTERM. `latency` in seconds. Raises FolderInUseError."""
    store = Store(folder)
    api = Api(store, latency)

    def handle(request: Request) -> Answer:
        return answer_page(store, request) if request.path.startswith("/sandbox") else api.handle(request)

    loop = asyncio.get_running_loop()
    stopped = stopped or asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    connections: set[asyncio.Transport] = set()
    server = await loop.create_server(lambda: Connection(handle, connections), HOST, port, backlog=BACKLOG)
    sys.stdout.write(f"http://{HOST}:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()
    for connection in list(connections):  # also those that were left hanging
        connection.abort()
    store.close()


def main() -> int:
    """Command line; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--dir", type=Path, required=True)
    options.add_argument("--latency-ms", type=float, default=0.0, help="added to every answer")
    given = options.parse_args()
    try:
        asyncio.run(serve(given.port, given.dir, given.latency_ms / 1000))
    except (FolderInUseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""localstripe on a free port of this machine; its address is the first line printed.

Its arguments are adapted where it lacks some of Stripe's, its behaviour is not: it confirms with the intent's own
payment method, whichever is named, and lists charges of every intent. It ignores idempotency keys.
"""

from __future__ import annotations

import socket
from typing import Any

from localstripe import resources

resources.store.dump_to_disk = lambda: None  # it would write into the machine's /tmp

_confirm, _list = resources.PaymentIntent._api_confirm, resources.Charge._api_list_all


def confirm(id: str, payment_method: str | None = None, off_session: str | None = None) -> Any:  # noqa: A002
    return _confirm(id=id)


def list_charges(url: str, payment_intent: str | None = None, **given: Any) -> Any:
    found = _list(url, **given)
    found._list = [charge for charge in found._list if charge.payment_intent == payment_intent or not payment_intent]
    return found


# the routes are made of these when the server is imported
resources.extra_apis[:] = [
    (method, url, confirm if url == "/v1/payment_intents/{id}/confirm" else call)
    for method, url, call in resources.extra_apis
]
resources.Charge._api_list_all = list_charges

from aiohttp import web  # noqa: E402
from localstripe.server import app  # noqa: E402

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201
        web.run_app(app, sock=listener, print=None)

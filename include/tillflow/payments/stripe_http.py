"""How the Stripe SDK reaches the network: one pool of kept-alive connections, no retry, no redirect.

The SDK's own clients retry, follow redirects, read `.netrc` and hide whether a request was sent at all, which
is the one thing a payment has to know.
"""

from __future__ import annotations

import logging
import ssl
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import stripe
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

#: connections kept open; more threads than that still work, they only connect anew
POOL_SIZE = 64

#: neither of errors nor of redirects
_NO_RETRY: Final = urllib3.Retry(total=False)

# These log addresses and bodies of requests, and a payment method's id is part of both.
logging.getLogger("stripe").setLevel(logging.WARNING)
logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)


class PooledClient(stripe.HTTPClient):  # type: ignore[misc]  # the SDK's source is not type-checked here
    """The SDK's HTTP client over urllib3. Thread-safe. Timeouts in seconds."""

    name = "urllib3"

    def __init__(self, api_base: str, *, connect_timeout: float, read_timeout: float) -> None:
        super().__init__()
        self._timeout = urllib3.Timeout(connect=connect_timeout, read=read_timeout)
        self._pool = _pool(api_base)

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_usage: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request, sent at most once. Raises stripe.APIConnectionError from the network's own error."""
        try:
            answer = self._pool.request(
                method.upper(),
                url,
                body=post_data,
                headers=dict(headers or {}),
                timeout=self._timeout,
                retries=_NO_RETRY,
            )
        except (HTTPError, OSError) as error:
            # the text of the network's error may hold the address, with a payment method in it
            raise stripe.APIConnectionError(type(error).__name__) from error
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def was_not_sent(error: BaseException) -> bool:
    """Whether the request of a failed call certainly never left this machine."""
    cause = error.__cause__
    if isinstance(cause, ProxyError):
        cause = cause.original_error
    if isinstance(cause, (NewConnectionError, ConnectTimeoutError)):  # refused, no such name, no answer
        return True
    # the other side is not who it claims to be: the handshake ended before anything was said
    return isinstance(cause, urllib3.exceptions.SSLError) and any(
        isinstance(part, ssl.SSLCertVerificationError) for part in cause.args
    )


def _pool(api_base: str) -> urllib3.PoolManager:
    parts = urlsplit(api_base)
    trust: dict[str, Any] = {"ca_certs": stripe.ca_bundle_path} if parts.scheme == "https" else {}
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, maxsize=POOL_SIZE, **trust)
    return urllib3.PoolManager(maxsize=POOL_SIZE, **trust)

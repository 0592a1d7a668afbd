"""A write must come from our own pages, or from a program that shows its token: Airflow has no CSRF token.

Browsers send the session cookie along with a form of any page; they also say where a write comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tillflow.web.answers import error_response

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOrigin:
    """Refuses, with 403, a write that another origin makes a browser send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before anything reads its body."""
        if scope["type"] == "http" and scope["method"] not in _READING and not is_own(Headers(scope=scope)):
            text = "this request comes from another site; send it from Tillflow's own page"
            await error_response(scope, 403, "foreign_origin", text)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_own(headers: Headers) -> bool:
    """True for a request of our own pages, or of a program: no browser, and a token instead of a cookie."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    if origin is not None:
        return urlsplit(origin).netloc.lower() in _own_hosts(headers)
    return site is not None or headers.get("authorization", "").lower().startswith("bearer ")


def _own_hosts(headers: Headers) -> Iterable[str]:
    return {headers.get("host", "").lower()} - {""}

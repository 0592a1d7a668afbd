"""How much may be sent to us: a form or a JSON body is small; an upload counts its own bytes as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tillflow.web.answers import error_response

MOST_BODY_BYTES: Final = 1024 * 1024
_TOO_LARGE: Final = f"this is larger than {MOST_BODY_BYTES // 1024} kB, which no form of Tillflow's is"


class SmallBodies:
    """Refuses, with 413, a body that is too large, before it is read or while it comes."""

    def __init__(self, app: ASGIApp, is_upload: Callable[[Scope], bool]) -> None:
        self.app, self.is_upload = app, is_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a body that cannot grow too large."""
        if scope["type"] != "http" or self.is_upload(scope):
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isascii() or not declared.isdigit() or int(declared) > MOST_BODY_BYTES:
            await error_response(scope, 413, "too_large", _TOO_LARGE)(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MOST_BODY_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self.app(scope, counted, send)

"""What one request has to say on the next page: in a cookie that is signed, for one person, for a minute."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Final, Literal

from airflow.configuration import conf
from fastapi import Request
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import Response

_COOKIE: Final = "tillflow_flash"
_SECONDS: Final = 60
#: a browser drops a cookie of more than 4 kB
_MOST_CHARACTERS: Final = 1500


@dataclass(frozen=True, slots=True)
class Flash:
    """One thing that is said once."""

    level: Literal["success", "info", "warning", "error"]
    text: str


def flash(level: Literal["success", "info", "warning", "error"], text: str) -> Flash:
    """Something to say on the next page."""
    return Flash(level, text[:_MOST_CHARACTERS])


def see_other(request: Request, path: str, person: str, said: Flash | None = None) -> RedirectResponse:
    """303 to a path below /tillflow, where `said` is shown to `person`."""
    response = RedirectResponse(f"{request.scope['root_path']}/{path}", 303)
    if said is not None:
        value = _signer().dumps({"person": person, **asdict(said)})
        response.set_cookie(
            _COOKIE, value, max_age=_SECONDS, path=f"{request.scope['root_path']}/",
            httponly=True, samesite="lax", secure=request.url.scheme == "https",
        )  # fmt: skip
    return response


def waiting(request: Request, person: str) -> list[Flash]:
    """What waits for `person`; a cookie that is not ours, or old, says nothing."""
    try:
        found = _signer().loads(request.cookies.get(_COOKIE, ""), max_age=_SECONDS)
        return [Flash(found["level"], found["text"])] if found["person"] == person else []
    except (BadSignature, KeyError, TypeError):
        return []


def forget(request: Request, response: Response) -> None:
    """It was shown."""
    response.delete_cookie(_COOKIE, path=f"{request.scope['root_path']}/")


@cache
def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get("api", "secret_key"), salt="tillflow flash")

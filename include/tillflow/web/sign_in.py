"""Who is asking: Airflow's identity, by its session cookie or its bearer token. Grants are another matter."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, HTTPException, Request


async def signed_in(user: Annotated[BaseUser, Depends(get_user)]) -> str:
    """The name of the signed-in user, as DAG runs record it. 401 anonymous or expired, 403 a token that is none."""
    name = user.get_name()
    if not name:
        raise HTTPException(401, "the sign-in names nobody")
    return name


Person = Annotated[str, Depends(signed_in)]


def sign_in_url(request: Request) -> str:
    """Where a person signs in, and comes back to the page that they asked for."""
    query = f"?{request.url.query}" if request.url.query else ""
    return get_auth_manager().get_url_login(next_url=f"{request.scope['root_path']}{_path(request)}{query}")


def _path(request: Request) -> str:
    path, root = request.scope["path"], request.scope["root_path"]
    return str(path.removeprefix(root))

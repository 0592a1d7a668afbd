"""What the API offers, for those who are signed in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi

from tillflow.web.sign_in import Person

router = APIRouter()


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, person: Person) -> dict[str, Any]:
    """The OpenAPI description of the routes below /tillflow/api/v1."""
    app = request.app
    described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    described["servers"] = [{"url": request.scope["root_path"]}]
    return described

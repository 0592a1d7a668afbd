"""The one shape of every answer of the REST API, and of its errors; a page gets its errors as a page.

`{"messages": [{"code", "level", "message", "row"?, "column"?}], "result": ...}`
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeVar

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from tillflow.errors import FileError, FileRefusedError, TillflowError
from tillflow.offline_sales.resolve import BadCorrectionError
from tillflow.portal.edit_records import RecordRefusedError
from tillflow.web.pages.rendering import render_error
from tillflow.web.refusals import status_of
from tillflow.web.sign_in import sign_in_url

log = logging.getLogger(__name__)
T = TypeVar("T")

#: status -> the code of an error that has none of its own
_CODES: Final = {
    400: "bad_request", 401: "not_signed_in", 403: "not_granted", 404: "not_found", 405: "method_not_allowed",
    408: "too_slow", 409: "conflict", 413: "too_large", 415: "unsupported_media_type", 422: "invalid",
    500: "defect", 503: "unavailable",
}  # fmt: skip
_DEFECT: Final = "something in Tillflow broke; nothing was changed. The server's log says what, at this time"
_SIGN_IN: Final = "sign in to Airflow, or send a bearer token of its /auth/token"


class Message(BaseModel):
    """What happened, where in a file, and what to do next."""

    code: str
    level: Literal["info", "warning", "error"]
    message: str
    row: int | None = None
    column: str | None = None


class Answer(BaseModel, Generic[T]):
    """Every answer; `result` is null where there is none."""

    messages: list[Message] = []
    result: T


class Refusal(BaseModel):
    """An answer that is an error; `result` may name what it is about."""

    messages: list[Message]
    result: dict[str, Any] | None = None


#: for a router: the errors that every one of its routes may answer, as its OpenAPI says
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Refusal, "description": text}
    for status, text in {
        401: "Not signed in", 403: "Not granted, or from another origin", 404: "Unknown, or not one's own",
        409: "Already done, or in conflict", 413: "Too large", 422: "Invalid", 503: "The database is away",
    }.items()
}  # fmt: skip


def messages_of(errors: Sequence[FileError]) -> list[Message]:
    """The errors of a file, in the order in which a person reads them."""
    return [
        Message(
            code=error.code, level="error", row=error.row, column=error.column,
            message=f"{error.file}: {error.message}" if error.file else error.message,
        )
        for error in errors
    ]  # fmt: skip


def error_response(
    scope: Scope,
    status: int,
    code: str,
    text: str,
    *,
    messages: Sequence[Message] = (),
    result: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as the asker reads it: JSON below /api, a page elsewhere."""
    said = list(messages) or [Message(code=code, level="error", message=text)]
    if is_api(scope):
        body = Refusal(messages=said, result=dict(result) if result else None)
        return JSONResponse(body.model_dump(exclude_none=False), status, headers)
    return HTMLResponse(render_error(scope, status, said), status, headers)


def is_api(scope: Scope) -> bool:
    """True for a route of the REST API."""
    return str(scope["path"]).removeprefix(scope.get("root_path", "")).startswith("/api/")


def add_error_answers(app: FastAPI) -> None:
    """Give every error of `app` this shape."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TillflowError, _tillflow_error)
    app.add_exception_handler(psycopg.DataError, _no_text)  # a NUL
    app.add_exception_handler(UnicodeEncodeError, _no_text)  # half of a surrogate pair
    app.add_exception_handler(psycopg.Error, _database_refused)
    app.add_exception_handler(Exception, _defect)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 401:
        if not is_api(request.scope) and request.method == "GET":
            return RedirectResponse(sign_in_url(request), 303)
        return error_response(request.scope, 401, _CODES[401], _SIGN_IN, headers={"www-authenticate": "Bearer"})
    code = _CODES.get(error.status_code, "refused")
    return error_response(request.scope, error.status_code, code, str(error.detail), headers=error.headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # where and why, not what: a value may be a secret
    found = [
        Message(code="invalid", level="error", message=str(one["msg"]), column=_place(one["loc"]))
        for one in error.errors()
    ]
    return error_response(request.scope, 422, "invalid", "", messages=found)


def _place(location: Sequence[Any]) -> str | None:
    return ".".join(str(part) for part in location[1:]) or None


def _tillflow_error(request: Request, error: Exception) -> Response:
    status, code = status_of(error)
    if isinstance(error, FileRefusedError):
        result = _about(error)
        return error_response(request.scope, status, code, "", messages=messages_of(error.errors), result=result)
    if isinstance(error, RecordRefusedError):
        return error_response(request.scope, status, code, "", messages=messages_of(error.errors))
    if isinstance(error, BadCorrectionError):
        at_its_field = Message(code=code, level="error", message=str(error), column=error.column)
        return error_response(request.scope, status, code, "", messages=[at_its_field])
    headers = {"retry-after": "30"} if status == 503 else None
    return error_response(request.scope, status, code, str(error), headers=headers)


def _about(refused: FileRefusedError) -> dict[str, Any] | None:
    """The import that the file is already, or the one under which its refusal is recorded."""
    if refused.first_import_id is not None:
        return {"id": refused.first_import_id}
    return {"id": refused.import_id, "status": "rejected"} if refused.import_id is not None else None


def _no_text(request: Request, error: Exception) -> Response:
    """JSON and addresses can say what is no text anywhere else, and numbers that no column holds."""
    return error_response(request.scope, 422, "invalid", "a value holds a character or a number that cannot be kept")


def _database_refused(request: Request, error: Exception) -> Response:
    """A defect of ours. The database's text quotes values, which have no place in a log: it says only where."""
    assert isinstance(error, psycopg.Error)
    where = (error.sqlstate, error.diag.schema_name, error.diag.table_name, error.diag.constraint_name)
    log.error("%s %s: the database refused: %s", request.method, _route(request), where)
    return error_response(request.scope, 500, _CODES[500], _DEFECT)


def _defect(request: Request, error: Exception) -> Response:  # Starlette logs it, and its trace
    return error_response(request.scope, 500, _CODES[500], _DEFECT)


def _route(request: Request) -> str:
    return getattr(request.scope.get("route"), "path", "an unknown route")

"""Tillflow's application inside Airflow's server, mounted at /tillflow: REST below /api/v1, pages beside it.

Closed by default: every route needs a signed-in person, by the application itself; what a route needs beyond
that it says with `needs`. Only the style sheet and its like are open.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from tillflow.web.answers import add_error_answers
from tillflow.web.api import exceptions, imports, invoices, openapi, portal, reconciliations, rows, undo
from tillflow.web.headers import SafeHeaders
from tillflow.web.limits import SmallBodies
from tillflow.web.pages import (
    completeness,
    files,
    offline_sales_admin,
    offline_sales_details,
    offline_sales_import,
    offline_sales_row,
    offline_sales_undo,
    overview,
    portal_edits,
    portal_import,
    portal_planogram,
    portal_records,
    validation,
)
from tillflow.web.pages import exceptions as exception_pages
from tillflow.web.pages import invoices as invoice_pages
from tillflow.web.pages import reconciliations as reconciliation_pages
from tillflow.web.pages.rendering import STATIC
from tillflow.web.same_origin import SameOrigin
from tillflow.web.sign_in import signed_in

#: where the routes of each part come from; a new module is a new name here
API: Final[tuple[APIRouter, ...]] = (
    openapi.router,
    imports.router,
    exceptions.router,
    reconciliations.router,
    portal.router,
    invoices.router,
    rows.router,
    undo.router,
)
PAGES: Final[tuple[APIRouter, ...]] = (
    offline_sales_admin.router,
    offline_sales_import.router,  # before the details: `import` is no number
    offline_sales_details.router,
    offline_sales_row.router,
    offline_sales_undo.router,
    validation.router,
    portal_import.router,  # before the tables: none of these is one
    portal_edits.router,
    portal_planogram.router,
    portal_records.router,
    overview.router,
    files.router,
    completeness.router,
    exception_pages.router,
    reconciliation_pages.router,
    invoice_pages.router,
)
API_PREFIX: Final = "/api/v1"


@cache
def the_app() -> FastAPI:
    """The application of this process."""
    return create_app()


def create_app() -> FastAPI:
    """The application; it opens nothing until it is asked something."""
    app = FastAPI(
        title="Tillflow",
        version="1",
        description="Offline sales, machine dumps, exceptions, reconciliations, invoices and portal data.",
        dependencies=[Depends(signed_in)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would name the host that the request claims
    )
    for router in API:
        app.include_router(router, prefix=API_PREFIX)
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    app.mount("/static", _Static(directory=STATIC), name="static")
    add_error_answers(app)
    # the last one added is asked first
    app.add_middleware(SmallBodies, is_upload=is_upload)
    app.add_middleware(SameOrigin)
    app.add_middleware(SafeHeaders)
    return app


def is_upload(scope: Scope) -> bool:
    """True for the routes that take a file: they count its bytes themselves."""
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return scope["method"] == "POST" and path in {f"{API_PREFIX}/imports", "/offline-sales/import/", "/portal/import/"}


class _Static(StaticFiles):
    """Files that never change under their name: a page asks for them with the version in the query."""

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        """The file, which a browser may keep."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=86400"
        return response

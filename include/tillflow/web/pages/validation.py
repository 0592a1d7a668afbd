"""The validation page of an import: the file from the storage, shut in so that it can do nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from tillflow.import_desk import find_import
from tillflow.intake.storage import Storage
from tillflow.intake.validation_page import validation_key
from tillflow.web.grants import Desk, needs
from tillflow.web.paging import Number
from tillflow.web.sights import SEES_MACHINES, SEES_SALES

router = APIRouter(prefix="/imports")
_STYLE: Final = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


@router.get("/{import_id}/validation/")
def show_validation(desk: Annotated[Desk, Depends(needs(*SEES_SALES, *SEES_MACHINES))], import_id: Number) -> Response:
    """What Great Expectations said of the import's rows."""
    storage, key = Storage(desk.settings.storage), validation_key(import_id)
    if find_import(desk.conn, desk.sight, import_id) is None:
        desk.missing("import", import_id)
    if not storage.exists(key):
        desk.missing("validation of import", import_id)
    with storage.open(key) as file:
        page = file.read()
    return HTMLResponse(page, headers={"content-security-policy": _policy(page)})


def _policy(page: bytes) -> str:
    """Its own style sheet, by its hash, and nothing else: no script, form, picture or link that works."""
    found = _STYLE.search(page)
    style = base64.b64encode(hashlib.sha256(found.group(1)).digest()).decode() if found else ""
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
        f"style-src 'sha256-{style}'; sandbox"
    )

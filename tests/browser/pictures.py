"""Pictures of the pages: for the handbook, and to look at. A test run writes none unless it is told a folder.

TILLFLOW_PICTURES=docs/images ./tillflow test tests/browser -k story      the handbook's
TILLFLOW_PICTURES=/tmp/pages ./tillflow test tests/browser/test_every_page.py
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

from tillflow.settings import REPOSITORY

VARIABLE = "TILLFLOW_PICTURES"


def picture(page: Page, name: str) -> None:
    """The window as it is, as `<folder>/<name>.png`."""
    if folder := os.environ.get(VARIABLE):
        page.screenshot(path=REPOSITORY / Path(folder) / f"{name}.png", animations="disabled", caret="hide")

"""Every page, for everybody: no serious barrier in light or dark, no scrolling sideways, not heavy, no complaint."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from tests.browser.axe import violations
from tests.browser.operators import Staff
from tests.browser.pictures import picture
from tests.browser.visits import FILES, FRAGMENTS, VISITS, Visit, subjects
from tests.end_to_end.conftest import Running
from tests.web.routes import ROUTES

pytestmark = pytest.mark.slow

WIDTHS = (320, 768, 1440)
MOST_BYTES = 150_000
#: what a cold browser gets over the network for one page: the page itself, and all it asks for
TRANSFERRED = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, entry) => sum + entry.transferSize, 0)
"""
#: how far the page itself scrolls sideways; its tables do that in regions of their own
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_every_page_is_visited() -> None:
    pages = {route.removeprefix("GET ") for route in ROUTES if route.startswith("GET /") and "/api/" not in route}
    assert pages - FRAGMENTS - FILES == set(VISITS)


@pytest.mark.parametrize("visit", [visit for visits in VISITS.values() for visit in visits], ids=str)
def test_a_page_keeps_nobody_out(visit: Visit, staff: Staff, running: Running) -> None:
    path = visit.path.format(**subjects(running.conn))
    with staff.signed_in(visit.person) as person:
        page = person.page
        assert person.go(path) == 200
        assert page.locator("h1").count() == 1
        assert page.evaluate(TRANSFERRED) in range(1, MOST_BYTES + 1)
        assert {width: scrolled for width in WIDTHS if (scrolled := sideways(page, width, visit))} == {}
        if not visit.is_sandboxed:
            assert barriers(page) == {}
    if visit.is_sandboxed:
        with staff.signed_in(visit.person, bypass_csp=True) as person:
            person.go(path)
            assert barriers(person.page) == {}


def barriers(page: Page) -> dict[str, list[str]]:
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        if said := violations(page):
            found[scheme] = said
    return found


def sideways(page: Page, width: int, visit: Visit) -> int:
    page.set_viewport_size({"width": width, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        picture(page, re.sub(r"\W+", "-", f"{visit}-{width}-{scheme}"))
    return int(page.evaluate(SIDEWAYS))

"""When Chromium first paints something of a page: its Performance API's figure, with an empty cache."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from bench.browsing import Page
from tests.browser.chromium import arguments, found
from tests.browser.operators import Staff
from tillflow.stack.plan import Stack

_TIMES: Final = 3
_PAINTED: Final = """
() => new Promise((tell) => {
  const look = () => {
    const [entry] = performance.getEntriesByName("first-contentful-paint");
    if (entry) tell(entry.startTime); else setTimeout(look, 20);
  };
  look();
})
"""


def first_paints(stack: Stack, pages: Iterable[Page]) -> dict[str, float]:
    """Page -> milliseconds, the median of a few visits; nothing where there is no Chromium."""
    path = found()
    if path is None:
        return {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments())
        measured = {page: _paint(browser, stack, who, page) for who, page in pages}
        browser.close()
    return measured


def _paint(browser: Browser, stack: Stack, who: str, page: str) -> float:
    staff = Staff(browser, stack)
    times = []
    for _ in range(_TIMES):
        with staff.signed_in(who) as person:
            person.go(page)
            times.append(float(person.page.evaluate(_PAINTED)))
    return round(median(times))

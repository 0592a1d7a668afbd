"""axe-core over a page or a frame: what keeps people out."""

from __future__ import annotations

from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

#: axe's own words; `moderate` and `minor` are advice
KEEPS_OUT: Final = frozenset({"serious", "critical"})


def violations(place: Page | Frame) -> list[str]:
    """`rule: element, element` of every serious or critical violation."""
    found = Axe().run(place).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {', '.join(str(node['target']) for node in one['nodes'])}"
        for one in found
        if one["impact"] in KEEPS_OUT
    ]

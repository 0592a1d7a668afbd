"""axe-core over a page or a frame: what keeps people out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

#: axe's own words; `moderate` and `minor` are advice
KEEPS_OUT: Final = frozenset({"serious", "critical"})
#: all that can differ where nothing but colours does
OF_COLOURS: Final = ("color-contrast", "link-in-text-block")


def violations(place: Page | Frame, rules: Sequence[str] = ()) -> list[str]:
    """`rule: element, element` of every serious or critical violation; of these `rules` where some are named."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": {"type": "rule", "values": list(rules)}} if rules else {})
    found = Axe().run(place, options=options).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {', '.join(str(node['target']) for node in one['nodes'])}"
        for one in found
        if one["impact"] in KEEPS_OUT
    ]

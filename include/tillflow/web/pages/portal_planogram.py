"""The planogram of a machine as a grid of its selections, one version at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from tillflow.portal.records import NoSuchRecordError, Record
from tillflow.portal_desk import PortalDesk
from tillflow.web.pages.portal_forms import label_of
from tillflow.web.pages.portal_records import Reader, portal_of, zone_of
from tillflow.web.pages.rendering import render
from tillflow.web.pages.timeline import timeline

router = APIRouter(prefix="/portal/planograms")
_MOST_MACHINES = 500


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its period, and its selections in the order of their codes. `starts_as`: as its key says it."""

    starts_as: str
    starts: datetime
    ends: datetime | None
    selections: tuple[Record, ...]

    def is_in_force(self, now: datetime) -> bool:
        """True while machines sell by it."""
        return self.starts <= now and (self.ends is None or now < self.ends)


@router.get("/grid/")
def show_grid(
    request: Request,
    desk: Reader,
    equipment: Annotated[str, Query(max_length=40)] = "",
    valid_from: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """The version that begins at `valid_from`, or the one in force; without a machine: choose one."""
    portal = portal_of(desk)
    versions = _versions(portal, equipment) if equipment else []
    chosen = next((one for one in versions if one.starts_as == valid_from), None)
    chosen = chosen or next((one for one in versions if one.is_in_force(desk.now)), None)
    machines = portal.list_records("equipment", most=_MOST_MACHINES)
    return render(
        request,
        desk,
        "portal_planogram.html",
        equipment=equipment,
        machines=[(one.key[0], f"{one.key[0]} {one.fields['name'] or ''}".strip()) for one in machines],
        versions=versions,
        version=chosen or (versions[-1] if versions else None),
        names=_product_names(portal, chosen or (versions[-1] if versions else None)),
        line=timeline([(one.starts, one.ends, equipment) for one in versions], desk.now),
        may_edit=portal.tables().get("planograms", False),
        now=desk.now,
        zone=zone_of(desk, {"equipment": equipment}),
        label=label_of,
    )


def _versions(portal: PortalDesk, equipment: str) -> list[Version]:
    portal.get_record("equipment", (equipment,))  # 404 for a machine that is not there, or not theirs
    found = portal.list_records("planograms", filters={"equipment": equipment}, most=None)
    return [
        _version(starts, tuple(selections))
        for starts, selections in groupby(found, key=lambda one: str(one.fields["valid_from"]))
    ]


def _version(starts_as: str, selections: Sequence[Record]) -> Version:
    ends = selections[0].fields["valid_to"]
    return Version(
        starts_as,
        datetime.fromisoformat(starts_as),
        datetime.fromisoformat(str(ends)) if ends else None,
        tuple(selections),
    )


def _product_names(portal: PortalDesk, version: Version | None) -> dict[str, str]:
    """Product -> its name, where the person may read products."""
    names: dict[str, str] = {}
    for product in sorted({str(one.fields["product"]) for one in version.selections}) if version else ():
        try:
            names[product] = str(portal.get_record("products", (product,)).fields["name"])
        except NoSuchRecordError:
            return {}
    return names

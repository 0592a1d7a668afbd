"""The entries of the menu "Tillflow": in Airflow's navigation, and at the head of each page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from airflow.configuration import conf

from tillflow.codes import Capability
from tillflow.web.sights import ANY, SEES_MACHINES, SEES_OWN_MACHINES, SEES_SALES


@dataclass(frozen=True, slots=True)
class Entry:
    """A page: its name, its path below /tillflow, its icon, and who has a use for it."""

    name: str
    path: str
    icon: str
    capabilities: tuple[Capability, ...]

    def external_view(self) -> dict[str, str]:
        """As Airflow's menu wants it; without its slash at the end the address is not found."""
        root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        return {
            "name": self.name,
            "href": f"{root}/tillflow/{self.path}",
            "destination": "nav",
            "category": "Tillflow",
            "url_route": f"tillflow-{self.icon}",
            "icon": f"{root}/tillflow/static/icons/{self.icon}.svg",
            "icon_dark_mode": f"{root}/tillflow/static/icons/{self.icon}-dark.svg",
        }


_UPLOADS: Final = (Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN)

MENU: Final = (
    Entry("Overview", "", "overview", ANY),
    Entry("Offline sales import", "offline-sales/import/", "import", _UPLOADS),
    Entry("Offline sales admin", "offline-sales/", "sales", SEES_SALES),
    Entry("Exception report", "exceptions/", "exceptions", SEES_OWN_MACHINES),
    Entry("Reconciliations", "reconciliations/", "reconciliations", SEES_MACHINES),
    Entry("Invoices", "invoices/", "invoices", SEES_OWN_MACHINES),
    Entry("Portal data", "portal/", "portal", (*SEES_OWN_MACHINES, Capability.OFFLINE_SALES_ADMIN)),
)

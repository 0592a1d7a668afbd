"""Registers Tillflow's pages and REST API with Airflow; everything else is in `tillflow.web`."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from tillflow.web.app import create_app
from tillflow.web.menu import MENU


class TillflowPlugin(AirflowPlugin):
    """The application under /tillflow, and its entries in Airflow's menu."""

    name = "tillflow"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/tillflow", "name": "Tillflow"}]  # noqa: RUF012
    external_views = [entry.external_view() for entry in MENU]  # noqa: RUF012

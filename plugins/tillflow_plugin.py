"""Registers Tillflow's pages and REST API with Airflow; everything else is in `tillflow.web`."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from tillflow.web.menu import MENU


class TillflowPlugin(AirflowPlugin):
    """The application under /tillflow, and its entries in Airflow's menu."""

    name = "tillflow"
    external_views = [entry.external_view() for entry in MENU]  # noqa: RUF012

    @property
    def fastapi_apps(self) -> list[dict[str, object]]:
        """Made where it is asked for, in the server: every task and the scheduler load this file as well."""
        from tillflow.web.app import the_app

        return [{"app": the_app(), "url_prefix": "/tillflow", "name": "Tillflow"}]

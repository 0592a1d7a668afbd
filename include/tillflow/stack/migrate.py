"""`./tillflow migrate`: bring Tillflow's database to this version's schema."""

from __future__ import annotations

import argparse

from tillflow.settings import Settings
from tillflow.stack.errors import StackError
from tillflow.stack.postgres import PostgresServer


def run(_options: argparse.Namespace) -> int:
    """Migrate TILLFLOW_DATABASE_URL, or the embedded database when the stack is up."""
    from tillflow.db.migrate import apply

    settings = Settings.from_environment()
    url = settings.database_url
    if not url:
        server = PostgresServer(settings.home)
        if not server.is_running:
            raise StackError(
                "the embedded database is not running; ./tillflow up starts and migrates it, "
                "TILLFLOW_DATABASE_URL names another one"
            )
        url = server.url("tillflow")
    applied = apply(url)
    print("\n".join(applied) if applied else "nothing to do: the schema is current")
    return 0

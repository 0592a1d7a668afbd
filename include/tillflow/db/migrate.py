"""Bring a database to the schema this code expects: plain SQL files, applied in order, once each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from yoyo import get_backend, read_migrations

MIGRATIONS = Path(__file__).with_name("migrations")


def apply(database_url: str) -> list[str]:
    """Apply every migration that is missing; returns their names. Safe to run from several places."""
    with _locked(database_url) as backend:
        missing = backend.to_apply(read_migrations(str(MIGRATIONS)))
        backend.apply_migrations(missing)
        return [migration.id for migration in missing]


def roll_back(database_url: str) -> list[str]:
    """Undo every migration, newest first; returns their names. Data goes with the tables."""
    with _locked(database_url) as backend:
        applied = backend.to_rollback(read_migrations(str(MIGRATIONS)))
        backend.rollback_migrations(applied)
        return [migration.id for migration in applied]


@contextmanager
def _locked(database_url: str) -> Iterator[Any]:
    # yoyo names the driver in the scheme; psycopg 3 is the one installed.
    backend = get_backend(urlunsplit(urlsplit(database_url)._replace(scheme="postgresql+psycopg")))
    try:
        with backend.lock():
            yield backend
    finally:
        backend.connection.close()

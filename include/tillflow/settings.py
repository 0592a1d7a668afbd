"""Everything an operator can set, read from the environment once and checked at the door.

Standard library only. A wrong value raises `SettingsError`, whose message names the variable,
the value and what is allowed. `Settings` is frozen: pass it on, do not re-read the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder that holds `dags/`, `plugins/` and `include/`."""

PIN_SECRET_FILE = Path("secrets") / "pin_secret"
"""Where the generated PIN secret lives, below `Settings.home`."""

_MINIMUM_SECRET_BYTES = 16
_DEFAULT_MAX_MB = {"offline_sales": 256, "equipment_sync": 4096, "portal_data": 256}


class SettingsError(ValueError):
    """A setting has a value Tillflow cannot use."""

    def __init__(self, variable: str, value: str, allowed: str) -> None:
        super().__init__(f"{variable} is {value}; allowed: {allowed}")
        self.variable = variable


@dataclass(frozen=True)
class Settings:
    """Tillflow's settings. Each field says: what, variable, default, unit."""

    home: Path
    """State of the embedded stack. TILLFLOW_HOME; `<repository>/.tillflow`; absolute path."""

    database_url: str
    """Tillflow's own database. TILLFLOW_DATABASE_URL; empty = the embedded one; libpq URL."""

    storage: str
    """Inbox, archive, refused. TILLFLOW_STORAGE; `<home>/storage`; folder or fsspec URL."""

    zone: str
    """Zone of the daily run and of dates without one. TILLFLOW_ZONE; UTC; IANA name."""

    default_country: str
    """Country of addresses that name none. TILLFLOW_COUNTRY; AU; ISO 3166-1 alpha-2."""

    max_file_bytes: Mapping[str, int]
    """Largest file of each kind of import, unpacked, in bytes. TILLFLOW_MAX_OFFLINE_SALES_MB;
    256. TILLFLOW_MAX_EQUIPMENT_SYNC_MB; 4096. TILLFLOW_MAX_PORTAL_DATA_MB; 256."""

    duckdb_memory_mb: int
    """Memory the judge may use before it spills. TILLFLOW_DUCKDB_MEMORY_MB; 256; MB."""

    duckdb_threads: int
    """Threads of the judge. TILLFLOW_DUCKDB_THREADS; the machine's processors, at most 4."""

    task_niceness: int
    """How far the local stack's tasks stand back for its pages. TILLFLOW_TASK_NICENESS; 5; as `nice` counts."""

    temp_dir: Path
    """Where the judge spills and uploads wait. TILLFLOW_TEMP_DIR; `<home>/tmp`; path."""

    payment_retries: int
    """Charges after the first one that was declined softly. TILLFLOW_PAYMENT_RETRIES; 3."""

    payment_retry_seconds: int
    """From the end of one charge to the next. TILLFLOW_PAYMENT_RETRY_SECONDS; 86400; elapsed seconds."""

    payment_concurrency: int
    """Charges under way at once in one sweep. TILLFLOW_PAYMENT_CONCURRENCY; 8."""

    card_declines_per_month: int
    """Declines of one card in 30 days after which it is not tried again: card schemes fine more.
    TILLFLOW_CARD_DECLINES_PER_MONTH; 15."""

    report_recipients: tuple[str, ...]
    """Who gets the daily status report. TILLFLOW_REPORT_TO; operations@tillflow.example."""

    mail_from: str
    """Sender of every mail. TILLFLOW_MAIL_FROM; tillflow@tillflow.example."""

    _pin_secret: bytes = field(repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read and check every setting. Raises `SettingsError` for the first bad one."""
        home = _path(environ, "TILLFLOW_HOME", REPOSITORY / ".tillflow")
        return cls(
            home=home,
            database_url=_database_url(environ, "TILLFLOW_DATABASE_URL"),
            storage=_storage(environ, "TILLFLOW_STORAGE", home / "storage"),
            zone=_zone(environ, "TILLFLOW_ZONE", "UTC"),
            default_country=_country(environ, "TILLFLOW_COUNTRY", "AU"),
            max_file_bytes=MappingProxyType(
                {
                    kind: _megabytes(environ, f"TILLFLOW_MAX_{kind.upper()}_MB", default)
                    for kind, default in _DEFAULT_MAX_MB.items()
                }
            ),
            duckdb_memory_mb=_whole(environ, "TILLFLOW_DUCKDB_MEMORY_MB", 256, 128, 1_048_576),
            duckdb_threads=_whole(environ, "TILLFLOW_DUCKDB_THREADS", min(4, os.cpu_count() or 1), 1, 256),
            task_niceness=_whole(environ, "TILLFLOW_TASK_NICENESS", 5, 0, 19),
            temp_dir=_path(environ, "TILLFLOW_TEMP_DIR", home / "tmp"),
            payment_retries=_whole(environ, "TILLFLOW_PAYMENT_RETRIES", 3, 0, 100),
            payment_retry_seconds=_whole(environ, "TILLFLOW_PAYMENT_RETRY_SECONDS", 86_400, 0, 31_536_000),
            payment_concurrency=_whole(environ, "TILLFLOW_PAYMENT_CONCURRENCY", 8, 1, 256),
            card_declines_per_month=_whole(environ, "TILLFLOW_CARD_DECLINES_PER_MONTH", 15, 1, 1000),
            report_recipients=_addresses(environ, "TILLFLOW_REPORT_TO", "operations@tillflow.example"),
            mail_from=_address(environ, "TILLFLOW_MAIL_FROM", "tillflow@tillflow.example"),
            _pin_secret=environ.get("TILLFLOW_PIN_SECRET", "").encode(),
        )

    @property
    def pin_secret(self) -> bytes:
        """Key of the keyed hash that replaces every PIN. TILLFLOW_PIN_SECRET, else the file
        `<home>/secrets/pin_secret` that the stack generates; at least 16 bytes.

        Raises `SettingsError` when there is neither, or it is too short: hashing with an empty
        key would look fine and protect nothing.
        """
        variable, secret = "TILLFLOW_PIN_SECRET", self._pin_secret
        if not secret:
            path = self.home / PIN_SECRET_FILE
            variable = f"TILLFLOW_PIN_SECRET (and {path})"
            try:
                secret = path.read_bytes().strip()
            except OSError as error:
                raise SettingsError(
                    variable, "not set", "a secret of at least 16 bytes; `./tillflow up` makes one"
                ) from error
        if len(secret) < _MINIMUM_SECRET_BYTES:
            raise SettingsError(variable, f"{len(secret)} bytes long", "at least 16 bytes")
        return secret


def _text(environ: Mapping[str, str], variable: str, default: str) -> str:
    """The trimmed value; an empty one counts as not set (compose files pass `VAR=`)."""
    return environ.get(variable, "").strip() or default


def _path(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    value = _text(environ, variable, "")
    return Path(value).expanduser().absolute() if value else default


def _whole(environ: Mapping[str, str], variable: str, default: int, least: int, most: int) -> int:
    value = _text(environ, variable, str(default))
    # int() would take "1_000", "+5" and digits of other scripts too
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise SettingsError(variable, repr(value), f"a whole number from {least} to {most}")
    return int(value)


def _megabytes(environ: Mapping[str, str], variable: str, default: int) -> int:
    return _whole(environ, variable, default, 1, 1_048_576) * 1024 * 1024


def _zone(environ: Mapping[str, str], variable: str, default: str) -> str:
    value = _text(environ, variable, default)
    if value not in available_timezones():
        raise SettingsError(variable, repr(value), "an IANA zone such as Australia/Sydney")
    ZoneInfo(value)
    return value


def _country(environ: Mapping[str, str], variable: str, default: str) -> str:
    value = _text(environ, variable, default)
    if not re.fullmatch(r"[A-Z]{2}", value):
        raise SettingsError(variable, repr(value), "two capital letters (ISO 3166-1), such as AU")
    return value


def _database_url(environ: Mapping[str, str], variable: str) -> str:
    value = _text(environ, variable, "")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"postgresql", "postgres"} and parts.path not in {"", "/"}
    except ValueError:
        usable = False
    if not usable:  # the value is not shown: it may hold a password
        raise SettingsError(variable, "not a PostgreSQL URL", "postgresql://user:password@host:port/database")
    return value


def _storage(environ: Mapping[str, str], variable: str, default: Path) -> str:
    value = _text(environ, variable, str(default))
    if "://" in value:
        if re.fullmatch(r"[a-z][a-z0-9+.-]*://\S*", value):
            return value.rstrip("/")
        raise SettingsError(variable, repr(value), "a folder or a URL such as s3://bucket/folder")
    return str(Path(value).expanduser().absolute())


def _address(environ: Mapping[str, str], variable: str, default: str) -> str:
    value = _text(environ, variable, default)
    # whitespace and commas would smuggle in a second address or header
    if not re.fullmatch(r"[^\s,;<>@]+@[^\s,;<>@]+", value):
        raise SettingsError(variable, repr(value), "one mail address")
    return value


def _addresses(environ: Mapping[str, str], variable: str, default: str) -> tuple[str, ...]:
    parts = [part.strip() for part in _text(environ, variable, default).split(",")]
    return tuple(_address({variable: part}, variable, "") for part in parts if part)

"""The one door: every file comes in here, whoever brings it. It is read once, sanitised, archived, recorded.

What is on disk afterwards holds no PIN and no card number. Booking is a later step that can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn

from tillflow.codes import Kind
from tillflow.db.connection import Connection
from tillflow.db.duck import open_engine
from tillflow.db.queries import beside
from tillflow.errors import FileError, FileRefusedError, StillBeingWrittenError, UnavailableError, UnreadableFileError
from tillflow.intake.booking import record_file_errors
from tillflow.intake.card_numbers import REMOVED, holds_card_number
from tillflow.intake.dialect import Dialect, Layout, is_json_lines, read_header
from tillflow.intake.refused import keep_refused
from tillflow.intake.scan import Scan, fingerprint, scan
from tillflow.intake.source import Opener, Source
from tillflow.intake.stage import Staged, stage
from tillflow.intake.storage import ARCHIVE, Storage, safe_name
from tillflow.settings import Settings

_SQL: Final = beside(__file__, "receive.sql")
_BOOK: Final = beside(__file__, "book.sql")


@dataclass(frozen=True)
class Delivery:
    """A file on its way in.

    `source` and `version` tell where it lies and which state of it: the same delivery taken twice, after
    a task died, is one import. `uploader` is checked against the grants unless the place vouches for it.
    """

    kind: Kind
    file_name: str
    opener: Opener
    uploader: str
    source: str
    version: str
    channel: str | None = None
    is_vouched_for: bool = False
    #: false once the file at its source is no longer what was opened
    is_unchanged: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Received:
    """The import that a delivery became."""

    import_id: int
    rows: int


@dataclass(frozen=True)
class Door:
    """What receiving needs beside the delivery."""

    conn: Connection
    storage: Storage
    settings: Settings
    now: datetime
    #: may this operator hand in files of this kind, into this channel?
    may_import: Callable[[str, Kind, str | None], bool]


@dataclass
class Entry:
    """What is known of a delivery so far."""

    door: Door
    delivery: Delivery
    channel_id: int | None = None
    sha256: str = "0" * 64
    size: int = 0
    reading: dict[str, Any] = field(default_factory=dict)

    def archive_key(self, suffix: str) -> str:
        """Named by content and delivery: a rerun writes the same object again, another delivery another."""
        kind, channel = self.delivery.kind.value, self.delivery.channel
        folder = f"{ARCHIVE}/{kind}" + (f"/{channel}" if channel else "")
        delivery = hashlib.sha256(f"{self.delivery.source}\0{self.delivery.version}".encode()).hexdigest()
        return f"{folder}/{self.sha256[:12]}-{delivery[:8]}-{safe_name(self.delivery.file_name)}{suffix}"


def receive(door: Door, delivery: Delivery, layout: Layout) -> Received:
    """Take sales in: what is archived afterwards can be booked, again and again.

    Raises FileRefusedError with every error; the refusal is recorded and the file kept where it may be.
    """
    return admit(door, delivery, lambda entry, source: _archive_rows(entry, source, layout))


def admit(door: Door, delivery: Delivery, take_in: Callable[[Entry, Source], Received]) -> Received:
    """What every delivery goes through, around `take_in`, which archives and records it.

    A delivery that a task took in before it died is not taken in twice.
    """
    delivery = _without_card_number(delivery)
    entry = Entry(door, delivery)
    try:
        entry.channel_id = _channel(door, delivery)
        source = Source.of(delivery.file_name, delivery.opener, door.settings.max_file_bytes[delivery.kind])
        entry.sha256, entry.size = fingerprint(source)
        return _taken_before(entry) or take_in(entry, source)
    except FileRefusedError as refused:
        _stop_if_changed(delivery)
        _refuse(entry, refused)
    except (PermissionError, IsADirectoryError, FileNotFoundError) as error:
        text = f"{delivery.file_name} could not be read: {error.strerror}; nothing was booked"
        raise UnreadableFileError(text) from error
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise UnavailableError(f"{delivery.file_name} could not be read: {what}; nothing was booked") from error


def _archive_rows(entry: Entry, source: Source, layout: Layout) -> Received:
    door = entry.door
    scanned, dialect = _read_form(source, layout)
    entry.reading = _reading(source, scanned, dialect)
    with tempfile.TemporaryDirectory(prefix="receive-", dir=_temp_dir(door.settings)) as folder:
        staged = _stage(door, source, scanned, dialect, layout, Path(folder) / "rows.parquet")
        entry.reading |= {"first_row": staged.first_row, "blank_rows": list(staged.blank_rows)}
        key = entry.archive_key(".parquet")
        door.storage.put(staged.path, key)
    return Received(record(entry, archive_path=key), staged.rows)


def _without_card_number(delivery: Delivery) -> Delivery:
    """The delivery as it may be recorded: a name is kept too, and a digest still tells sources apart."""
    if not holds_card_number(delivery.file_name):
        return delivery
    suffix = PurePosixPath(delivery.file_name).suffix
    source = hashlib.sha256(delivery.source.encode()).hexdigest()
    return replace(delivery, file_name=f"{REMOVED}{suffix}", source=source)


def _stop_if_changed(delivery: Delivery) -> None:
    if not delivery.is_unchanged():
        text = f"{delivery.file_name} is still being written; it is taken when it is complete"
        raise StillBeingWrittenError(text)


def _channel(door: Door, delivery: Delivery) -> int | None:
    """The channel's id, after the uploader's grants were checked."""
    channel_id = None
    if delivery.kind is Kind.OFFLINE_SALES:
        found = _SQL.channel(door.conn, key=delivery.channel or "")
        if found is None:
            what = f"there is no channel {delivery.channel!r}" if delivery.channel else "no channel was named"
            text = f"{what}; name the channel that the sales came through"
            raise FileRefusedError(delivery.file_name, [FileError("unknown_channel", text)])
        channel_id = found[0]
    if not delivery.is_vouched_for and not door.may_import(delivery.uploader, delivery.kind, delivery.channel):
        where = f"into the channel {delivery.channel}" if delivery.channel else f"of kind {delivery.kind.value}"
        text = f"{delivery.uploader} may not upload files {where}; ask for the grant"
        raise FileRefusedError(delivery.file_name, [FileError("uploader_not_allowed", text)])
    return channel_id


def _taken_before(entry: Entry) -> Received | None:
    """The import of this very delivery, where a task died after recording it.

    Raises FileRefusedError where it was refused then, or where the same file came in another delivery.
    """
    delivery = entry.delivery
    refused = _SQL.refused_before(entry.door.conn, source=delivery.source, source_version=delivery.version)
    if refused is not None:
        errors = [FileError(*error) for error in _BOOK.file_errors(entry.door.conn, import_id=refused[0])]
        raise FileRefusedError(delivery.file_name, errors)
    taken = _SQL.taken_before(
        entry.door.conn,
        kind=delivery.kind.value,
        channel_id=entry.channel_id,
        sha256=entry.sha256,
        source=delivery.source,
        source_version=delivery.version,
    )
    if taken is None:
        return None
    import_id, file_name, received_at, source, version = taken
    if (source, version) == (delivery.source, delivery.version):
        return Received(import_id, 0)
    text = (
        f"the same file was imported before, as import {import_id} ({file_name}, "
        f"{received_at:%Y-%m-%d %H:%M} UTC); nothing was booked"
    )
    again = FileRefusedError(delivery.file_name, [FileError("already_imported", text)])
    again.first_import_id = import_id
    raise again


def _read_form(source: Source, layout: Layout) -> tuple[Scan, Dialect]:
    scanned = scan(source)
    if is_json_lines(scanned.head):
        if not layout.takes_json_lines:
            source.refuse("unreadable_file", "this kind of file is a CSV with a header row, not JSON Lines")
        return scanned, Dialect("json_lines", "", layout.known)
    dialect, errors = read_header(scanned.head, scanned.encoding, layout)
    if errors:
        raise FileRefusedError(source.file_name, errors)
    return scanned, dialect


def _reading(source: Source, scanned: Scan, dialect: Dialect) -> dict[str, Any]:
    """How the text was read, for the import's page."""
    warnings = []
    if scanned.encoding != "utf-8":
        warnings.append("the file is not UTF-8; it was read as Windows-1252: check names with accents")
    return {
        "packing": source.packing,
        "encoding": scanned.encoding,
        "form": dialect.form,
        "delimiter": dialect.delimiter,
        "columns": list(dialect.columns),
        "warnings": warnings,
    }


def _stage(door: Door, source: Source, scanned: Scan, dialect: Dialect, layout: Layout, target: Path) -> Staged:
    settings = door.settings
    # With less, reading and writing Parquet side by side falls back to one thread; nothing else is held now.
    memory_mb = 2 * settings.duckdb_memory_mb
    with open_engine(memory_mb=memory_mb, threads=settings.duckdb_threads, temp_dir=settings.temp_dir) as engine:
        return stage(engine, source, scanned, dialect, layout, pin_secret=settings.pin_secret, target=target)


def record(entry: Entry, *, archive_path: str | None = None, rejected: bool = False) -> int:
    """Write the import down and return its number; where another task just recorded the file, that decides."""
    door, delivery = entry.door, entry.delivery
    _stop_if_changed(delivery)
    with door.conn.transaction():
        import_id = _SQL.add_import(
            door.conn,
            kind=delivery.kind.value,
            channel_id=entry.channel_id,
            file_name=_shown_name(delivery.file_name),
            uploader=delivery.uploader,
            source=delivery.source,
            source_version=delivery.version,
            sha256=entry.sha256,
            size_bytes=entry.size,
            reading=json.dumps(entry.reading),
            at=door.now,
            archive_path=archive_path,
            rejected_at=door.now if rejected else None,
        )
        if import_id is not None and not rejected:
            _BOOK.add_event(
                door.conn, at=door.now, actor=delivery.uploader, import_id=import_id,
                action="received", reason=None, after=None,
            )  # fmt: skip
    if import_id is None:
        known = _taken_before(entry)
        assert known is not None, "an insert that conflicts has a row to conflict with"
        return known.import_id
    return int(import_id)


def _refuse(entry: Entry, refused: FileRefusedError) -> NoReturn:
    """Record the refusal once, keep the file where it may be kept, and say why."""
    door, delivery = entry.door, entry.delivery
    before = _SQL.refused_before(door.conn, source=delivery.source, source_version=delivery.version)
    if before is None:
        with door.conn.transaction():
            import_id = record(entry, rejected=True)
            record_file_errors(door.conn, import_id, refused.errors)
            _BOOK.add_event(
                door.conn, at=door.now, actor=delivery.uploader, import_id=import_id, action="refused",
                reason=f"{len(refused.errors)} file errors", after=json.dumps({"first": refused.errors[0].code}),
            )  # fmt: skip
    else:
        import_id = before[0]
    keep_refused(door.storage, door.settings, delivery, import_id, refused.errors)
    refused.import_id = import_id
    raise refused


def _shown_name(file_name: str) -> str:
    """A name as it may be shown and stored: printable, no folders, at most 255 characters."""
    printable = "".join(c if c.isprintable() else "�" for c in file_name.replace("\\", "/").rsplit("/", 1)[-1])
    return printable[-255:] or "file"


def _temp_dir(settings: Settings) -> Path:
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    return settings.temp_dir

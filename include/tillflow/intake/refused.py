"""What is kept of a refused file: the file, where it may be kept, and beside it the list of its errors.

A file of a kind that holds PINs was refused before the PINs could be taken out of it; a machine sends it
only once, so it is not thrown away but sealed with the installation's secret. A file with a card number
is not stored at all.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
from cryptography.fernet import Fernet

from tillflow.codes import Kind
from tillflow.errors import FileError, FileRefusedError
from tillflow.exports.csv_cells import write_csv
from tillflow.intake.card_numbers import holds_card_number
from tillflow.intake.judge import ImportRow
from tillflow.intake.source import BLOCK, Source
from tillflow.intake.storage import REFUSED, Storage, safe_name
from tillflow.settings import Settings

if TYPE_CHECKING:
    from tillflow.intake.receive import Delivery

_ERROR_COLUMNS: Final = ("ROW", "ERROR_CODE", "ERROR_COLUMN", "ERROR_REASON")
#: refusals that say nothing new about a file we have, or may not have
_NOT_KEPT: Final = {"card_number_present", "already_imported", "uploader_not_allowed"}
_MAY_HOLD_CARD: Final = re.compile(rb"[0-9](?:[ -]?[0-9]){12,18}")
_OVERLAP: Final = 64


def keep_refused(
    storage: Storage, settings: Settings, delivery: Delivery, import_id: int, errors: Sequence[FileError]
) -> None:
    """Store `refused/<kind>/<import>-<name>` where it may be stored, and always its `.errors.csv`."""
    key = _write_errors(storage, delivery.kind, import_id, delivery.file_name, errors)
    if _NOT_KEPT.intersection(error.code for error in errors):
        return
    try:
        source = Source.of(delivery.file_name, delivery.opener, settings.max_file_bytes[delivery.kind])
        if delivery.kind is Kind.OFFLINE_SALES and source.packing == "plain":
            if not _holds_card_number(source.packed_blocks()):
                _store(storage, settings, source.packed_blocks(), key)
        else:
            _store(storage, settings, _sealed(source.packed_blocks(), settings.pin_secret), f"{key}.sealed")
    except (OSError, FileRefusedError):
        return  # there is nothing to keep: a directory, a file that went away


def move_to_refused(
    engine: duckdb.DuckDBPyConnection,
    storage: Storage,
    settings: Settings,
    row: ImportRow,
    errors: Sequence[FileError],
) -> None:
    """Move an archived file that the rules refused: its rows as CSV, sanitised as they were archived."""
    if row.archive_path is None or not storage.exists(row.archive_path):
        return
    key = _write_errors(storage, row.kind, row.id, row.file_name, errors)
    with (
        storage.local_copy(row.archive_path, settings.temp_dir) as archive,
        tempfile.TemporaryDirectory(dir=settings.temp_dir) as folder,
    ):
        copy = Path(folder) / "rows.csv"
        engine.read_parquet(str(archive)).write_csv(str(copy))
        storage.put(copy, key if key.endswith(".csv") else f"{key}.csv")
    storage.remove(row.archive_path)


def _write_errors(storage: Storage, kind: str, import_id: int, file_name: str, errors: Sequence[FileError]) -> str:
    """Store the list of errors; returns the key beside which it stands."""
    key = f"{REFUSED}/{kind}/{import_id}-{safe_name(file_name)}"
    lines = [
        (error.row, error.code, error.column, f"{error.file}: {error.message}" if error.file else error.message)
        for error in errors
    ]
    storage.write(f"{key}.errors.csv", write_csv(lines, _ERROR_COLUMNS))
    return key


def unseal(lines: Iterable[bytes], secret: bytes) -> Iterator[bytes]:
    """The bytes of a sealed file, block by block."""
    box = Fernet(_key(secret))
    return (box.decrypt(line.strip()) for line in lines)


def _sealed(blocks: Iterable[bytes], secret: bytes) -> Iterator[bytes]:
    box = Fernet(_key(secret))
    return (box.encrypt(block) + b"\n" for block in blocks)


def _key(secret: bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"refused files:" + secret).digest())


def _holds_card_number(blocks: Iterable[bytes]) -> bool:
    """Look through text of unknown structure; blocks overlap so that no number is cut in two."""
    tail = b""
    for block in blocks:
        text = tail + block
        for found in _MAY_HOLD_CARD.finditer(text):
            around = text[max(found.start() - _OVERLAP, 0) : found.end() + _OVERLAP]
            if holds_card_number(around.decode("latin-1")):
                return True
        tail = block[-_OVERLAP:]
    return False


def _store(storage: Storage, settings: Settings, blocks: Iterable[bytes], key: str) -> None:
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=settings.temp_dir, buffering=BLOCK, delete=False) as copy:
        for block in blocks:
            copy.write(block)
    storage.put(Path(copy.name), key)

"""Portal data through the one door: recorded as an import, loaded all or nothing, archived without PINs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from tillflow.db.queries import beside
from tillflow.intake.receive import Delivery, Door, Entry, Received, admit, record
from tillflow.intake.source import Source
from tillflow.portal.load_portal_data import PortalLoad, load_portal_data
from tillflow.portal.read_files import read_files
from tillflow.portal.without_pins import without_pins

_SQL: Final = beside(__file__, "import_portal_data.sql")


def import_portal_data(door: Door, delivery: Delivery) -> Received:
    """Load a `.zip` of tables or one table. Raises FileRefusedError with every error; nothing is loaded then."""
    return admit(door, delivery, _load)


def _load(entry: Entry, source: Source) -> Received:
    door, delivery = entry.door, entry.delivery
    content = b"".join(source.packed_blocks())
    files = read_files(content, name=delivery.file_name, max_bytes=source.max_bytes)
    key = entry.archive_key("" if delivery.file_name.endswith(".zip") else ".zip")
    with door.conn.transaction():
        import_id = record(entry, archive_path=key)
        load = load_portal_data(
            door.conn,
            files,
            actor=delivery.uploader,
            now=door.now,
            pin_secret=door.settings.pin_secret,
            zone=door.settings.zone,
        )
        _SQL.mark_loaded(
            door.conn, import_id=import_id, actor=delivery.uploader, at=door.now, counts=json.dumps(_counts(load))
        )
        # Last, so that a refused file leaves nothing in the archive, and before the commit that names it.
        door.storage.write(key, _zipped(without_pins(files)))
    return Received(import_id, sum(count.read for count in load.counts.values()))


def _counts(load: PortalLoad) -> Mapping[str, Mapping[str, int]]:
    return {table: asdict(count) for table, count in load.counts.items()}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()

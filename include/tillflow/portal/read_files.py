"""What was uploaded as portal data -> the CSV files in it: a zip of tables, or one table. Reads no rows."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from tillflow.errors import FileError, FileRefusedError
from tillflow.portal.tables import TABLES, table_of

MAX_BYTES: Final = 256 << 20
_MAX_ENTRIES: Final = 100
#: CSV seldom packs better than 1:30; a small file may, and can do no harm
_MAX_RATIO: Final = 200
_RATIO_COUNTS_FROM: Final = 1 << 20
_BLOCK: Final = 1 << 20
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NAMES: Final = ", ".join(f"{table.name}.csv" for table in TABLES)


def read_files(source: Path | bytes, *, name: str | None = None, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """`portal.zip` or `customers.csv` -> {"customers.csv": its bytes, ...}, unpacked at most `max_bytes`.

    `name` is the file's name where only its bytes are given. Folders in a zip are allowed and mean
    nothing; dotfiles and macOS's `__MACOSX/` are left out. Raises FileRefusedError with every error.
    """
    file_name = name or (source.name if isinstance(source, Path) else "")
    if (source.stat().st_size if isinstance(source, Path) else len(source)) > max_bytes:
        raise FileRefusedError(file_name, [_too_large(max_bytes)])
    content = source.read_bytes() if isinstance(source, Path) else source
    if file_name.lower().endswith(".zip"):
        return _unzip(file_name, content, max_bytes)
    if not file_name.lower().endswith(".csv") or (table := table_of(file_name)) is None:
        message = f"portal data is a .zip, or one of {_NAMES}"
        raise FileRefusedError(file_name, [FileError("unknown_table", message, file=file_name)])
    return {f"{table.name}.csv": content}


def _unzip(file_name: str, content: bytes, max_bytes: int) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not _is_left_out(entry)]
            errors = _directory_errors(entries, max_bytes)
            if errors:
                raise FileRefusedError(file_name, errors)
            return _contents(archive, entries, max_bytes, file_name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as damage:
        message = "the zip is damaged or cut off; pack it again"
        raise FileRefusedError(file_name, [FileError("unreadable_file", message)]) from damage


def _is_left_out(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    hidden = path.name.startswith(".") and not path.name.startswith("..")
    return entry.is_dir() or path.parts[:1] == ("__MACOSX",) or hidden


def _directory_errors(entries: list[zipfile.ZipInfo], max_bytes: int) -> list[FileError]:
    """Everything that can be said before a byte is unpacked."""
    if not entries:
        return [FileError("empty_file", f"the zip holds no table; it may hold {_NAMES}")]
    if len(entries) > _MAX_ENTRIES:
        message = f"the zip holds {len(entries):,} files; there are {len(TABLES)} tables"
        return [FileError("too_large", message)]
    errors = [error for entry in entries if (error := _entry_error(entry)) is not None]
    if sum(entry.file_size for entry in entries) > max_bytes:
        errors.append(_too_large(max_bytes))
    first: dict[str, str] = {}
    for entry in entries:
        table = table_of(PurePosixPath(entry.filename).name)
        if table is not None and first.setdefault(table.name, entry.filename) != entry.filename:
            message = f"{table.name}.csv is in the zip twice, first as {_shown(first[table.name])}"
            errors.append(FileError("duplicate_table", message, file=_shown(entry.filename)))
    names = [entry.filename for entry in entries]
    errors += [
        FileError("duplicate_table", "the name is in the zip twice", file=_shown(name))
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return errors


def _entry_error(entry: zipfile.ZipInfo) -> FileError | None:
    path = PurePosixPath(entry.filename)
    shown = _shown(entry.filename)
    # the name as packed: zipfile cuts filename at a NUL and turns the system's separator into /
    packed = entry.orig_filename
    unsafe = path.is_absolute() or ".." in path.parts or any(letter in packed for letter in "\\:\0")
    if unsafe or stat.S_ISLNK(entry.external_attr >> 16):
        return FileError("unsafe_name", "the name leaves the zip, or is a link", file=shown)
    if entry.flag_bits & _ENCRYPTED:
        return FileError("encrypted_zip", "the file is encrypted; pack it without a password", file=shown)
    if not path.name.lower().endswith(".csv") or table_of(path.name) is None:
        return FileError("unknown_table", f"no table of portal data; there are {_NAMES}", file=shown)
    if entry.compress_type not in _METHODS:
        return FileError("unreadable_file", "packed in an unusual way; use an ordinary zip", file=shown)
    if entry.file_size > max(_RATIO_COUNTS_FROM, _MAX_RATIO * entry.compress_size):
        return FileError("too_large", "the file unpacks to far more than a table would", file=shown)
    return None


def _contents(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], max_bytes: int, file_name: str
) -> dict[str, bytes]:
    """Unpacks with a count of its own: what the zip says of its sizes may be a lie."""
    files: dict[str, bytes] = {}
    left = max_bytes
    for entry in entries:
        unpacked = bytearray()
        with archive.open(entry) as packed:
            while block := packed.read(min(_BLOCK, left + 1)):
                unpacked += block
                left -= len(block)
                if left < 0:
                    raise FileRefusedError(file_name, [_too_large(max_bytes)])
        files[PurePosixPath(entry.filename).name.lower()] = bytes(unpacked)
    return files


def _too_large(max_bytes: int) -> FileError:
    return FileError("too_large", f"unpacked it is larger than {max_bytes >> 20} MB; split it")


def _shown(name: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= 80 else printable[:79] + "…"

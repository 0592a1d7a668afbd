"""Errors are rare and named; a bad row is data. The message of an error is what a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TillflowError(Exception):
    """Something a person has to know: the text says what happened, where, and what to do next."""


class UnavailableError(TillflowError):
    """The database or the storage does not answer: nothing was booked, trying again is safe."""


class UnreadableFileError(TillflowError):
    """This one file cannot be opened: its rights or its kind have to be repaired; others are not affected."""


class StillBeingWrittenError(TillflowError):
    """The file changed while it was read: it stays where it is and is taken when it is complete."""


class BrokenBalanceError(TillflowError):
    """Rows read and rows booked differ: the transaction was rolled back. This is a defect of ours."""


@dataclass(frozen=True, slots=True)
class FileError:
    """Why a file is refused: a stable code, where, and the sentence for the operator.

    `row` counts as a spreadsheet does: the header is row 1.
    """

    code: str
    message: str
    row: int | None = None
    column: str | None = None
    #: the name of the file inside a zip, where there are several
    file: str | None = None


class FileRefusedError(TillflowError):
    """The file is refused as a whole and nothing of it was booked; all its errors are listed."""

    def __init__(self, file_name: str, errors: Sequence[FileError]) -> None:
        self.file_name = file_name
        self.errors = list(errors)
        #: the import under which the refusal is recorded, once it is
        self.import_id: int | None = None
        #: the import as which the same file came before, where that is why
        self.first_import_id: int | None = None
        first = errors[0]
        where = f" (row {first.row})" if first.row else ""
        more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        super().__init__(f"{file_name} was refused: {first.code}{where}: {first.message}{more}")

"""What the upload pages share: a form that takes a file, and shows everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import HTTPException

from tillflow.errors import FileError, FileRefusedError, UnavailableError
from tillflow.intake.booking import Booked
from tillflow.intake.file_errors import FILE_ERRORS
from tillflow.web.uploads import Upload

Action = Literal["import", "preview"]
#: errors of a file on one page; the page of the refused import has the others
MOST_ERRORS: Final = 200
#: of a file's own: what a person can correct and send again from the form
_ON_THE_FORM: Final = frozenset({408, 413, 422})


@dataclass(frozen=True, slots=True)
class ShownError:
    """One error of a file with what to do next."""

    error: FileError
    action: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a file was not taken: its first errors in full, all of them counted by code.

    `import_id`: under which the refusal is recorded; `first_import_id`: as which the same file came before.
    """

    file_name: str
    shown: tuple[ShownError, ...]
    counts: tuple[tuple[str, int], ...]
    import_id: int | None = None
    first_import_id: int | None = None

    @property
    def total(self) -> int:
        """How many errors there are."""
        return sum(count for _, count in self.counts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an upload page shows above its form, and the status it answers with."""

    status: int = 200
    refused: Refused | None = None
    preview: Booked | None = None
    file_name: str = ""
    problem: str = ""


def action_of(upload: Upload) -> Action:
    """Which button was pressed; a form that names none imports."""
    return "preview" if upload.fields.get("action") == "preview" else "import"


def refused_page(refusal: FileRefusedError) -> Outcome:
    """The errors of a refused file."""
    errors = refusal.errors
    found = Refused(
        refusal.file_name,
        shown_errors(errors[:MOST_ERRORS]),
        tuple(Counter(error.code for error in errors).most_common()),
        refusal.import_id,
        refusal.first_import_id,
    )
    return Outcome(409 if refusal.first_import_id else 422, refused=found, file_name=refusal.file_name)


def shown_errors(errors: Sequence[FileError]) -> tuple[ShownError, ...]:
    """Errors with what to do about each; codes of a table's own rules say it in their message."""
    texts = {code: text.action for code, text in FILE_ERRORS.items()}
    return tuple(ShownError(error, texts.get(error.code, "")) for error in errors)


def problem_page(error: HTTPException | UnavailableError) -> Outcome:
    """The form again, with what stood in the way. Raises what is no matter of the file: grants, channels."""
    if isinstance(error, UnavailableError):
        return Outcome(503, problem=str(error))
    if error.status_code not in _ON_THE_FORM:
        raise error
    return Outcome(error.status_code, problem=str(error.detail))

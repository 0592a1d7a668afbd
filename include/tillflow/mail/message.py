"""A mail as a value: what it says and to whom. Once it exists it is safe to put into headers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tillflow.errors import TillflowError

# control characters and line separators end a header; direction overrides disguise a file name
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
# blanks, commas and brackets would smuggle in a second address or header
_ADDRESS: Final = re.compile(r"[^\s,;<>@\x00-\x1f\x7f]+@[^\s,;<>@\x00-\x1f\x7f]+")
_CONTENT_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]+")


class UnusableMailError(TillflowError):
    """A mail without a recipient, or with an address or an attachment that cannot be written."""


def one_line(text: str) -> str:
    """`text` on one line, without control characters: fit for a header, a list or a log."""
    return _UNPRINTABLE.sub(" ", text).strip()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail; `content_type` such as `text/csv`."""

    name: str
    content_type: str
    content: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name).replace("/", "_").replace("\\", "_"))
        if not self.name:
            raise UnusableMailError("an attachment needs a file name")
        if not _CONTENT_TYPE.fullmatch(self.content_type):
            raise UnusableMailError(f"{self.content_type!r} is no content type")


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent, to whom. The subject is brought onto one line, a bad address is refused."""

    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", one_line(self.subject))
        if not self.recipients:
            raise UnusableMailError("a mail needs a recipient")
        if not all(map(_ADDRESS.fullmatch, self.recipients)):
            # which one is not said: addresses do not belong into logs
            raise UnusableMailError("a recipient is not one mail address")

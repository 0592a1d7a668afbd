"""The file errors: why a file is refused before any row of it is judged, and what to do about it.

The message of an error says where and how much; these texts are for the pages that explain the codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FileErrorText:
    """What a code means and what its reader does next."""

    meaning: str
    action: str


FILE_ERRORS: Final = {
    "unreadable_file": FileErrorText(
        "the gzip data or the workbook is damaged or cut off, or a line has not the form of the others",
        "make the file again and send it again",
    ),
    "empty_file": FileErrorText("there is no header, or no row below it", "send the file that has the rows"),
    "too_large": FileErrorText(
        "unpacked the file is larger than its kind may be, or it unpacks to more than 200 times its size",
        "split it, or raise the limit in the settings",
    ),
    "not_text": FileErrorText(
        "the file is neither UTF-8 nor Windows-1252: UTF-16, UTF-32, a NUL byte, or no text at all",
        "save it as UTF-8",
    ),
    "line_too_long": FileErrorText("a line is longer than 1 MB", "look for line breaks that got lost"),
    "missing_header": FileErrorText("a required column is missing, or a column has no name", "correct the header"),
    "duplicate_header": FileErrorText("a column stands twice", "rename or remove one of them"),
    "forbidden_header": FileErrorText("a column may not be in the file; the message says why", "remove the column"),
    "too_many_columns": FileErrorText("the header has more than 200 columns", "remove what nobody asked for"),
    "ragged_row": FileErrorText(
        "a row has more or fewer fields than the header; often a delimiter inside a value",
        "put the value in quotes, or complete the row",
    ),
    "unbalanced_quote": FileErrorText("a quote is opened and never closed", "close it, or double it where it is text"),
    "card_number_present": FileErrorText(
        "a field holds a payment card number; the file was not stored",
        "replace the number by the gateway's token, and delete the file wherever else it lies",
    ),
    "already_imported": FileErrorText(
        "the very same file was imported before; the message names that import",
        "nothing, where it was sent twice by mistake",
    ),
    "uploader_not_allowed": FileErrorText(
        "the person may not hand in files of this kind, or into this channel", "ask for the grant"
    ),
    "unknown_channel": FileErrorText(
        "there is no channel of that name, or none was named", "name the channel, or add it to the portal data"
    ),
    "too_many_row_errors": FileErrorText(
        "more rows are in error than the channel allows", "correct the rows, or raise the channel's max_row_errors"
    ),
}

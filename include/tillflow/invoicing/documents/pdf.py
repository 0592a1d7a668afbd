"""The invoice as a PDF that everybody can read: tagged (PDF/UA-1), the same on every machine.

Typst sets `invoice.typ`, which takes everything from one JSON document: names are data and never
markup. Only the fonts embedded in typst are used, so a server without fonts makes the same pages.
They cover Latin, Greek, Cyrillic, Hebrew and Arabic scripts; a character they lack shows as a box, and the
PDF does not claim PDF/UA then. `fonts` adds folders of fonts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillflow.errors import TillflowError
from tillflow.invoicing.documents.page import page_data
from tillflow.invoicing.model import Invoice

_TEMPLATE: Final = Path(__file__).with_name("invoice.typ")
_ACCESSIBLE: Final = "ua-1"
#: what typst says of a character that no font has, where a standard forbids that
_NO_GLYPH: Final = "could not be displayed"
_NO_PICTURE: Final = re.compile(r"failed to (?:decode|parse|load)\b|unknown image format")
_LOGO_FORMATS: Final = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}


class UnusableLogoError(TillflowError):
    """The logo is no picture that typst can read: the invoice waits for another one."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture for the seller's corner: PNG, JPEG or SVG."""

    content: bytes

    @property
    def format(self) -> str:
        """By its first bytes; everything else is taken for SVG."""
        return next((name for start, name in _LOGO_FORMATS.items() if self.content.startswith(start)), "svg")


def invoice_pdf(invoice: Invoice, logo: Logo | None = None, fonts: Sequence[Path] = ()) -> bytes:
    """The pages of an invoice, a credit note or a draft. The same invoice gives the same bytes."""
    import typst  # 80 MB; a DAG file is parsed every few seconds and must not pay for it

    picture = {"format": logo.format, "bytes": list(logo.content)} if logo else None
    compiler = typst.Compiler(
        _TEMPLATE,
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=list(fonts)),
        sys_inputs={"data": json.dumps(page_data(invoice) | {"logo": picture})},
    )
    try:
        pages = compiler.compile(format="pdf", pdf_standards=[_ACCESSIBLE], timestamp=0)
    except typst.TypstError as error:
        if logo and _NO_PICTURE.search(str(error)):
            why = " ".join(str(error).split())
            raise UnusableLogoError(f"the logo cannot be printed: {why}; give a PNG, JPEG or SVG") from error
        if _NO_GLYPH not in str(error):
            raise
        pages = compiler.compile(format="pdf", timestamp=0)
    assert isinstance(pages, bytes)  # a list only where each page is a picture
    return pages

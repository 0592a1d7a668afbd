"""The two bodies of a mail from templates that stand beside whoever writes it.

`<name>.html` is escaped, `<name>.txt` is not and must put everything that others named through
`one_line`. Both may use the blocks and macros in `mail/templates`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from tillflow.mail.message import one_line
from tillflow.money import from_minor

_SHARED = Path(__file__).with_name("templates")


def render(folder: Path, name: str, **values: Any) -> tuple[str, str]:
    """Text and HTML of the mail `name`, whose templates are in `folder`. An unknown name raises."""
    environment = _environment(folder)
    text = environment.get_template(f"{name}.txt").render(values)
    return text.strip() + "\n", environment.get_template(f"{name}.html").render(values)


def counted(number: int, noun: str) -> str:
    """`counted(2, "file")` -> `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def money(minor: int, currency: str) -> str:
    """`money(250, "AUD")` -> `2.50 AUD`."""
    return f"{from_minor(minor, currency)} {currency}"


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        # everything is escaped, except what is plain text by its name
        autoescape=select_autoescape(enabled_extensions=("html",), disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"one_line": one_line, "counted": counted, "money": money}
    return environment

"""Templates to pages: everything escaped, an unknown name an error, the menu cut to what the person may see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.types import Scope

from tillflow.money import from_minor
from tillflow.web.grants import Desk
from tillflow.web.menu import MENU
from tillflow.web.pages.flash import forget, waiting

STATIC: Final = Path(__file__).with_name("static")
_TEMPLATES: Final = Path(__file__).with_name("templates")


def render(request: Request, desk: Desk, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page, with the menu and what the last request had to say."""
    said = waiting(request, desk.person)
    known = {
        "link": lambda path, **query: href(request, path, **query),
        "menu": [entry for entry in MENU if desk.holds(*entry.capabilities)],
        "here": _local(request.scope),
        "person": desk.person,
        "flashes": said,
        "desk": desk,
    }
    response = HTMLResponse(environment().get_template(template).render(known | values), status)
    if said:
        forget(request, response)
    return response


def render_error(scope: Scope, status: int, messages: Sequence[Any]) -> str:
    """The page of an error, for whoever it is."""
    root = scope.get("root_path", "")
    return (
        environment()
        .get_template("error.html")
        .render(
            link=lambda path, **query: f"{root}/{address(path, **query)}",
            menu=[],
            here="",
            person="",
            flashes=(),
            status=status,
            messages=messages,
        )
    )


def href(request: Request, path: str, **query: object) -> str:
    """The address of a path below /tillflow, without a host: right in Airflow's frame and behind a proxy.

    Of `query` what is None or blank is left out; `from_` is written `from`.
    """
    return f"{request.scope['root_path']}/{address(path, **query)}"


def address(path: str, **query: object) -> str:
    """The same below /tillflow, as `see_other` takes it."""
    told = {name.rstrip("_"): value for name, value in query.items() if value is not None and value != ""}
    return quote(path) + (f"?{urlencode(told, doseq=True)}" if told else "")


def in_zone(moment: datetime | None, zone: str | None) -> Markup:
    """`<time>` with the moment as a person of that zone reads it, the zone named; a dash for none."""
    if moment is None:
        return Markup("&ndash;")
    local = moment.astimezone(ZoneInfo(zone or "UTC"))
    return Markup('<time datetime="{}">{} {}</time>').format(
        moment.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M}", zone or "UTC"
    )


def money(minor: int, currency: str) -> Markup:
    """`250, "AUD"` -> `2.50 AUD`, which does not break in the middle."""
    return Markup('<span class="money">{}&nbsp;{}</span>').format(from_minor(minor, currency), currency)


def masked(value: str | None) -> str:
    """A card or reference number of which only the end may be shown."""
    return "" if not value else f"…{value[-4:]}" if len(value) > 8 else "…"


@cache
def environment() -> Environment:
    """Jinja, for pages."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "money": money,
        "in_zone": in_zone,
        "masked": masked,
        "words": _words,
        "instant": datetime.fromisoformat,
        "combined": _combined,
    }
    made.globals["version"] = _version()
    return made


def _words(code: str) -> str:
    """A code as words: `unknown_user` -> `unknown user`."""
    return str(escape(code)).replace("_", " ")


def _combined(one: Mapping[str, object], **others: object) -> dict[str, object]:
    """A query with other values in it."""
    return {**one, **others}


def _local(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", "")).lstrip("/")


@cache
def _version() -> str:
    """Changes whenever a static file does, so that browsers may keep them."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:10]

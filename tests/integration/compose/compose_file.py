"""Reads docker-compose.yaml as compose would: merge keys, and variables put into the parsed text."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tillflow.settings import REPOSITORY

FILE = REPOSITORY / "docker-compose.yaml"
SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
"""The Compose Specification's own schema (Apache License 2.0, beside it)."""

_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:\?|\?|:-|-)(?P<word>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*)|(?P<bad>))"
)


class MissingVariableError(Exception):
    """`${NAME:?message}` without a value: compose stops with these words."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"required variable {name} is missing a value: {message}")


def raw() -> dict[str, Any]:
    """The file with its merge keys done and its variables as written."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def interpolated(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file as compose runs it with these variables. Raises `MissingVariableError`."""
    result: dict[str, Any] = interpolate(raw(), environ)
    return result


def interpolate(node: Any, environ: Mapping[str, str]) -> Any:
    """`node` with `$$`, `${X}`, `${X-y}`, `${X:-y}`, `${X?y}`, `${X:?y}` in every text replaced; keys stay."""
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: _value(match, environ), node)
    if isinstance(node, dict):
        return {key: interpolate(value, environ) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolate(item, environ) for item in node]
    return node


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    name = match["name"] or match["bare"]
    if not name:
        raise ValueError(f"{match.string!r} has a $ that names no variable; compose would refuse it")
    how, word, value = match["how"] or "", match["word"] or "", environ.get(name)
    if value is not None and (value or not how.startswith(":")):
        return value
    if how.endswith("?"):
        raise MissingVariableError(name, word)
    return word


def variables(node: Any) -> Iterator[tuple[str, str, str]]:
    """(name, operator, word) of every variable the file uses."""
    if isinstance(node, str):
        for match in _VARIABLE.finditer(node):
            if match["name"] or match["bare"]:
                yield match["name"] or match["bare"], match["how"] or "", match["word"] or ""
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from variables(item)


def image_environment() -> dict[str, str]:
    """What our Dockerfile adds to the environment of every container."""
    lines = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    pairs = [part for line in lines if line.startswith("ENV ") for part in shlex.split(line)[1:]]
    return dict(pair.split("=", 1) for pair in pairs)

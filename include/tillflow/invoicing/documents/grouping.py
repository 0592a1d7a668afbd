"""Lines summed up where there are more of them than a document can take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tillflow.invoicing.model import Line

#: what lines are summed by, from fine to coarse; the last leaves two groups per tax rate
_GRAINS: Final = (
    ("part", "tax_category", "tax_rate_bp", "site", "product"),
    ("part", "tax_category", "tax_rate_bp", "site", "equipment"),
    ("part", "tax_category", "tax_rate_bp", "site"),
    ("part", "tax_category", "tax_rate_bp"),
)


def grouped(lines: Sequence[Line], most: int | None = None) -> list[list[Line]]:
    """Each line by itself, or the finest groups of which there are at most `most`.

    The lines of a group share part and tax, so that sums of groups are the invoice's. Groups stand in
    the order of their first lines.
    """
    groups = [[line] for line in lines]
    for fields in _GRAINS:
        if most is None or len(groups) <= most:
            break
        groups = _by(lines, fields)
    return groups


def shared(lines: Iterable[Line], text_of: Callable[[Line], str]) -> str:
    """What all the lines have in common, or nothing."""
    texts = {text_of(line) for line in lines}
    return texts.pop() if len(texts) == 1 else ""


def _by(lines: Sequence[Line], fields: tuple[str, ...]) -> list[list[Line]]:
    groups: dict[tuple[object, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(getattr(line, field) for field in fields), []).append(line)
    return list(groups.values())

"""The rule catalogue: each rule stands once, in a `rules.duckdb.sql`, and everything else is made from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import pyarrow as pa

_HEADER = re.compile(r"^-- (\w+): (.*)$")


class Severity(StrEnum):
    """What a broken rule does: critical refuses the file, warning makes the row an exception."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True)
class Native:
    """The rule once more, as Great Expectations says it: `match` a pattern, `in_set`, `not_null`, `unique`."""

    form: str
    argument: str

    @property
    def values(self) -> list[str]:
        """The members of an `in_set`."""
        return self.argument.split()


@dataclass(frozen=True)
class Rule:
    """A stable code and column, the texts for people, and the predicate that is true where it is broken."""

    bit: int
    code: str
    column: str
    severity: Severity
    title: str
    message: str
    action: str
    predicate: str
    #: the relation the predicate speaks of: `facts` of a row, or its `standing` among earlier rows
    over: str
    natives: tuple[Native, ...]

    @property
    def name(self) -> str:
        """Unique in the catalogue: a code may speak of several columns."""
        return f"{self.code}__{self.column}"


@dataclass(frozen=True)
class Catalogue:
    """All rules of one kind of file."""

    rules: tuple[Rule, ...]

    def mask(self, over: str) -> str:
        """SQL of a bit mask of the broken rules that speak of one relation; null counts as not broken."""
        terms = (
            f"(coalesce(({rule.predicate}), false)::bigint << {rule.bit})" for rule in self.rules if rule.over == over
        )
        return "(" + "\n    | ".join(terms) + ")"

    def bits(self, *codes: str) -> int:
        """The mask that has the bits of these codes."""
        return sum(1 << rule.bit for rule in self.rules if rule.code in codes)

    @property
    def critical_bits(self) -> int:
        """The mask of the rules that refuse a file."""
        return sum(1 << rule.bit for rule in self.rules if rule.severity is Severity.CRITICAL)

    def table(self) -> pa.Table:
        """bit, code: for the engine, to name what a mask holds."""
        bits = pa.array([rule.bit for rule in self.rules], pa.int32())
        return pa.table({"bit": bits, "code": [rule.code for rule in self.rules]})


@cache
def load_catalogue(path: Path) -> Catalogue:
    """Read a `rules.duckdb.sql`. Raises ValueError where a rule lacks a part."""
    blocks = re.split(r"^(?=-- rule: )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    rules = tuple(_rule(bit, block) for bit, block in enumerate(blocks))
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError(f"{path.name}: a rule stands twice for one column")
    return Catalogue(rules)


def _rule(bit: int, block: str) -> Rule:
    lines = block.strip().splitlines()
    headers = [match.groups() for line in lines if (match := _HEADER.match(line))]
    head = {key: value.strip() for key, value in headers}
    predicate = "\n".join(line for line in lines if not line.startswith("--")).strip()
    if missing := {"rule", "column", "severity", "title", "message", "action"} - head.keys():
        raise ValueError(f"rule {head.get('rule')}: no {', '.join(sorted(missing))}")
    return Rule(
        bit=bit,
        code=head["rule"],
        column=head["column"],
        severity=Severity(head["severity"]),
        title=head["title"],
        message=head["message"],
        action=head["action"],
        predicate=predicate,
        over=head.get("over", "facts"),
        natives=_natives(headers),
    )


def _natives(headers: Sequence[tuple[str | None, ...]]) -> tuple[Native, ...]:
    natives = (value or "" for key, value in headers if key == "native")
    return tuple(Native(*[*native.strip().split(" ", 1), ""][:2]) for native in natives)

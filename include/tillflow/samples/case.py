"""A row in the making, and what must become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from tillflow.codes import Verdict


class NothingToShowError(Exception):
    """The portal data has nothing that this row could be made of."""


@dataclass
class Case:
    """A row and what must become of it."""

    fields: dict[str, str]
    currency: str
    minor: int
    verdict: Verdict = Verdict.SALE
    reasons: set[str] = field(default_factory=set)
    #: every value can be read, so the row can be spelt otherwise or contradicted
    readable: bool = True

    def set(self, **fields: str) -> Self:
        """Write these fields; what becomes of the row stays."""
        self.fields.update(fields)
        return self

    def fails(self, *reasons: str, **fields: str) -> Self:
        """Write these fields, which breaks these rules."""
        self.fields.update(fields)
        self.reasons.update(reasons)
        self.verdict = Verdict.EXCEPTION
        self.readable = self.readable and "malformed_row" not in reasons
        return self

    def worth(self, minor: int, currency: str | None = None) -> Self:
        """The money of the row, where the change has touched it."""
        self.minor = minor
        self.currency = currency or self.currency
        return self

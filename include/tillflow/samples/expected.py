"""What must become of a row, and the sums the balance needs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from tillflow.codes import Verdict


@dataclass(frozen=True, slots=True)
class Expected:
    """The verdict of one row and its money.

    `row_no` counts as a spreadsheet does. `amount_minor` is signed, in minor units of `currency`;
    a row whose money cannot be read has 0, under `XXX` where the currency is what is unreadable.
    """

    row_no: int
    verdict: Verdict
    reasons: frozenset[str]
    currency: str
    amount_minor: int


@dataclass(slots=True)
class Balance:
    """Rows and money of a file by verdict: `rows read` is the sum over all verdicts."""

    #: verdict -> rows
    rows: dict[str, int] = field(default_factory=dict)
    #: verdict -> currency -> minor units
    money: dict[str, dict[str, int]] = field(default_factory=dict)
    #: reason code -> rows that carry it
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """All rows."""
        return sum(self.rows.values())

    def by_currency(self) -> dict[str, int]:
        """currency -> minor units, over all verdicts."""
        total: dict[str, int] = {}
        for amounts in self.money.values():
            for currency, minor in amounts.items():
                total[currency] = total.get(currency, 0) + minor
        return total

    def add(self, verdict: str, currency: str, minor: int, rows: int = 1) -> None:
        """Count `rows` rows that together are worth `minor`."""
        self.rows[verdict] = self.rows.get(verdict, 0) + rows
        amounts = self.money.setdefault(verdict, {})
        amounts[currency] = amounts.get(currency, 0) + minor


def balance(rows: Iterable[Expected]) -> Balance:
    """The balance of these rows."""
    total = Balance()
    for row in rows:
        total.add(row.verdict.value, row.currency, row.amount_minor)
        for reason in row.reasons:
            total.reasons[reason] = total.reasons.get(reason, 0) + 1
    return total


class KeysSeen:
    """Every key that was ever read, with every content it came with."""

    def __init__(self) -> None:
        self._contents: dict[Hashable, set[Hashable]] = {}

    def place(self, key: Hashable, content: Hashable) -> Literal["first", "duplicate", "conflict"]:
        """Remember the row, and say what it is: the first row of a key stands for ever."""
        seen = self._contents.get(key)
        if seen is None:
            self._contents[key] = {content}
            return "first"
        if content in seen:
            return "duplicate"
        seen.add(content)
        return "conflict"

    def copy(self) -> KeysSeen:
        """A second memory that can be thrown away when the file is refused."""
        other = KeysSeen()
        other._contents = {key: set(contents) for key, contents in self._contents.items()}
        return other

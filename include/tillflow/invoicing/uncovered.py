"""Sales that are in no draft and no standing invoice: nothing billable is forgotten without being seen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside

_SQL: Final = beside(__file__, "uncovered.sql")


class Why(StrEnum):
    """Why a sale is uncovered."""

    #: later than every range so far
    NEXT = "next"
    #: between ranges, before the first one, or freed by a credit note
    GAP = "gap"
    #: committed after the draft of its range was prepared
    DRAFT = "draft"
    #: committed after the posted invoice of its range was prepared
    MISSED = "missed"


_WHAT_TO_DO: Final = {
    Why.NEXT: "the next range takes them",
    Why.GAP: "no range covers them: prepare one that does",
    Why.DRAFT: "the draft of their range is older: prepare it again",
    Why.MISSED: "recorded while their invoice was prepared: the next range takes them, or prepare their range again",
}


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Sales of one customer that are uncovered for the same reason; without tax, in minor units."""

    customer: str
    currency: str
    why: Why
    sale_rows: int
    amount_minor: int
    #: the later of vend and recording, of the first and the last of them
    first_at: datetime
    last_at: datetime

    @property
    def what_to_do(self) -> str:
        """A sentence for the operator."""
        return _WHAT_TO_DO[self.why]


def uncovered(conn: Connection, customers: Sequence[str] | None = None) -> list[Uncovered]:
    """The uncovered sales of these customers (None: of all), summed up."""
    found = _SQL.uncovered(conn, customers=None if customers is None else list(customers))
    return [Uncovered(customer, currency, Why(why), *rest) for customer, currency, why, *rest in found]

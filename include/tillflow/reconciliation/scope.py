"""What a reconciliation looks at: whose exceptions, and which of their reasons it may clear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Users of one customer, or products and place of one machine."""

    USER = "user"
    PRODUCT = "product"


#: kind -> the reasons that it attempts; the others of a row are left as they are
REASONS: Final = {
    Kind.USER: ("unknown_user", "user_role_mismatch", "user_access_issue"),
    Kind.PRODUCT: ("unknown_product_selection", "unknown_equipment", "bad_timestamp"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """One customer's users; or one machine's products between two days, inclusive, in its site's zone."""

    kind: Kind
    customer: str | None = None
    equipment: str | None = None
    date_from: date | None = None
    date_to: date | None = None

    def __str__(self) -> str:
        if self.kind is Kind.USER:
            return f"users of {self.customer}"
        return f"products of {self.equipment}, {self.date_from} to {self.date_to}"

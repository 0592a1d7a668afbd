"""Lists of the API: `limit` and `cursor`, by key, so that a page costs the same wherever it is in the list."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, Field

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="how many at most")]
#: the numbers that lists are ordered by
Cursor = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next_cursor` of the page before")]
#: the number of a record in a path; greater ones no table of ours has
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
BigNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
#: a day of business; with earlier or later ones arithmetic would leave the calendar
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]


class Page(BaseModel, Generic[T]):
    """A part of a list, and where the next part begins; null at the end."""

    items: list[T]
    next_cursor: int | str | None

"""What may be chosen in the exception report: customer, then site, then machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.equipment_sync.judge import CATALOGUE

_SQL: Final = beside(__file__, "exception_desk.sql")
#: every reason that a vend may wait for: code and title, in the order of the rules
REASONS: Final = tuple(dict.fromkeys((rule.code, rule.title) for rule in CATALOGUE.rules))

#: (key, name) of what may be chosen
Options = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen next. Machines: those of the site; without a customer those that stand nowhere."""

    customers: Options
    sites: Options
    machines: Options


def choices(conn: Connection, customers: Sequence[str] | None, *, customer: str | None, site: str | None) -> Choices:
    """The choices of who sees `customers` (None: all), after `customer` and `site` were chosen."""
    machines: Options = ()
    if customer and site:
        machines = list(_SQL.machines(conn, customer=customer, site=site))
    elif not customer and customers is None:
        machines = list(_SQL.machines_nowhere(conn))
    return Choices(
        list(_SQL.customers(conn, is_every_customer=customers is None, customers=list(customers or ()))),
        list(_SQL.sites(conn, customer=customer)) if customer else (),
        machines,
    )

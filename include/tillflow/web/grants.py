"""What a route needs: a person with a grant, and the database as they may see it.

    Resolver = Annotated[Desk, Depends(needs(Capability.OFFLINE_SALES_ADMIN))]

    @router.get("/imports/{import_id}")
    def show(desk: Resolver, import_id: int) -> ...:
        found = import_of(desk.conn, import_id, desk.sight)
        if found is None:
            desk.missing("import", import_id)

Nothing granted is 403; an object of another channel or customer is 404, as if it were not there. Both are in the
history as `denied`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from fastapi import HTTPException, Request

from tillflow.clock import utc_now
from tillflow.codes import Capability
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.import_desk import Sight
from tillflow.portal.grants import Grant, grants_of
from tillflow.settings import Settings
from tillflow.web.database import desk_connection, settings
from tillflow.web.sights import ANY, SEES_MACHINES, SEES_OWN_MACHINES, SEES_SALES
from tillflow.web.sign_in import Person

__all__ = ["ANY", "SEES_MACHINES", "SEES_OWN_MACHINES", "SEES_SALES", "Desk", "needs"]

_SQL: Final = beside(__file__, "grants.sql")


@dataclass(frozen=True)
class Desk:
    """One request: who, what they may, their connection, when, and the route as the history names it."""

    conn: Connection
    person: str
    grants: tuple[Grant, ...]
    settings: Settings
    route: str
    now: datetime = field(default_factory=utc_now)

    def holds(self, *capabilities: Capability) -> bool:
        """True where one of them was granted, for whatever channel or customer."""
        return any(grant.capability in capabilities for grant in self.grants)

    def channels(self, *capabilities: Capability) -> tuple[str, ...]:
        """Keys of the channels for which one of them was granted, in alphabetical order."""
        return tuple(sorted({g.channel for g in self.grants if g.channel and g.capability in capabilities}))

    def customers(self) -> tuple[str, ...] | None:
        """Keys of the customers whose users and exceptions they see; None: of all."""
        if self.holds(*SEES_MACHINES):
            return None
        return tuple(sorted({grant.customer for grant in self.grants if grant.customer}))

    @property
    def sight(self) -> Sight:
        """Which imports they see."""
        everything = self.holds(Capability.AUDITOR)
        return Sight(
            channels=None if everything else self.channels(*SEES_SALES),
            is_machines=everything or self.holds(Capability.PROVIDER),
        )

    def missing(self, subject: str, key: object) -> NoReturn:
        """There is none, or it is not theirs: 404 either way, and the history knows that they tried."""
        self.deny(subject, str(key))
        raise HTTPException(404, f"there is no such {subject}: {key}")

    def forbid(self, text: str) -> NoReturn:
        """They may not do this: 403, and the history knows that they tried."""
        self.deny("route", self.route)
        raise HTTPException(403, text)

    def deny(self, subject: str, key: str) -> None:
        """Write down what was tried."""
        _SQL.record_denied(
            self.conn, actor=self.person, subject=subject, subject_key=key[:200], route=self.route, now=self.now
        )


def needs(*capabilities: Capability) -> Callable[[Request, Person], Iterator[Desk]]:
    """A dependency: the desk of a person who holds one of `capabilities`; 403 for anybody else."""

    def desk(request: Request, person: Person) -> Iterator[Desk]:
        route = f"{request.method} {request.scope['route'].path}"
        with desk_connection(person) as conn:
            opened = Desk(conn, person, grants_of(conn, person), settings(), route)
            if not opened.holds(*capabilities):
                wanted = " or ".join(capabilities)
                opened.forbid(f"{person} may not do this: it needs the grant {wanted}; ask who keeps the operators")
            yield opened

    return desk

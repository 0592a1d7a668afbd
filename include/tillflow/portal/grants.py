"""Who may do what. Airflow says who somebody is; the grants are Tillflow's own table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tillflow.codes import Capability, Kind
from tillflow.db.connection import Connection
from tillflow.db.queries import beside

_sql: Final = beside(__file__, "grants.sql")

#: a capability that includes another: who may resolve a channel's imports may upload them too
_INCLUDED_IN: Final = {Capability.OFFLINE_SALES_UPLOAD: Capability.OFFLINE_SALES_ADMIN}


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """A channel somebody may upload to and view; `may_resolve` is the admin's capability."""

    channel: str
    name: str
    may_resolve: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """One capability, of one channel or customer where it is of one."""

    capability: Capability
    channel: str | None
    customer: str | None


def may(
    conn: Connection,
    user_name: str,
    capability: Capability,
    channel: str | None = None,
    customer: str | None = None,
) -> bool:
    """True where a grant covers it. Closed: a capability of a channel or customer needs that one named."""
    granting = [capability, _INCLUDED_IN.get(capability, capability)]
    granted: bool = _sql.holds(
        conn,
        user_name=user_name,
        capabilities=[str(one) for one in granting],
        channel=channel,
        customer=customer,
    )
    return granted


def may_import(conn: Connection, user_name: str, kind: Kind, channel: str | None = None) -> bool:
    """True where `user_name` may hand in a file of this kind (offline sales: for this channel)."""
    if kind is Kind.OFFLINE_SALES:
        return may(conn, user_name, Capability.OFFLINE_SALES_UPLOAD, channel=channel)
    return may(conn, user_name, Capability.PROVIDER)


def may_sweep_payments(conn: Connection, user_name: str) -> bool:
    """True where `user_name` resolves offline sales of any channel, or is the provider."""
    return may(conn, user_name, Capability.PROVIDER) or any(
        channel.may_resolve for channel in channels_of(conn, user_name)
    )


def channels_of(conn: Connection, user_name: str) -> list[OwnChannel]:
    """The channels of `user_name`, by name."""
    return [OwnChannel(*row) for row in _sql.channels_of(conn, user_name=user_name)]


def grants_of(conn: Connection, user_name: str) -> tuple[Grant, ...]:
    """Everything that was granted to `user_name`."""
    return tuple(Grant(Capability(capability), *of) for capability, *of in _sql.grants_of(conn, user_name=user_name))


def customers_of(conn: Connection, user_name: str) -> list[str]:
    """The keys of the customers for whom `user_name` is granted customer_user, in order."""
    return [key for (key,) in _sql.customers_of(conn, user_name=user_name)]

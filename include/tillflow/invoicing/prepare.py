"""Prepare the invoice of a customer and a range: its sales are picked, frozen, summed and hashed.

The later of vend and recording decides into which range a sale falls; what was vended before the range is its
backdated part. Preparing the same range again replaces its draft, or finds that nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.invoicing.billing_range import BillingRange, first_instant
from tillflow.invoicing.discard import discard_locked
from tillflow.invoicing.lock import lock_customer

_SQL: Final = beside(__file__, "prepare.sql")


class UnknownCustomerError(TillflowError):
    """There is no customer with this key."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft; rows are sales, money is minor units of the currency, without tax but for tax and total."""

    invoice_id: int
    currency: str
    sale_rows: int
    net_minor: int
    tax_minor: int
    total_minor: int
    current_rows: int
    current_minor: int
    backdated_rows: int
    backdated_minor: int


def prepare(conn: Connection, wanted: BillingRange, *, actor: str, now: datetime) -> tuple[Prepared, ...]:
    """The drafts of the range: one in the customer's currency, then one for each other currency with sales.

    A draft that says the same as the standing one is not made: the standing one is returned, so it may run twice.
    Raises UnknownCustomerError.
    """
    with conn.transaction():
        lock_customer(conn, wanted.customer)
        found = _SQL.find_customer(conn, customer=wanted.customer)
        if found is None:
            raise UnknownCustomerError(f"there is no customer {wanted.customer}")
        customer_id, zone, currency = found
        scope: dict[str, Any] = {
            "customer_id": customer_id,
            "date_from": wanted.date_from,
            "date_to": wanted.date_to,
            "range_from": first_instant(wanted.date_from, zone),
            "range_to": first_instant(wanted.date_to, zone),
        }
        _SQL.make_candidates(conn)
        _SQL.gather(conn, **scope)
        _SQL.analyze_candidates(conn)
        drafts = []
        for name, is_wanted in list(_SQL.currencies(conn, currency=currency, **_days(scope))):
            draft = _draft(conn, scope | {"currency": name, "zone": zone}, is_wanted, actor, now)
            if draft is not None:
                drafts.append(Prepared(*_SQL.prepared(conn, invoice_id=draft)))
    return tuple(drafts)


def _days(scope: dict[str, Any]) -> dict[str, Any]:
    return {name: scope[name] for name in ("customer_id", "date_from", "date_to")}


def _draft(conn: Connection, scope: dict[str, Any], is_wanted: bool, actor: str, now: datetime) -> int | None:
    """The draft of one currency: the standing one where it still says the same, else a new one in its place."""
    standing = _SQL.standing_draft(conn, currency=scope["currency"], **_days(scope))
    if not is_wanted:
        discard_locked(conn, standing[0], actor=actor, now=now, reason="prepared again: no sale is left in it")
        return None
    standing_id, standing_hash = standing or (None, None)
    with conn.transaction() as attempt:
        draft_id, content_hash = _written(conn, scope, actor, now)
        if content_hash == standing_hash:
            raise psycopg.Rollback(attempt)
        if standing_id is not None:
            reason = f"prepared again: replaced by draft {draft_id}"
            discard_locked(conn, standing_id, actor=actor, now=now, reason=reason)
        _SQL.complete_draft(conn, invoice_id=draft_id, content_hash=content_hash)
        _SQL.record_prepared(conn, invoice_id=draft_id, now=now, actor=actor)
    return standing_id if content_hash == standing_hash else draft_id


def _written(conn: Connection, scope: dict[str, Any], actor: str, now: datetime) -> tuple[int, bytes]:
    """A new draft with everything but its totals, and the hash of what it says."""
    draft_id: int = _SQL.begin_draft(conn, actor=actor, now=now, **scope)
    of_currency = {"invoice_id": draft_id, "currency": scope["currency"]}
    _SQL.freeze_sales(conn, **of_currency)
    _SQL.write_lines(conn, **of_currency)
    _SQL.write_taxes(conn, invoice_id=draft_id)
    _SQL.list_left_out(conn, **of_currency)
    content_hash: bytes = _SQL.hash_of(conn, invoice_id=draft_id)
    return draft_id, content_hash

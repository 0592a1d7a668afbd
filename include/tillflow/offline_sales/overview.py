"""An import of offline sales at a glance: the header of its page and its answer in the REST API (domain 2.3).

Everything is derived from the rows at the moment of asking; nothing of it is stored.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillflow.codes import ImportStatus, PaymentType, Tab
from tillflow.db.connection import Connection
from tillflow.db.queries import beside

_SQL: Final = beside(__file__, "overview.sql")


@dataclass(frozen=True, slots=True)
class ImportOverview:
    """Money is currency -> minor units of it (ISO 4217); moments are in UTC.

    What counts is every row that is a sale or waits to become one: duplicates are in none of the totals.
    """

    import_id: int
    file_name: str
    #: None where the file was refused for its channel
    channel: str | None
    uploader: str
    uploaded_at: datetime
    status: ImportStatus
    total: Mapping[str, int]
    #: every payment type, also those without a row
    by_payment_type: Mapping[PaymentType, Mapping[str, int]]
    #: number of rows; every tab, also the empty ones
    tabs: Mapping[Tab, int]
    #: when a card of the import is charged next
    next_retry_at: datetime | None


def import_overview(conn: Connection, import_id: int) -> ImportOverview | None:
    """The overview of import `import_id`; None where there is no such import of offline sales."""
    return import_overviews(conn, [import_id]).get(import_id)


def import_overviews(conn: Connection, import_ids: Collection[int]) -> dict[int, ImportOverview]:
    """Import -> its overview, of those that are imports of offline sales; two queries for however many."""
    totals: defaultdict[int, list[tuple[str, str, str, int, int, datetime | None]]] = defaultdict(list)
    for import_id, *line in _SQL.totals(conn, import_ids=list(import_ids)):
        totals[import_id].append(tuple(line))
    return {
        import_id: _overview(totals[import_id], import_id, *about)
        for import_id, *about in _SQL.find_imports(conn, import_ids=list(import_ids))
    }


def _overview(
    totals: Iterable[tuple[str, str, str, int, int, datetime | None]],
    import_id: int, file_name: str, channel: str | None, uploader: str, uploaded_at: datetime, status: str,
) -> ImportOverview:  # fmt: skip
    total: Counter[str] = Counter()
    by_type: dict[PaymentType, Counter[str]] = {payment_type: Counter() for payment_type in PaymentType}
    tabs = dict.fromkeys(Tab, 0)
    retries = []
    for payment_type, tab, currency, rows, minor, next_retry_at in totals:
        total[currency] += minor
        by_type[PaymentType(payment_type)][currency] += minor
        tabs[Tab(tab)] += rows
        retries.append(next_retry_at)
    return ImportOverview(
        import_id,
        file_name,
        channel,
        uploader,
        uploaded_at,
        ImportStatus(status),
        dict(total),
        {payment_type: dict(money) for payment_type, money in by_type.items()},
        tabs,
        min((moment for moment in retries if moment), default=None),
    )

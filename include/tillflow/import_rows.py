"""The rows of a sales import as a person looks at them: fields, reasons, payment, history. Kinds meet here.

No card token is in it, no PIN, and of a card number or an access code only the last characters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg.rows import dict_row

from tillflow.codes import Kind, Tab
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.equipment_sync.judge import CATALOGUE as VEND_RULES
from tillflow.intake.catalogue import Catalogue
from tillflow.offline_sales.judge import CATALOGUE as ORDER_RULES
from tillflow.offline_sales.resolve import masked as masked_order
from tillflow.payment_reasons import reason_of

_SQL: Final = beside(__file__, "import_rows.sql")
_RULES: Final[Mapping[Kind, Catalogue]] = {Kind.OFFLINE_SALES: ORDER_RULES, Kind.EQUIPMENT_SYNC: VEND_RULES}
_TRANSACTION: Final = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})", re.ASCII)
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class RowReason:
    """Why a row requires action. `column`: lower case; None where it is about the payment."""

    code: str
    column: str | None
    title: str
    message: str
    action: str


@dataclass(frozen=True, slots=True)
class RowEvent:
    """One line of a row's history; moments are in UTC."""

    happened_at: datetime
    actor: str
    subject: str
    action: str
    reason: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RowPayment:
    """How far the payment is. `attempts`: started_at, finished_at, outcome, code of each."""

    payment_id: int
    payment_type: str
    state: str
    stopped_by: str | None
    product_state: str
    product_problem: str | None
    refund_state: str | None
    next_retry_at: datetime | None
    attempts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """One row. `tab` is None for rows that no tab shows (duplicates, vends).

    `arrived`: the fields as they came (of a sale: as booked), by column; `fields`: with what was corrected since.
    `verdict` is a bucket of the balance: rejected where the row was taken back.
    """

    transaction: str
    row_no: int
    verdict: str
    tab: Tab | None
    currency: str
    amount_minor: int
    arrived: Mapping[str, Any]
    fields: Mapping[str, Any]
    #: how many corrections it has had: name it when you correct it
    corrections: int
    exception_id: int | None
    exception_state: str | None
    reasons: tuple[RowReason, ...]
    cleared_reasons: tuple[str, ...]
    #: the transaction of a later import that stands for it
    superseded_by: str | None
    payment: RowPayment | None
    history: tuple[RowEvent, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class FileOfRows:
    """The import that rows belong to. `columns`: of its file, lower case, in its order."""

    kind: Kind
    channel: str | None
    columns: tuple[str, ...]


def parse_transaction(text: str) -> tuple[int, int] | None:
    """Import and row number of a transaction's name `<import_id>-<row_no>`; None where it is none."""
    found = _TRANSACTION.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def file_of_rows(conn: Connection, import_id: int) -> FileOfRows | None:
    """What import `import_id` is; None where there is none."""
    found = _SQL.import_of(conn, import_id=import_id)
    return FileOfRows(Kind(found[0]), found[1], tuple(found[2])) if found else None


def rows_of_import(
    conn: Connection,
    import_id: int,
    kind: Kind,
    *,
    tab: Tab | None = None,
    after: int = 0,
    row_no: int | None = None,
    most: int = 100,
) -> list[ImportedRow]:
    """At most `most` rows behind row `after`, in the order of the file; the last row's number is the next cursor."""
    given = {"import_id": import_id, "tab": tab, "after": after, "row_no": row_no, "most": most}
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SQL.rows_of_import.sql, given).fetchall()
    histories = _histories(conn, found)
    return [_row(import_id, kind, row, histories) for row in found]


def rows_waiting(conn: Connection, import_id: int, kind: Kind) -> Iterator[ImportedRow]:
    """Every row that waits to be corrected, page by page in constant memory."""
    after = 0
    tab = Tab.REQUIRES_ACTION if kind is Kind.OFFLINE_SALES else None
    while page := rows_of_import(conn, import_id, kind, tab=tab, after=after, most=_PAGE):
        yield from (row for row in page if row.exception_state == "open")
        after = page[-1].row_no


def _histories(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], list[RowEvent]]:
    found: dict[tuple[str, int], list[RowEvent]] = defaultdict(list)
    ids = {
        f"{name}_ids": [str(row[f"{name}_id"]) for row in rows if row[f"{name}_id"] is not None]
        for name in ("exception", "payment", "refund")
    }
    for subject, subject_id, at, actor, action, reason, before, after in _SQL.history_of(conn, **ids):
        kind = "payment" if subject == "product of payment" else subject
        found[kind, subject_id].append(RowEvent(at, actor, subject, action, reason, before, after))
    return found


def _row(
    import_id: int, kind: Kind, row: Mapping[str, Any], histories: Mapping[tuple[str, int], Sequence[RowEvent]]
) -> ImportedRow:
    current = dict(row["raw"])
    for correction in row["corrections"]:
        current |= correction
    events = [
        event for name in ("exception", "payment", "refund") for event in histories.get((name, row[f"{name}_id"]), ())
    ]
    return ImportedRow(
        transaction=f"{import_id}-{row['row_no']}",
        row_no=row["row_no"],
        verdict=row["verdict"],
        tab=Tab(row["tab"]) if row["tab"] else None,
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        arrived=_shown(kind, row["raw"]),
        fields=_shown(kind, current),
        corrections=len(row["corrections"]),
        exception_id=row["exception_id"],
        exception_state=row["exception_state"],
        reasons=(*_reasons(kind, row["reasons"], current), *_payment_reasons(row)),
        cleared_reasons=tuple(row["cleared_reasons"]),
        superseded_by=row["superseded_by"],
        payment=_payment(row),
        history=tuple(sorted(events, key=lambda event: event.happened_at)),
    )


def _payment(row: Mapping[str, Any]) -> RowPayment | None:
    if row["payment_id"] is None:
        return None
    names = (
        "payment_id", "payment_type", "stopped_by", "product_state", "product_problem", "refund_state",
        "next_retry_at", "attempts",
    )  # fmt: skip
    return RowPayment(state=row["payment_state"], **{name: row[name] for name in names})


def _reasons(kind: Kind, codes: Sequence[str], fields: Mapping[str, Any]) -> Iterator[RowReason]:
    """A code that speaks of several columns is told of those that are missing."""
    for rule in _RULES[kind].rules:
        if rule.code in codes and not (rule.code == "missing_address" and _has(fields, rule.column)):
            yield RowReason(rule.code, rule.column, rule.title, rule.message, rule.action)


def _has(fields: Mapping[str, Any], column: str) -> bool:
    if column == "add_line_1" and fields.get("add_street_number") and fields.get("add_street_name"):
        return True
    return bool(fields.get(column))


def _payment_reasons(row: Mapping[str, Any]) -> Iterator[RowReason]:
    if row["tab"] != Tab.REQUIRES_ACTION:
        return
    for name in ("stopped_by", "product_problem", "refund_stopped_by"):
        if code := row[name]:
            reason = reason_of(code, of_refund=name.startswith("refund"))
            yield RowReason(code, None, reason.title, reason.title, reason.action)


def _shown(kind: Kind, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without what nobody may read."""
    shown = {name.removeprefix("extra."): value for name, value in raw.items() if name != "number"}
    if kind is Kind.OFFLINE_SALES:
        return masked_order(shown)
    shown.pop("pin_hash", None)
    return {
        name: _last_characters(value) if name in {"card_no", "access_code"} and value else value
        for name, value in shown.items()
    }


def _last_characters(value: str) -> str:
    """The last four, of a short one at most half."""
    shown = min(4, len(value) // 2)
    return "*" * (len(value) - shown) + value[len(value) - shown :]

"""A desk with years behind it: thousands of rows in every table that grows, nearly all of them done with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

#: rows that each table gets
GROWN: Final = 40_000
_COLUMNS: Final = """
select column_name from information_schema.columns
where table_schema || '.' || table_name = %s and is_generated = 'NEVER' order by ordinal_position
"""
_OLDER: Final = "- n * interval '1 hour'"
#: kind -> number of the import before its first copy
_IMPORTS: Final = {"offline_sales": 1_000_000, "equipment_sync": 2_000_000}
_OF_KIND: Final = "import_id in (select id from intake.import where kind = '{}')"


@dataclass(frozen=True)
class Copies:
    """Copies of one row. `changed`: column -> expression of what differs, in which `n` counts the copies."""

    table: str
    changed: dict[str, str]
    #: which row of the table, or of another `source`, is copied
    mould: str = "true"
    source: str = ""


def _of_imports(kind: str, base: int) -> tuple[Copies, ...]:
    """Files of one exception each, which was given up."""
    number, given_up = f"{base} + n", {"offline_sales": "'abandoned'", "equipment_sync": "'written_off'"}[kind]
    return (
        Copies(
            "intake.import",
            {"id": number, "sha256": f"md5('{kind}' || n) || md5(n::text)", "source_version": f"'{kind}' || n",
             "received_at": f"received_at {_OLDER}", "booked_at": f"booked_at {_OLDER}"},
            f"kind = '{kind}' and booked_at is not null",
        ),
        Copies("intake.balance", {"import_id": number}, _OF_KIND.format(kind)),
        Copies(
            "intake.transaction", {"import_id": number, "row_no": "2", "seq": "seq + n"},
            f"verdict = 'exception' and {_OF_KIND.format(kind)}",
        ),
        Copies(
            "books.exception",
            {"id": number, "import_id": number, "row_no": "2", "state": given_up,
             "closed_at": "recorded_at", "recorded_at": f"recorded_at {_OLDER}"},
            f"kind = '{kind}'",
        ),
    )  # fmt: skip


_COPIES: Final = (
    *(copies for kind, base in _IMPORTS.items() for copies in _of_imports(kind, base)),
    Copies("books.vend_sale", {"seq": "100000 + n", "import_id": "2000000 + n", "row_no": "3",
                               "vended_at": f"vended_at {_OLDER}", "recorded_at": f"recorded_at {_OLDER}"}),
    Copies("books.offline_sale", {"seq": "9000000 + n", "import_id": "1000000 + n", "row_no": "3"}),
    Copies("books.payment", {"id": "9000000 + n", "seq": "9000000 + n", "import_id": "1000000 + n", "row_no": "3",
                             "key": "gen_random_uuid()", "product_state": "'attributed'"}, "payment_type = 'CASH'"),
    Copies("books.invoice", {
        "id": "1000000 + n", "state": "'posted'", "sale_rows": "1", "invoice_no": "'OLD-' || n", "reason": "null",
        "invoice_date": "date_to", "due_date": "date_to", "closed_by": "prepared_by", "closed_at": "prepared_at",
        "range_from": "range_from - n * interval '1 day'", "range_to": "range_from - (n - 1) * interval '1 day'",
        "date_from": "date_from - n", "date_to": "date_from - n + 1"}, "content_hash is not null"),
    Copies("books.invoice_line", {"invoice_id": "1000000 + n"}),
    Copies("books.invoice_tax", {"invoice_id": "1000000 + n"}),
    Copies("books.invoice_sale", {"invoice_id": "1000000 + n", "seq": "100000 + n"}),
    Copies("books.invoiced_sale", {"invoice_id": "1000000 + n", "seq": "100000 + n"}, source="books.invoice_sale"),
    Copies("books.reconciliation", {"id": "1000000 + n", "request_key": "'old ' || n",
                                    "requested_at": f"requested_at {_OLDER}"}, "state = 'completed'"),
    Copies("history.event", {"id": "9000000 + n", "subject_key": "subject_key || n"}),
    Copies("portal.consumer", {"id": "9000000 + n", "key": "'old-' || n"}
           | dict.fromkeys(("card_no", "facility_id", "access_code", "pin_hash"), "null")),
    Copies("portal.equipment", {"id": "9000000 + n", "asset_no": "'OLD-' || n"}),
    Copies("portal.allocation", {"id": "9000000 + n", "equipment_id": "9000000 + n"}),
    Copies("portal.planogram", {"id": "9000000 + n", "equipment_id": "9000000 + n"}),
    Copies("portal.selection", {"planogram_id": "9000000 + n"}),
    Copies("portal.access", {"id": "9000000 + n", "consumer_id": "9000000 + n", "equipment_id": "9000000 + n"}),
    Copies("portal.product", {"id": "9000000 + n", "code": "'OLD-' || n"}),
)  # fmt: skip
#: the tables that grew
LARGE: Final = frozenset(copies.table for copies in _COPIES)


def let_grow(url: str) -> None:
    """Copy a row of each table many times, past the triggers; the statistics are as autovacuum would leave them."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        for copies in _COPIES:
            columns = [name for (name,) in admin.execute(_COLUMNS, [copies.table]).fetchall()]
            statement = sql.SQL(
                "insert into {table} ({names}) overriding system value"
                " select {values} from (select * from {source} where {mould} limit 1) as t, generate_series(1, %s) as n"
            ).format(
                table=sql.Identifier(*copies.table.split(".")),
                names=sql.SQL(", ").join(map(sql.Identifier, columns)),
                values=sql.SQL(", ").join(
                    sql.SQL(copies.changed[name]) if name in copies.changed else sql.Identifier("t", name)  # type: ignore[arg-type]
                    for name in columns
                ),
                source=sql.Identifier(*(copies.source or copies.table).split(".")),
                mould=sql.SQL(copies.mould),  # type: ignore[arg-type]
            )
            assert admin.execute(statement, [GROWN]).rowcount == GROWN, f"{copies.table} has no row with {copies.mould}"
        admin.execute("vacuum analyze")

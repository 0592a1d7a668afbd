"""The judge of offline sales: layout, rules and the lotteries, draws and buyers that its rows speak of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from tillflow.codes import Kind
from tillflow.countries import COUNTRIES
from tillflow.db import bulk
from tillflow.db.connection import Connection
from tillflow.db.queries import beside, texts_beside
from tillflow.intake.catalogue import load_catalogue
from tillflow.intake.dialect import Layout
from tillflow.intake.judge import ImportRow, Judge
from tillflow.intake.judging import set_variables

_PORTAL: Final = beside(__file__, "portal.sql")
_QUERIES: Final = texts_beside(__file__, "judge.duckdb.sql")

LAYOUT: Final = Layout(
    required=(
        "order_id", "lottery", "draw_no", "title", "first_name", "last_name", "add_unit", "add_street_number",
        "add_street_name", "add_line_1", "add_suburb", "add_state", "add_postcode", "email", "product",
        "quantity", "amount", "payment_type", "payment_ref", "card_token", "sale_date",
    ),
    optional=("customer_id", "add_line_2", "add_country", "phone", "currency"),
    forbidden=(("channel", "the channel is the uploader's, not the file's; remove the column CHANNEL"),),
)  # fmt: skip

CATALOGUE: Final = load_catalogue(Path(__file__).with_name("rules.duckdb.sql"))

#: what PostgreSQL hands to the engine: query and table name -> columns
_SNAPSHOT: Final = {
    "lotteries": [
        ("lottery_id", pa.int32()), ("key", pa.string()), ("currency", pa.string()),
        ("address_format", pa.string()), ("address_required", pa.bool_()),
    ],
    "draws": [
        ("draw_id", pa.int32()), ("lottery_id", pa.int32()), ("draw_no", pa.int64()),
        ("open_from_us", pa.int64()), ("open_until_us", pa.int64()), ("is_next", pa.bool_()),
    ],
    "draw_products": [
        ("draw_product_id", pa.int32()), ("draw_id", pa.int32()), ("product", pa.string()),
        ("price_minor", pa.int64()),
    ],
    "buyers": [("customer_id", pa.string()), ("buyer_id", pa.int32())],
    "days": [("day", pa.string()), ("start_us", pa.int64())],
}  # fmt: skip


def load_portal(conn: Connection, engine: duckdb.DuckDBPyConnection, row: ImportRow | None) -> None:
    """Hand over the lotteries with their draws, and of buyers and days those that the file names."""
    assert row is not None, "an order is judged as of its own import"
    _, zone = _PORTAL.channel(conn, channel_id=row.channel_id)
    parameters: dict[str, Any] = {
        "now": row.received_at,
        "zone": zone,
        "days": [day for (day,) in engine.sql(_QUERIES["sale_days"]).fetchall()],
        "customers": [customer for (customer,) in engine.sql(_QUERIES["customers_seen"]).fetchall()],
    }
    for name, columns in _SNAPSHOT.items():
        query = getattr(_PORTAL, name).sql
        engine.register(name, bulk.read(conn, query, pa.schema(columns), parameters))


def make_judge(default_country: str) -> Judge:
    """The judge; an address that names no country is taken to lie in `default_country` (ISO 3166-1)."""

    def define(conn: Connection, engine: duckdb.DuckDBPyConnection, row: ImportRow) -> None:
        key, _ = _PORTAL.channel(conn, channel_id=row.channel_id)
        variables = {
            "channel": key,
            "channel_id": row.channel_id,
            "countries": sorted(COUNTRIES),
            "default_country": default_country,
        }
        set_variables(engine, variables)

    return Judge(
        kind=Kind.OFFLINE_SALES,
        layout=LAYOUT,
        catalogue=CATALOGUE,
        queries=_QUERIES,
        sales_table="books.offline_sale",
        unreadable=None,
        define=define,
        load_portal=load_portal,
        takes_corrections=True,
    )

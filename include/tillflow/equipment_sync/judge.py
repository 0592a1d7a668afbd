"""The judge of machine dumps: layout, rules and the portal data that was in force at each vend."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from tillflow.codes import Kind
from tillflow.db import bulk
from tillflow.db.connection import Connection
from tillflow.db.queries import beside, texts_beside
from tillflow.intake.catalogue import load_catalogue
from tillflow.intake.dialect import Layout
from tillflow.intake.judge import ImportRow, Judge, Kept

_PORTAL: Final = beside(__file__, "portal.sql")
_QUERIES: Final = texts_beside(__file__, "judge.duckdb.sql")

LAYOUT: Final = Layout(
    required=("equipment", "txn_seq", "vended_at", "selection", "unit_price", "currency", "result"),
    optional=(
        "boot_id", "product_code", "product_name", "quantity", "card_no", "facility_id", "access_code", "pin",
        "accept_any_card", "override_facility", "meter", "board_id",
    ),
    takes_json_lines=True,
)  # fmt: skip

CATALOGUE: Final = load_catalogue(Path(__file__).with_name("rules.duckdb.sql"))

_PERIOD: Final = [("from_us", pa.int64()), ("until_us", pa.int64())]
#: what PostgreSQL hands to the engine: query and table name -> columns
_SNAPSHOT: Final = {
    "equipment": [("asset_no", pa.string()), ("equipment_id", pa.int32()), ("first_allocated_us", pa.int64())],
    "allocations": [(name, pa.int32()) for name in ("equipment_id", "place_id", "site_id", "customer_id")] + _PERIOD,
    "selections": [
        ("equipment_id", pa.int32()), ("selection", pa.string()), ("product_code", pa.string()),
        ("item_id", pa.int32()), ("price_minor", pa.int64()), *_PERIOD,
    ],
    "consumers": [
        ("customer_id", pa.int32()), ("card_no", pa.string()), ("facility_id", pa.string()),
        ("access_code", pa.string()), ("pin_hash", pa.string()), ("consumer_id", pa.int32()),
        ("vendee_id", pa.int32()), ("is_consumer", pa.bool_()),
    ],
    "access": [("consumer_id", pa.int32()), ("equipment_id", pa.int32()), *_PERIOD],
}  # fmt: skip


def load_portal(conn: Connection, engine: duckdb.DuckDBPyConnection, row: ImportRow | None) -> None:
    """Hand over the machines named in the file with their whole dated past, names frozen first."""
    del row
    assets = [asset for (asset,) in engine.execute(_QUERIES["equipment_seen"]).fetchall()]
    hosts = [customer for (customer,) in _PORTAL.hosts(conn, assets=assets)]
    _PORTAL.freeze_places(conn, assets=assets)
    _PORTAL.freeze_items(conn)
    _PORTAL.freeze_vendees(conn, hosts=hosts)
    parameters: dict[str, Any] = {"assets": assets, "hosts": hosts}
    for name, columns in _SNAPSHOT.items():
        query = getattr(_PORTAL, name).sql
        engine.register(name, bulk.read(conn, query, pa.schema(columns), parameters))
    engine.execute(_QUERIES["create_identities"])


JUDGE: Final = Judge(
    kind=Kind.EQUIPMENT_SYNC,
    layout=LAYOUT,
    catalogue=CATALOGUE,
    queries=_QUERIES,
    sales_table="books.vend_sale",
    unreadable="malformed_row",
    define=lambda conn, engine, row: None,
    load_portal=load_portal,
    kept=(Kept(column="meter", table="intake.meter_reading", query="readings"),),
)

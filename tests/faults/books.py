"""Everything that is in the books and in the storage, so that two installations can be compared.

Left out are moments and what a database numbers by itself: a number that a dead transaction drew is gone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from tillflow.db.connection import Connection

#: table -> the columns that are left out; numbered things are named by what they stand for
_LEFT_OUT = {
    "books.place": "id",
    "books.item": "id",
    "books.vendee": "id",
    "books.vend_sale": "recorded_at",
    "books.offline_sale": "recorded_at",
    "books.exception": "id recorded_at closed_at",
    "intake.import": "id received_at booked_at rejected_at source_version archive_path",
    "intake.transaction": "",
    "intake.balance": "",
    "intake.validation": "",
    "intake.file_error": "",
    "intake.stream": "id",
    "history.event": "id happened_at txid transaction_id",
}
_NAMES = {
    "import_id": "select id, dense_rank() over (order by id) from intake.import",
    "stream_id": "select id, concat_ws('/', kind, owner, part) from intake.stream",
    "place_id": "select id, concat_ws('/', asset_no, site_key, site_name, customer_key) from books.place",
    "item_id": "select id, concat_ws('/', code, name) from books.item",
    "vendee_id": "select id, concat_ws('/', consumer_id, key, name) from books.vendee",
}


def books(conn: Connection) -> dict[str, list[str]]:
    """table -> its rows as sorted text."""
    names = {column: dict(conn.execute(query).fetchall()) for column, query in _NAMES.items()}  # type: ignore[call-overload]
    found = {}
    for table, left_out in _LEFT_OUT.items():
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(f"select * from {table}").fetchall()  # type: ignore[arg-type]
        found[table] = sorted(str(_comparable(row, left_out.split(), names)) for row in rows)
    found["mail.message"] = sorted(
        f"import:{names['import_id'][int(topic.partition(':')[2])]}"
        for (topic,) in conn.execute("select topic from mail.message")
    )
    found["status"] = [f"{status}" for (status,) in conn.execute("select status from intake.import_status order by 1")]
    return found


def _comparable(row: dict[str, Any], left_out: list[str], names: dict[str, Any]) -> dict[str, Any]:
    if row.get("subject") == "intake.import":
        row["subject_key"] = names["import_id"][int(row["subject_key"])]
    return {
        column: names[column].get(value) if column in names else value
        for column, value in row.items()
        if column not in left_out
    }


def files(storage: Path) -> list[str]:
    """Every file of the storage, with a list of errors or refused rows also its content.

    Numbers of imports and the digest of a delivery (its file's own version) differ between two installations.
    """
    return sorted(
        re.sub(r"(?<=/[0-9a-f]{12}-)[0-9a-f]{8}|(?<=/)\d+(?=[-.])", "N", str(path.relative_to(storage)))
        + (path.read_text() if path.suffix == ".csv" else "")
        for path in storage.rglob("*")
        if path.is_file()
    )

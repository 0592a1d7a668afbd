"""The same import as a pandas program: read_csv, merges for the rules, COPY into the same tables, one transaction.

It is spared what pandas has no part in: the archive, the search for card numbers, Great Expectations.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pandas as pd
import psycopg

from bench.case import Figures, Given
from tillflow.db.connection import APP_ROLE, connect
from tillflow.money import EXPONENTS
from tillflow.pins import pin_hash

_SECRET: Final = b"the secret of the benchmark"
_INSTANT: Final = (
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
)
_TRUE, _FALSE = ("1", "true", "t", "yes", "y"), ("0", "false", "f", "no", "n")
_NEVER: Final = pd.Timestamp("2262-01-01", tz="UTC")
_ALWAYS: Final = pd.Timestamp("1700-01-01", tz="UTC")
_NOT_BILLABLE: Final = ("test", "free", "failed")
_CONTENT: Final = [
    "vended_at", "selection", "product_code", "quantity", "unit_price", "currency", "card_no", "facility_id",
    "access_code", "pin", "result", "accept_any_card", "override_facility",
]  # fmt: skip
_SALE: Final = [
    "stream_id", "seq", "import_id", "row_no", "vended_at", "recorded_at", "place_id", "item_id", "vendee_id",
    "selection", "quantity", "unit_price_minor", "amount_minor", "price_minor", "currency", "content_hash",
]  # fmt: skip
_PERIODS: Final = "lower({0}) as starts, upper({0}) as ends"


def run(given: Given) -> Figures:
    steps: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        steps[name] = time.perf_counter() - started

    with connect(given.database_url, role=APP_ROLE) as conn:
        with step("read"):
            rows = _read(given.file)
        with conn.transaction():
            import_id = _record_import(conn, given)
            with step("judge"):
                _parse(rows)
                _add_streams(conn, rows)
                _join_portal(conn, rows, given)
                _judge(rows, given)
            with step("write"):
                counts = _write(conn, rows, import_id, given)
            started = time.perf_counter()
        steps["balance and commit"] = time.perf_counter() - started
    return Figures(sum(steps.values()), steps, counts)


def _read(file: str) -> pd.DataFrame:
    rows = pd.read_csv(file, dtype=str, engine="pyarrow")
    rows.insert(0, "row_no", np.arange(2, len(rows) + 2, dtype="int32"))
    hashes = {pin: str(pin_hash(_SECRET, pin)) for pin in rows["pin"].dropna().unique()}
    rows["pin"] = rows["pin"].map(hashes)
    return rows


def _parse(rows: pd.DataFrame) -> None:
    """Texts to values; what cannot be read is null."""
    for name in rows.columns[1:]:
        rows[name] = rows[name].str.strip(" \t\xa0").replace("", None)
    rows["boot_id"] = rows["boot_id"].fillna("")
    rows["facility_id"] = rows["facility_id"].fillna("")
    rows["currency"] = rows["currency"].str.upper().where(rows["currency"].str.upper().isin(EXPONENTS))
    rows["content_hash"] = pd.util.hash_pandas_object(rows[_CONTENT], index=False).to_numpy().view("int64") >> 4
    rows["seq"] = _integers(rows["txn_seq"])
    rows["vended_at"] = pd.to_datetime(
        rows["vended_at"].where(rows["vended_at"].str.fullmatch(_INSTANT)), utc=True, format="ISO8601", errors="coerce"
    ).dt.as_unit("us")
    quantity = _integers(rows["quantity"].fillna("1"))
    rows["quantity"] = quantity.where(quantity.between(1, 9999))
    price = rows["unit_price"].where(rows["unit_price"].str.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,4})?"))
    places = rows["currency"].map(EXPONENTS)
    decimals = price.str.partition(".")[2].str.len()
    minor = (price.astype("float64") * np.power(10.0, places.astype("float64"))).round()
    rows["unit_price_minor"] = minor.where(decimals <= places).astype("Int64")
    rows["result"] = (
        rows["result"].str.lower().where(rows["result"].str.lower().isin(("vend", "refund", *_NOT_BILLABLE)))
    )
    for name in ("accept_any_card", "override_facility"):
        text = rows[name].fillna("0").str.lower()
        rows[name] = text.isin(_TRUE).astype("boolean").where(text.isin(_TRUE + _FALSE))


def _integers(texts: Any) -> Any:
    return pd.to_numeric(texts.where(texts.str.fullmatch("[0-9]{1,15}"))).astype("Int64")


def _add_streams(conn: psycopg.Connection, rows: pd.DataFrame) -> None:
    readable = (rows["equipment"].str.len() <= 40) & (rows["boot_id"].str.len() <= 40) & rows["seq"].notna()
    seen = rows.loc[readable, ["equipment", "boot_id"]].drop_duplicates()
    conn.execute(
        """insert into intake.stream (kind, owner, part)
        select 'equipment_sync', * from unnest(%s::text[], %s::text[]) on conflict do nothing""",
        [seen["equipment"].tolist(), seen["boot_id"].tolist()],
    )
    streams = _select(conn, "select owner as equipment, part as boot_id, id as stream_id from intake.stream")
    found = rows[["equipment", "boot_id"]].merge(streams, how="left", on=["equipment", "boot_id"])
    rows["stream_id"] = found["stream_id"].astype("Int64").where(readable)


def _select(conn: psycopg.Connection, query: str) -> pd.DataFrame:
    cursor = conn.execute(query)
    assert cursor.description is not None
    return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])


def _in_force(left: pd.DataFrame, right: pd.DataFrame, on: list[str], take: list[str]) -> pd.DataFrame:
    """For each row of `left` the row of `right` whose period holds at `vended_at`."""
    right = right.assign(
        starts=pd.to_datetime(right["starts"], utc=True).fillna(_ALWAYS),
        ends=pd.to_datetime(right["ends"], utc=True).fillna(_NEVER),
    )
    found = left[["row_no", "vended_at", *on]].merge(right, on=on)
    found = found[(found["starts"] <= found["vended_at"]) & (found["vended_at"] < found["ends"])]
    return left[["row_no"]].merge(found[["row_no", *take]], how="left", on="row_no")


def _join_portal(conn: psycopg.Connection, rows: pd.DataFrame, given: Given) -> None:
    """Portal data in force at the time of each vend, names frozen first."""
    from tillflow.db.queries import load
    from tillflow.settings import REPOSITORY

    portal = load(REPOSITORY / "include/tillflow/equipment_sync/portal.sql")
    assets = rows["equipment"].dropna().unique().tolist()
    portal.freeze_places(conn, assets=assets)
    portal.freeze_items(conn)
    portal.freeze_vendees(conn, hosts=[host for (host,) in portal.hosts(conn, assets=assets)])
    machines = _select(conn, "select asset_no as equipment, id as equipment_id from portal.equipment")
    rows["equipment_id"] = rows[["equipment"]].merge(machines, how="left")["equipment_id"].astype("Int64")
    places = _select(
        conn,
        f"""select p.equipment_id, p.id as place_id, p.customer_id, p.site_id, {_PERIODS.format("a.valid")}
        from books.place as p
        inner join portal.allocation as a on a.equipment_id = p.equipment_id and a.site_id = p.site_id""",
    )
    take = ["place_id", "customer_id", "site_id"]
    rows[take] = _in_force(rows, places, ["equipment_id"], take)[take].astype("Int64")
    first = pd.to_datetime(places.groupby("equipment_id")["starts"].min(), utc=True)
    rows["first_allocated_at"] = rows["equipment_id"].map(first)
    lines = _select(
        conn,
        f"""select g.equipment_id, s.code as selection, i.code, i.id as item_id, s.price_minor,
            {_PERIODS.format("g.valid")}
        from portal.planogram as g inner join portal.selection as s on s.planogram_id = g.id
        inner join books.item as i on i.product_id = s.product_id""",
    )
    line = _in_force(rows, lines, ["equipment_id", "selection"], ["item_id", "price_minor", "code"])
    fits = rows["product_code"].isna() | (rows["product_code"] == line["code"])
    for name in ("item_id", "price_minor"):
        rows[name] = line[name].where(fits).astype("Int64")
    _join_users(conn, rows)


def _join_users(conn: psycopg.Connection, rows: pd.DataFrame) -> None:
    users = _select(
        conn,
        """select u.customer_id, u.card_no, u.facility_id as facility, u.access_code, u.pin_hash::text as pin,
            u.id as consumer_id, v.id as vendee_id, lower(u.role) = 'consumer' as is_consumer
        from portal.consumer as u inner join books.vendee as v on v.consumer_id = u.id""",
    )
    take = ["consumer_id", "vendee_id", "is_consumer"]
    rows["facility"] = rows["facility_id"].mask(rows["override_facility"].fillna(False), "0")
    rows.loc[rows["override_facility"].isna(), "facility"] = None
    cards = users[users["card_no"].notna()]
    codes = users[users["access_code"].notna()]
    by_card, by_code = ["customer_id", "card_no", "facility"], ["customer_id", "access_code", "pin"]
    with_card = rows.loc[rows["card_no"].notna(), ["row_no", *by_card]].merge(cards[by_card + take], on=by_card)
    without = rows["card_no"].isna() & rows["access_code"].notna() & rows["pin"].notna()
    with_code = rows.loc[without, ["row_no", *by_code]].merge(codes[by_code + take], on=by_code)
    found = pd.concat([with_card[["row_no", *take]], with_code[["row_no", *take]]])
    joined = rows[["row_no"]].merge(found, how="left", on="row_no")
    for name in take:
        rows[name] = joined[name].astype("boolean" if name == "is_consumer" else "Int64")
    access = _select(conn, f"select consumer_id, equipment_id, {_PERIODS.format('valid')} from portal.access")
    access["has_access"] = True
    allowed = _in_force(rows, access, ["consumer_id", "equipment_id"], ["has_access"])
    rows["has_access"] = allowed["has_access"].notna()


def _judge(rows: pd.DataFrame, given: Given) -> None:
    """The rules (the first row of a key stands), the verdict and the reasons of each row."""
    known, timed = rows["equipment_id"].notna(), rows["vended_at"].notna()
    user, currency, minor = rows["consumer_id"].notna(), rows["currency"].notna(), rows["unit_price_minor"]
    named = rows["equipment"].str.len() <= 40
    latest = pd.Timestamp(given.received_at) + pd.Timedelta(minutes=10)
    too_much = (rows["quantity"] * minor >= 1_000_000_000_000).fillna(False)
    broken = {
        "bad_timestamp": (rows["vended_at"] > latest) | (rows["vended_at"] < rows["first_allocated_at"]),
        "malformed_row": ~named | (rows["boot_id"].str.len() > 40) | rows["seq"].isna() | ~timed
        | rows["quantity"].isna() | (currency & (minor.isna() | too_much)) | ~currency | rows["result"].isna()
        | rows["accept_any_card"].isna() | rows["override_facility"].isna(),
        "unknown_equipment": named & (~known | (timed & rows["place_id"].isna())),
        "unknown_product_selection": known & timed & rows["item_id"].isna(),
        "unknown_user": rows["place_id"].notna() & ~user & (rows["card_no"].isna() | rows["override_facility"].notna()),
        "user_access_issue": user & ~rows["has_access"],
        "user_role_mismatch": user & ~rows["is_consumer"].fillna(True),
    }  # fmt: skip
    broken = {reason: mask.fillna(False).to_numpy(dtype=bool) for reason, mask in broken.items()}
    keyed = rows["stream_id"].notna() & rows["seq"].notna()
    repeats_key = (keyed & rows.duplicated(["stream_id", "seq"])).to_numpy(dtype=bool)
    duplicate = rows.duplicated(["stream_id", "seq", "content_hash"]).to_numpy(dtype=bool)
    conflict = repeats_key & ~duplicate
    not_billable = rows["result"].isin(_NOT_BILLABLE).to_numpy(dtype=bool) & ~broken["malformed_row"]
    bad = np.logical_or.reduce(list(broken.values()))
    rows["verdict"] = np.select(
        [duplicate, conflict, not_billable, bad], ["duplicate", "exception", "not_billable", "exception"], "sale"
    )
    exception = (rows["verdict"] == "exception").to_numpy()
    reasons = np.full(len(rows), "", dtype=object)
    for reason, mask in broken.items():
        reasons[mask & exception & ~conflict] += f",{reason}"
    reasons[conflict] = ",sync_conflict"
    rows["reasons"] = "{" + pd.Series(reasons).str[1:] + "}"
    amount = (rows["quantity"] * minor).where(~too_much).fillna(0)
    rows["amount_minor"] = amount.mask(rows["result"] == "refund", -amount)
    rows["quantity"] = rows["quantity"].mask(rows["result"] == "refund", -rows["quantity"])
    rows["currency"] = rows["currency"].fillna("XXX")


def _record_import(conn: psycopg.Connection, given: Given) -> int:
    row = conn.execute(
        """insert into intake.import
        (kind, file_name, uploader, source, source_version, sha256, size_bytes, received_at, archive_path)
        values ('equipment_sync', 'dump.csv', 'bench', 'bench', '1', repeat('0', 64), 0, %s, 'none') returning id""",
        [given.received_at],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _write(conn: psycopg.Connection, rows: pd.DataFrame, import_id: int, given: Given) -> dict[str, int]:
    rows["import_id"], rows["recorded_at"], rows["kind"] = import_id, given.now, "equipment_sync"
    sales, others = rows[rows["verdict"] == "sale"], rows[rows["verdict"] != "sale"]
    sales = sales.sort_values(["stream_id", "seq"])
    _copy(conn, "books.vend_sale", ["planogram_price_minor" if c == "price_minor" else c for c in _SALE], sales[_SALE])
    raw = [name for name in others.columns[1:] if name in _CONTENT or name in ("equipment", "boot_id", "txn_seq")]
    others = others.assign(raw=others[raw].to_json(orient="records", lines=True).splitlines())
    key = ["import_id", "row_no", "verdict", "stream_id", "seq", "content_hash", "currency", "amount_minor", "raw"]
    _copy(conn, "intake.transaction", key, others[key])
    exceptions = others[others["verdict"] == "exception"]
    names = [
        "import_id", "row_no", "kind", "reasons", "vended_at", "recorded_at", "equipment", "equipment_id", "site_id",
        "customer_id", "currency", "amount_minor",
    ]  # fmt: skip
    columns = [{"vended_at": "occurred_at", "equipment": "asset_no"}.get(name, name) for name in names]
    _copy(conn, "books.exception", columns, exceptions[names])
    _write_balance(conn, rows, import_id)
    conn.execute("update intake.import set booked_at = %s where id = %s", [given.received_at, import_id])
    return {str(verdict): int(count) for verdict, count in rows["verdict"].value_counts().items()}


def _write_balance(conn: psycopg.Connection, rows: pd.DataFrame, import_id: int) -> None:
    """What the commit's trigger checks against the rows that are there."""
    sums = rows.groupby(["currency", "verdict"])["amount_minor"].agg(["count", "sum"]).unstack(fill_value=0)
    verdicts = [verdict for verdict in ("sale", "exception", "duplicate", "not_billable") if verdict in sums["sum"]]
    for currency, row in sums.iterrows():
        numbers = {f"{verdict}_rows": int(row["count", verdict]) for verdict in verdicts}
        numbers |= {f"{verdict}_minor": int(row["sum", verdict]) for verdict in verdicts}
        numbers["read_rows"] = int(row["count"].sum())
        numbers["read_minor"] = int(row["sum"].sum())
        columns = ", ".join(numbers)
        conn.execute(
            f"insert into intake.balance (import_id, currency, {columns}) values (%s, %s{', %s' * len(numbers)})",
            [import_id, currency, *numbers.values()],
        )


def _copy(conn: psycopg.Connection, table: str, columns: list[str], rows: pd.DataFrame) -> None:
    text = io.StringIO()
    rows.to_csv(text, header=False, index=False)
    with conn.cursor().copy(f"copy {table} ({', '.join(columns)}) from stdin (format csv)") as copy:
        copy.write(text.getvalue())

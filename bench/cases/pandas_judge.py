"""The rules as a pandas program writes them: columns parsed, portal data merged in, one mask a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import psycopg

from bench.case import Given
from tillflow.money import EXPONENTS

_INSTANT: Final = (
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
)
_TRUE, _FALSE = ("1", "true", "t", "yes", "y"), ("0", "false", "f", "no", "n")
_NEVER: Final = pd.Timestamp("2262-01-01", tz="UTC")
_ALWAYS: Final = pd.Timestamp("1700-01-01", tz="UTC")
_NOT_BILLABLE: Final = ("test", "free", "failed")
CONTENT: Final = [
    "vended_at", "selection", "product_code", "quantity", "unit_price", "currency", "card_no", "facility_id",
    "access_code", "pin", "result", "accept_any_card", "override_facility",
]  # fmt: skip
_PERIODS: Final = "lower({0}) as starts, upper({0}) as ends"


@dataclass(frozen=True)
class Judged:
    """What the gate looks at: by rule, which rows break it, and a sample of the texts before they were parsed."""

    #: rule -> mask of the rows that break it, whatever else becomes of them
    broken: dict[str, Any]
    #: rule -> mask of the rows for which it decided
    decided: dict[str, Any]
    #: trimmed texts, by the rows' index
    sample: pd.DataFrame


def judge(conn: psycopg.Connection, rows: pd.DataFrame, given: Given, sample_rows: int) -> Judged:
    """Add to the rows their values, the portal data in force, verdict and reasons."""
    _trim(rows)
    sample = rows.sample(min(sample_rows, len(rows)), random_state=1).sort_index()
    _parse(rows)
    _add_streams(conn, rows)
    _join_portal(conn, rows, given)
    broken = _broken(rows, given)
    return Judged(broken, _judge(rows, broken), sample)


def _trim(rows: pd.DataFrame) -> None:
    for name in rows.columns[1:]:
        rows[name] = rows[name].str.strip(" \t\xa0").replace("", None)


def _parse(rows: pd.DataFrame) -> None:
    """Texts to values; what cannot be read is null."""
    rows["boot_id"] = rows["boot_id"].fillna("")
    rows["facility_id"] = rows["facility_id"].fillna("")
    rows["currency"] = rows["currency"].str.upper().where(rows["currency"].str.upper().isin(EXPONENTS))
    rows["content_hash"] = pd.util.hash_pandas_object(rows[CONTENT], index=False).to_numpy().view("int64") >> 4
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


def _broken(rows: pd.DataFrame, given: Given) -> dict[str, Any]:
    """A mask for each rule of the catalogue, by its name."""
    known, timed = rows["equipment_id"].notna(), rows["vended_at"].notna()
    user, currency, minor = rows["consumer_id"].notna(), rows["currency"].notna(), rows["unit_price_minor"]
    named = rows["equipment"].str.len() <= 40
    latest = pd.Timestamp(given.received_at) + pd.Timedelta(minutes=10)
    masks = {
        "malformed_row__equipment": ~named,
        "malformed_row__boot_id": rows["boot_id"].str.len() > 40,
        "malformed_row__txn_seq": rows["seq"].isna(),
        "malformed_row__vended_at": ~timed,
        "malformed_row__quantity": rows["quantity"].isna(),
        "malformed_row__unit_price": currency & (minor.isna() | _is_too_much(rows)),
        "malformed_row__currency": ~currency,
        "malformed_row__result": rows["result"].isna(),
        "malformed_row__accept_any_card": rows["accept_any_card"].isna(),
        "malformed_row__override_facility": rows["override_facility"].isna(),
        "unknown_equipment__equipment": named & (~known | (timed & rows["place_id"].isna())),
        "bad_timestamp__vended_at": (rows["vended_at"] > latest) | (rows["vended_at"] < rows["first_allocated_at"]),
        "unknown_product_selection__selection": known & timed & rows["item_id"].isna(),
        "unknown_user__card_no": rows["place_id"].notna() & ~user
        & (rows["card_no"].isna() | rows["override_facility"].notna()),
        "user_role_mismatch__card_no": user & ~rows["is_consumer"].fillna(True),
        "user_access_issue__card_no": user & ~rows["has_access"],
    }  # fmt: skip
    return {name: mask.fillna(False).to_numpy(dtype=bool) for name, mask in masks.items()}


def _is_too_much(rows: pd.DataFrame) -> Any:
    return (rows["quantity"] * rows["unit_price_minor"] >= 1_000_000_000_000).fillna(False)


def _judge(rows: pd.DataFrame, broken: dict[str, Any]) -> dict[str, Any]:
    """Verdict, reasons and money of each row; the first row of a key stands. Returns the rules that it breaks."""
    keyed = rows["stream_id"].notna() & rows["seq"].notna()
    repeats_key = (keyed & rows.duplicated(["stream_id", "seq"])).to_numpy(dtype=bool)
    duplicate = rows.duplicated(["stream_id", "seq", "content_hash"]).to_numpy(dtype=bool)
    conflict = repeats_key & ~duplicate
    malformed = np.logical_or.reduce([mask for name, mask in broken.items() if name.startswith("malformed_row")])
    not_billable = rows["result"].isin(_NOT_BILLABLE).to_numpy(dtype=bool) & ~malformed
    judged = {name: mask & ~duplicate & ~conflict & ~not_billable for name, mask in broken.items()}
    judged["sync_conflict__txn_seq"] = conflict
    bad = np.logical_or.reduce(list(judged.values()))
    rows["verdict"] = np.select(
        [duplicate, not_billable & ~conflict, bad], ["duplicate", "not_billable", "exception"], "sale"
    )
    reasons = np.full(len(rows), "", dtype=object)
    for code in dict.fromkeys(name.partition("__")[0] for name in judged):
        reasons[np.logical_or.reduce([mask for name, mask in judged.items() if name.startswith(f"{code}__")])] += (
            f",{code}"
        )
    rows["reasons"] = "{" + pd.Series(reasons).str[1:] + "}"
    amount = (rows["quantity"] * rows["unit_price_minor"]).where(~_is_too_much(rows)).fillna(0)
    rows["amount_minor"] = amount.mask(rows["result"] == "refund", -amount)
    rows["quantity"] = rows["quantity"].mask(rows["result"] == "refund", -rows["quantity"])
    rows["currency"] = rows["currency"].fillna("XXX")
    return judged

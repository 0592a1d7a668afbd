"""What a person does with a running stack: drop a file, trigger a DAG, use the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.end_to_end.conftest import SAMPLES, Running
from tillflow.codes import Kind
from tillflow.settings import REPOSITORY

pytestmark = pytest.mark.slow

DUMP = SAMPLES / "equipment_sync" / "vm-17-2026-06-11.csv"
ORDERS = SAMPLES / "offline_sales" / "call-centre-orders.csv"
COUNTS = """
select s.status, coalesce(sum(b.read_rows), 0), coalesce(sum(b.sale_rows), 0)
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join intake.balance as b on b.import_id = i.id
where i.file_name = %s
group by i.id, s.status
order by i.id
"""
CARDS = """
select p.state, count(*)
from books.payment as p
inner join intake.import as i on i.id = p.import_id
where i.file_name = %s and p.payment_type = 'CC'
group by p.state
order by p.state
"""
EXPECTED_CARDS = [("failed_hard", 1), ("retry_wait", 2), ("succeeded", 2), ("unknown", 1)]
#: where a card's token and a buyer's address belong; both also as part of a row that waits for a person
OF_TOKENS = {
    "books.offline_sale.card_token",
    "books.payment.card_token",
    "books.payment_attempt.card_token",
    "intake.transaction.raw",
}
OF_ADDRESSES = {
    "books.offline_sale.email",
    "portal.buyer.email",
    # a buyer's record, which is found by the address
    "history.event.subject_key",
    "history.event.after",
    "intake.transaction.raw",
}


def found(running: Running, name: str) -> list[tuple[object, ...]]:
    return running.conn.execute(COUNTS, [name]).fetchall()


def command(running: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TILLFLOW_HOME": str(running.stack.home), "PYTHONPATH": str(REPOSITORY / "include")}
    return subprocess.run(
        [sys.executable, "-m", "tillflow", *arguments],
        capture_output=True, text=True, env=environment, check=False, timeout=400,
    )  # fmt: skip


def test_a_dropped_dump_is_booked_by_its_dag_and_leaves_the_inbox(running: Running) -> None:
    running.drop(Kind.EQUIPMENT_SYNC, DUMP)
    assert running.run("provider", "import_equipment_sync", file=DUMP.name) == "success"
    assert found(running, DUMP.name) == [("requires action", 34, 14)]
    assert not (Path(running.stack.settings.storage) / "inbox" / "equipment_sync" / DUMP.name).exists()


def test_a_person_without_the_grant_is_refused_by_the_dag(running: Running, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.csv"
    foreign.write_bytes(ORDERS.read_bytes().replace(b"\n", b"\r\n"))
    running.drop(Kind.OFFLINE_SALES, foreign, "club-stall")
    assert running.run("uploader", "import_offline_sales", file=foreign.name, channel="club-stall") == "failed"
    assert found(running, foreign.name) == [("rejected", 0, 0)]


def test_a_path_out_of_the_inbox_is_refused(running: Running) -> None:
    before = running.conn.execute("select count(*) from intake.import").fetchone()
    assert running.run("provider", "import_equipment_sync", file="../../../../etc/passwd") == "failed"
    assert running.conn.execute("select count(*) from intake.import").fetchone() == before


def test_the_command_line_previews_imports_and_knows_the_file_again(running: Running, tmp_path: Path) -> None:
    name = "orders-by-hand.csv"
    (tmp_path / name).write_bytes(ORDERS.read_bytes())
    arguments = ("import", str(tmp_path / name), "--kind", "offline_sales", "--channel", "call-centre")

    preview = command(running, *arguments, "--preview")
    assert "AUD: 37 rows read = 12 sale" in preview.stdout, preview
    assert found(running, name) == []

    booked = command(running, *arguments, "--as", "uploader", "--wait")
    assert booked.returncode == 0, booked
    assert "AUD: 37 rows read = 12 sale" in booked.stdout
    # the cards are charged; the soft declines wait for tomorrow
    assert found(running, name) == [("processing", 40, 12)]
    assert running.conn.execute(CARDS, [name]).fetchall() == EXPECTED_CARDS

    again = command(running, *arguments)
    assert again.returncode == 1
    assert "already_imported" in again.stderr
    refused = command(running, *arguments[:-1], "club-stall", "--as", "uploader")
    assert "uploader_not_allowed" in refused.stderr


def test_pins_and_cards_are_in_no_log_mail_or_xcom(running: Running, tmp_path: Path) -> None:
    canary = "73915502846"
    vend = {
        "equipment": "VM-17", "txn_seq": 900_001, "vended_at": "2026-06-01T10:00:00+10:00", "selection": "0001",
        "unit_price": "3.50", "currency": "AUD", "result": "vend", "access_code": "CANARY", "pin": canary,
    }  # fmt: skip
    path = tmp_path / "canary.jsonl"
    path.write_text(json.dumps(vend) + "\n")
    running.drop(Kind.EQUIPMENT_SYNC, path)
    assert running.run("provider", "import_equipment_sync", file=path.name) == "success"
    holding = [
        str(file)
        for file in running.stack.home.rglob("*")
        if file.is_file() and "postgres/pg_wal" not in str(file) and canary.encode() in file.read_bytes()
    ]
    assert holding == []


def test_tokens_and_addresses_are_only_where_they_belong(running: Running, tmp_path: Path) -> None:
    token_canary, address_canary = "kanarienvogel7301", "zeisig7301"
    header, *_ = ORDERS.read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    first = dict.fromkeys(columns, "") | {
        "LOTTERY": "coast-house", "DRAW_NO": "101", "FIRST_NAME": "Ada", "LAST_NAME": "Li", "PRODUCT": "TICKET-1",
        "QUANTITY": "1", "AMOUNT": "5.00", "PAYMENT_TYPE": "CC", "SALE_DATE": "2026-06-09",
        "EMAIL": f"{address_canary}@example.com",
    }  # fmt: skip
    tokens = ("ok", "hard", "soft_forever", "answer_lost", "500_after", "garbage", "reset_after", "unheard_of")
    orders = [
        first | {"ORDER_ID": str(7301 + number), "CARD_TOKEN": f"tok_{token}-{token_canary}"}
        for number, token in enumerate(tokens)
    ]
    orders.append(orders[0] | {"ORDER_ID": "7390", "QUANTITY": "0"})
    path = tmp_path / "birds.csv"
    path.write_text("\n".join([header, *(",".join(order[column] for column in columns) for order in orders)]) + "\n")
    running.drop(Kind.OFFLINE_SALES, path, "call-centre")
    assert running.run("uploader", "import_offline_sales", file=path.name, channel="call-centre") == "success"
    assert running.run("admin", "retry_payments") == "success"
    assert running.run("admin", "send_mail") == "success"

    home = running.stack.home
    looked_at = [file for name in ("logs", "mail", "airflow", "tmp") for file in (home / name).rglob("*")]
    for canary, meant in ((token_canary, OF_TOKENS), (address_canary, OF_ADDRESSES)):
        assert [str(file) for file in looked_at if file.is_file() and canary.encode() in file.read_bytes()] == []
        assert set(columns_holding(running.stack.server.url("airflow"), canary)) == set()
        assert set(columns_holding(running.stack.database_url, canary)) == meant


def test_a_card_number_is_kept_nowhere(running: Running, tmp_path: Path) -> None:
    header, row, *_ = ORDERS.read_text(encoding="utf-8").splitlines()
    number = "4000 0566 5566 5556"
    path = tmp_path / "card.csv"
    path.write_text(f"{header},NOTE\n{row},{number}\n")
    running.drop(Kind.OFFLINE_SALES, path, "call-centre")
    assert running.run("uploader", "import_offline_sales", file=path.name, channel="call-centre") == "failed"
    digits = number.replace(" ", "")
    holding = [
        str(file)
        for file in running.stack.home.rglob("*")
        if file.is_file() and any(text.encode() in file.read_bytes() for text in (number, digits))
    ]
    assert holding == []


def columns_holding(url: str, text: str) -> Iterator[str]:
    """`schema.table.column` of every column of a database in which a value holds the text."""
    with psycopg.connect(url) as conn:
        columns = conn.execute(
            "select c.table_schema, c.table_name, c.column_name from information_schema.columns as c"
            " inner join information_schema.tables as t using (table_schema, table_name)"
            " where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table, column in columns:
            query = sql.SQL("select exists(select from {}.{} where {}::text like %s)").format(
                *map(sql.Identifier, (schema, table, column))
            )
            if conn.execute(query, [f"%{text}%"]).fetchone() == (True,):
                yield f"{schema}.{table}.{column}"

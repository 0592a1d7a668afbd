"""The demo's table: every file with its balance in rows and money, what waits and why, and where to look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.intake.balance import BUCKETS, balance_of
from tillflow.money import from_minor
from tillflow.stack.plan import Stack

_SQL: Final = beside(__file__, "demo.sql")


def print_report(conn: Connection, stack: Stack, console: Console) -> None:
    """Print what happened."""
    console.width = max(console.width, 120)
    console.print(_balances(conn))
    for title, rows in (
        ("refused because of", [f"import {i}: {code} x {count}" for i, code, count in _SQL.first_errors(conn)]),
        ("exceptions, by reason", [f"{reason} {count}" for reason, count in _SQL.reasons(conn)]),
        ("payments", [_payment(*row) for row in _SQL.payments(conn)]),
        (
            "reconciliations of VM-17",
            [f"{done} of {tried} reconciled, {left} failed" for tried, done, left in _SQL.reconciliations(conn)],
        ),
        ("invoices", [_invoice(*row) for row in _SQL.invoices(conn)]),
        ("mail", [subject for subject, _, sent in _SQL.mails(conn) if sent]),
    ):
        console.print(f"[bold]{title}[/]: " + "; ".join(rows), highlight=False, soft_wrap=True)
    console.print(
        f"[bold]where to look[/]: mail {stack.mail_folder}/*.eml; files {stack.settings.storage};"
        f" logs {stack.home / 'logs'}; the same in Airflow's pages: ./tillflow demo --keep",
        highlight=False,
        soft_wrap=True,
    )


def _balances(conn: Connection) -> Table:
    table = Table(title="rows read = sales + exceptions + duplicates + not billable + rejected")
    for heading in ("import", "file", "status", "", "read", "sales", "exceptions", "duplicates", "not billable"):
        table.add_column(heading, justify="left" if heading in {"import", "file", "status"} else "right")
    table.add_column("rejected", justify="right")
    for import_id, kind, file_name, _, status in _SQL.imports(conn):
        lines = balance_of(conn, import_id)
        label = (str(import_id), file_name, status)
        if kind == "portal_data":
            table.add_row(*label, "", *["-"] * 6)
            continue
        table.add_row(*label, "rows", *(_rows(lines, bucket) for bucket in ("read", *BUCKETS)))
        for line in lines:
            money = (from_minor(line[f"{bucket}_minor"], line["currency"]) for bucket in ("read", *BUCKETS))
            table.add_row("", "", "", line["currency"], *money)
    return table


def _rows(lines: tuple[Mapping[str, Any], ...], bucket: str) -> str:
    return str(sum(line[f"{bucket}_rows"] for line in lines))


def _payment(payment_type: str, state: str, currency: str, count: int, minor: int) -> str:
    return f"{payment_type} {state.replace('_', ' ')}: {count}, {from_minor(minor, currency)} {currency}"


def _invoice(
    number: str, customer: str, currency: str, net: int, tax: int, total: int, current_rows: int, current: int,
    backdated_rows: int, backdated: int,
) -> str:  # fmt: skip
    amounts = [from_minor(minor, currency) for minor in (current, backdated, net, tax, total)]
    return (
        f"{number} for {customer}: current {current_rows} sales {amounts[0]}, backdated {backdated_rows} sales"
        f" {amounts[1]}, net {amounts[2]}, tax {amounts[3]}, total {amounts[4]} {currency}"
    )

"""The committed sample files show what their README says, and together show everything."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tillflow.codes import PaymentType
from tillflow.samples.model import PortalSample
from tillflow.samples.oracle import Expected, OfflineOracle, SyncOracle

SAMPLES = Path(__file__).resolve().parents[3] / "include" / "samples"
PORTAL = PortalSample.from_folder(SAMPLES / "portal_data")
VM_17, ALL_MACHINES = "vm-17-2026-06-11.csv", "all-machines-2026-06-16.jsonl"
ORDERS = "call-centre-orders.csv"
METERED = "vm-18-2026-06-16.csv"
SYNC_REASONS = {
    "unknown_product_selection", "unknown_user", "user_role_mismatch", "user_access_issue",
    "unknown_equipment", "bad_timestamp", "malformed_row", "sync_conflict",
}  # fmt: skip
ORDER_REASONS = {
    "order_conflict", "unknown_lottery", "draw_not_open", "unknown_product", "amount_mismatch",
    "currency_mismatch", "bad_currency", "bad_amount", "bad_quantity", "bad_first_name", "bad_last_name",
    "bad_title", "missing_address", "bad_address", "bad_postcode", "bad_country", "bad_email", "bad_phone",
    "unknown_customer", "bad_customer_id", "missing_payment_ref", "missing_card_token",
    "card_token_not_allowed", "bad_sale_date", "sale_date_in_future",
}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines(keepends=True), strict=True))


@pytest.fixture(scope="module", params=[datetime(2026, 6, 17, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)])
def judged(request: pytest.FixtureRequest) -> dict[str, list[Expected]]:
    """Whenever they are imported, they are judged alike."""
    sync = SyncOracle(PORTAL, request.param)
    orders = OfflineOracle(PORTAL, "call-centre", request.param)
    return {
        VM_17: sync.judge_file(rows_of(SAMPLES / "equipment_sync" / VM_17)),
        ALL_MACHINES: sync.judge_file(rows_of(SAMPLES / "equipment_sync" / ALL_MACHINES), first_row=1),
        METERED: sync.judge_file(rows_of(SAMPLES / "completeness" / METERED)),
        ORDERS: orders.judge_file(rows_of(SAMPLES / "offline_sales" / ORDERS)),
    }


def described(file: str) -> list[tuple[int, str]]:
    """(row, what becomes of it) of the README's table for that file."""
    page = (SAMPLES / "README.md").read_text(encoding="utf-8")
    (section,) = [part for part in page.split("\n## ") if part.startswith(file)]
    return [(int(row), becomes) for row, becomes in re.findall(r"^\| (\d+) \| (.*?) \|", section, re.MULTILINE)]


def in_words(row: Expected) -> str:
    return ", ".join(f"`{reason}`" for reason in sorted(row.reasons)) or row.verdict.replace("_", " ")


@pytest.mark.parametrize("file", [VM_17, ALL_MACHINES, METERED, ORDERS])
def test_the_readme_says_what_becomes_of_every_row(file: str, judged: dict[str, list[Expected]]) -> None:
    assert described(file) == [(row.row_no, in_words(row)) for row in judged[file]]


def test_together_they_show_every_reason_and_verdict(judged: dict[str, list[Expected]]) -> None:
    sync = judged[VM_17] + judged[ALL_MACHINES]
    assert {reason for row in sync for reason in row.reasons} == SYNC_REASONS
    assert {reason for row in judged[ORDERS] for reason in row.reasons} == ORDER_REASONS
    assert {row.verdict.value for row in sync} == {"sale", "exception", "duplicate", "not_billable"}


def test_every_payment_type_and_scripted_card_is_charged(judged: dict[str, list[Expected]]) -> None:
    rows = rows_of(SAMPLES / "offline_sales" / ORDERS)
    good = [row for row, becomes in zip(rows, judged[ORDERS], strict=True) if becomes.verdict == "sale"]
    assert {row["PAYMENT_TYPE"] for row in good} == set(PaymentType)
    tokens = {"tok_ok", "tok_soft_twice_then_ok", "tok_soft_forever", "tok_hard", "tok_answer_lost"}
    assert {row["CARD_TOKEN"] for row in good} - {""} == tokens


def test_the_orders_have_no_file_error() -> None:
    for row in rows_of(SAMPLES / "offline_sales" / ORDERS):
        assert None not in row
        assert row["ORDER_ID"].isdigit()
        assert row["DRAW_NO"].lower() == "next" or row["DRAW_NO"].isdigit()
        assert row["PAYMENT_TYPE"] in set(PaymentType)
        assert not any(re.search(r"[0-9](?:[ -]?[0-9]){12}", value) for value in row.values())


def test_the_portal_data_has_the_promised_size_and_refers_only_to_itself() -> None:
    assert len(PORTAL.customers) == 2
    assert len({customer.zone for customer in PORTAL.customers}) == 2
    assert len({customer.currency for customer in PORTAL.customers}) == 2
    assert (len(PORTAL.sites), len(PORTAL.equipment), len(PORTAL.users)) == (3, 5, 30)
    users = {(user.customer, user.user) for user in PORTAL.users}
    assert {(access.customer, access.user) for access in PORTAL.access} <= users
    machines = {machine.equipment for machine in PORTAL.equipment}
    dated = [*PORTAL.allocations, *PORTAL.planograms, *PORTAL.access]
    assert {row.equipment for row in dated} == machines
    assert {line.product for line in PORTAL.planograms} <= {product.product for product in PORTAL.products}


def test_the_portal_data_written_again_is_the_same() -> None:
    for name, content in PORTAL.files().items():
        assert (SAMPLES / "portal_data" / name).read_bytes() == content, name


def test_the_story_of_the_missing_selection_can_be_reconciled() -> None:
    line = PORTAL.planograms[0]
    assert line.equipment == "VM-17"
    fields = {name: getattr(line, name) for name in line.__slots__} | {"selection": "000C", "product": "1005"}
    mended = PortalSample(**{**vars(PORTAL), "planograms": (*PORTAL.planograms, type(line)(**fields))})
    oracle = SyncOracle(mended, datetime(2026, 7, 1, tzinfo=UTC))
    verdicts = oracle.judge_file(rows_of(SAMPLES / "equipment_sync" / VM_17))
    assert [row.verdict for row in verdicts if row.row_no in {5, 6}] == ["sale", "sale"]


def test_the_refused_files_are_broken_as_described() -> None:
    header = (SAMPLES / "refused" / "wrong-header.csv").read_text().splitlines()[0].split(",")
    assert {"PRODUCT", "CARD_TOKEN"}.isdisjoint(header)
    assert "CHANNEL" in header
    with pytest.raises(csv.Error):
        rows_of(SAMPLES / "refused" / "ragged-rows.csv")

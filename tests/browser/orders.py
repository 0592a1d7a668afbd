"""Files of offline sales, written for one test: the columns of the samples, orders of its own."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.conftest import SAMPLES

_ORDER = {
    "LOTTERY": "coast-house", "DRAW_NO": "101", "FIRST_NAME": "Grace", "LAST_NAME": "Okafor",
    "EMAIL": "grace.okafor@example.com", "PRODUCT": "TICKET-1", "QUANTITY": "1", "AMOUNT": "5.00",
    "PAYMENT_TYPE": "CASH", "SALE_DATE": "2026-06-09",
}  # fmt: skip


def write_orders(path: Path, first: int, *changed: Mapping[str, str]) -> Path:
    """A file with one order for each of `changed`, numbered from `first`: a cash sale, except for what is changed."""
    with (SAMPLES / "offline_sales" / "call-centre-orders.csv").open(encoding="utf-8", newline="") as sample:
        columns = next(csv.reader(sample))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({"ORDER_ID": str(first + number), **_ORDER, **one} for number, one in enumerate(changed))
    return path

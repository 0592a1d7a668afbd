"""For arbitrary files, repeated and overlapping and in any order, the books hold what the oracle says.

The oracle is plain Python written from the same rules by other hands. These examples leave the gate out, whose
agreement with the judge has its own test; everything else is the real way from bytes to committed rows.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.importing import Importer
from tests.strategies import CHANNEL, PORTAL, GivenFile, order_files, sync_dumps
from tillflow.codes import Kind
from tillflow.errors import FileRefusedError
from tillflow.intake import booking
from tillflow.samples.expected import balance
from tillflow.samples.generate import NOW
from tillflow.samples.oracle import OfflineOracle, SyncOracle

#: codes of the rules that refuse the whole file
CRITICAL = {"order_id_not_integer", "draw_no_invalid", "payment_type_unknown"}

#: hundreds of whole imports a test: minutes, and on a busy machine many
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: of each kind; shared out among tests that may run beside each other
EXAMPLES = 250
PARTS = 2

many_examples = settings(
    max_examples=EXAMPLES // PARTS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "gather_evidence", lambda *args, **kwargs: None)
    monkeypatch.setattr(booking, "run_gate", lambda *args, **kwargs: [])


@pytest.mark.parametrize("part", range(PARTS))
@many_examples
@given(dumps=sync_dumps(max_files=2, max_rows=12))
def test_dumps_are_judged_as_the_oracle_judges(importer: Importer, part: int, dumps: list[GivenFile]) -> None:
    importer.forget()
    oracle = SyncOracle(PORTAL, NOW)
    contents: set[bytes] = set()
    for dump in dumps:
        if dump.content in contents:
            with pytest.raises(FileRefusedError, match="already_imported"):
                importer.take(Kind.EQUIPMENT_SYNC, dump.content, dump.name)
            continue
        contents.add(dump.content)
        expected = oracle.judge_file(dump.rows, first_row=dump.first_row)
        if not expected:
            with pytest.raises(FileRefusedError, match="empty_file"):
                importer.take(Kind.EQUIPMENT_SYNC, dump.content, dump.name)
            continue
        booked = importer.take(Kind.EQUIPMENT_SYNC, dump.content, dump.name)
        assert importer.rows(booked.import_id) == expected
        assert_balanced(booked, expected)
        readings = "select row_no, meter from intake.meter_reading where import_id = %s"
        found = importer.conn.execute(readings, [booked.import_id]).fetchall()
        assert dict(found) == oracle.readings(dump.rows, expected)


@pytest.mark.parametrize("part", range(PARTS))
@many_examples
@given(files=order_files(max_files=2, max_rows=12))
def test_orders_are_judged_as_the_oracle_judges(importer: Importer, part: int, files: list[GivenFile]) -> None:
    importer.forget()
    oracle = OfflineOracle(PORTAL, CHANNEL, NOW)
    contents: set[bytes] = set()
    for file in files:
        if file.content in contents:
            continue
        contents.add(file.content)
        expected = oracle.judge_file(file.rows, first_row=file.first_row)
        if not expected:
            continue
        booked = importer.take(Kind.OFFLINE_SALES, file.content, file.name)
        assert importer.rows(booked.import_id) == expected
        assert_balanced(booked, expected)


def assert_balanced(booked: booking.Booked, expected: list) -> None:  # type: ignore[type-arg]
    total = balance(expected)
    read: dict[str, int] = {}
    for line in booked.balance:
        read[line["currency"]] = line["read_minor"]
        parts = ("sale", "exception", "duplicate", "not_billable", "rejected")
        assert line["read_rows"] == sum(line[f"{part}_rows"] for part in parts)
        assert line["read_minor"] == sum(line[f"{part}_minor"] for part in parts)
    assert read == total.by_currency()
    assert sum(line["read_rows"] for line in booked.balance) == total.read

"""Nothing goes missing unnoticed: running numbers, silent machines, and counters against recorded vends."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.equipment_sync.conftest import GOOD, SAMPLES, SECOND_SYNC, Machines
from tillflow.codes import Kind
from tillflow.db.connection import connect
from tillflow.equipment_sync import completeness_export as export
from tillflow.equipment_sync.completeness import (
    MachineFilter,
    MeterDifference,
    MissingTransactions,
    Received,
    meter_differences,
    missing_transactions,
    silent_machines,
    unreadable_readings,
)
from tillflow.undo import undo

WRONG_CARD = {"card_no": "nobody"}
MALFORMED = {"unit_price": "2,50"}
EVERY_DAY = Received(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def gaps(machines: Machines, **wanted: Any) -> list[tuple[str, str, str]]:
    found = missing_transactions(machines.conn, MachineFilter(**wanted))
    return [(one.asset_no, one.boot_id, one.numbers) for one in found]


def meters(machines: Machines, **wanted: Any) -> list[tuple[str, int, int, int, int, int]]:
    """Selection, both numbers, counted, recorded, numbers missing between."""
    found = meter_differences(machines.conn, MachineFilter(**wanted))
    return [(one.selection, one.seq_before, one.seq, one.counted, one.recorded, one.missing) for one in found]


def at(minute: int) -> dict[str, str]:
    return {"vended_at": f"2026-06-12T09:{minute:02}:00+10:00"}


def numbered(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"txn_seq": str(number), **at(number), **fields} for number in numbers]


def next_day(machines: Machines, row: dict[str, str]) -> Received:
    """Book one vend a day later, by a CSV; the time in which its file came."""
    machines.importer.now = SECOND_SYNC + timedelta(hours=24)
    columns = ("equipment", "boot_id", "selection", "product_code", "unit_price", "currency", "card_no",
               "facility_id", "result", "txn_seq", "vended_at", "meter")  # fmt: skip
    content = ",".join(columns) + "\n" + ",".join(row[name] for name in columns) + "\n"
    machines.importer.take(Kind.EQUIPMENT_SYNC, content.encode(), "next.csv")
    return Received(machines.importer.now, machines.importer.now + timedelta(hours=1))


class TestMissingTransactions:
    def test_a_dump_without_gaps_reports_nothing(self, machines: Machines) -> None:
        machines.vends(*numbered(7, 8, 9))  # the first number seen is no gap
        assert gaps(machines) == []

    def test_ranges_are_reported_with_the_vends_around_them(self, machines: Machines) -> None:
        machines.vends(*numbered(1, 2, 5, 7))
        found = list(missing_transactions(machines.conn))
        assert [(one.numbers, one.count) for one in found] == [("3-4", 2), ("6", 1)]
        moment = datetime(2026, 6, 11, 23, 2, tzinfo=UTC)
        assert found[0] == MissingTransactions(
            "VM-17", "B9", "harbour", "Harbour Mining Pty Ltd", "harbour-depot", found[0].site_name,
            "Australia/Sydney", 3, 4, moment, moment + timedelta(minutes=3),
        )  # fmt: skip

    def test_every_row_ever_recorded_fills_its_number(self, machines: Machines) -> None:
        machines.vends(
            *numbered(1),
            *numbered(2, **WRONG_CARD),
            *numbered(3, result="test"),
            *numbered(4, **MALFORMED),
            *numbered(5, result="refund"),
            *numbered(5, result="refund", unit_price="9.00"),  # a conflicting copy
            *numbered(6, result="free", vended_at="2026-06-12T09:06:00.5+23:59"),  # PostgreSQL takes no such offset
            *numbered(8),
        )
        assert gaps(machines) == [("VM-17", "B9", "7")]
        assert [one.before_at for one in missing_transactions(machines.conn)] == [None]

    def test_a_vend_of_a_machine_nobody_knows_counts_too(self, machines: Machines) -> None:
        machines.vends(*numbered(1, 3, equipment="VM-99"))
        (one,) = missing_transactions(machines.conn)
        assert (one.asset_no, one.numbers, one.customer, one.zone) == ("VM-99", "2", None, "UTC")

    def test_a_late_dump_closes_its_gap_or_a_part_of_it(self, machines: Machines) -> None:
        machines.vends(*numbered(1, 6))
        machines.vends(*numbered(1, 3, 4))  # 1 again: a duplicate
        assert gaps(machines) == [("VM-17", "B9", "2"), ("VM-17", "B9", "5")]
        machines.vends(*numbered(2, result="failed"), *numbered(5, **WRONG_CARD))
        assert gaps(machines) == []

    def test_a_boot_that_begins_anew_is_a_sequence_of_its_own(self, machines: Machines) -> None:
        machines.vends(*numbered(1, 2, boot_id="B1"), *numbered(9, 10, boot_id="B2"), *numbered(12, boot_id="B2"))
        assert gaps(machines) == [("VM-17", "B2", "11")]

    def test_a_number_that_cannot_be_read_fills_no_gap(self, machines: Machines) -> None:
        machines.vends(*numbered(1), {"txn_seq": "two"}, *numbered(3))
        assert gaps(machines) == [("VM-17", "B9", "2")]

    def test_a_reconciled_exception_leaves_no_gap(self, machines: Machines) -> None:
        machines.vends(*numbered(1), *numbered(2, card_no="00099999"), *numbered(3))
        machines.conn.execute(
            "insert into books.vend_sale select stream_id, seq, import_id, row_no, now(), now(), 1, 1, 1, '0001', 1,"
            " 350, 350, 350, 'AUD', content_hash from intake.transaction"
        )
        machines.conn.execute("update books.exception set state = 'reconciled', reasons = '{}', closed_at = now()")
        assert gaps(machines) == []

    def test_filters_go_by_where_the_machine_stood_when_it_vended_again(self, machines: Machines) -> None:
        moved = {"equipment": "VM-21", "selection": "0001", **WRONG_CARD}
        machines.vends(
            {**moved, "txn_seq": "1", "vended_at": "2026-06-01T10:00:00+10:00"},
            {**moved, "txn_seq": "3", "vended_at": "2026-06-02T10:00:00+10:00"},
            {**moved, "txn_seq": "5", "vended_at": "2026-06-12T10:00:00+02:00"},
        )
        assert gaps(machines, customer="harbour") == [("VM-21", "B9", "2")]
        assert gaps(machines, customer="rhein") == [("VM-21", "B9", "4")]
        assert gaps(machines, site="rhein-halle") == [("VM-21", "B9", "4")]
        assert gaps(machines, equipment="VM-17") == []
        assert len(gaps(machines, equipment="VM-21")) == 2

    def test_of_a_days_files_only_what_they_begin_or_follow(self, machines: Machines) -> None:
        machines.vends(*numbered(1, 3))
        machines.importer.now = later = SECOND_SYNC + timedelta(hours=24)
        rows = [{**GOOD, "txn_seq": str(number), **at(number)} for number in (6, 7, 9)]
        content = "equipment,boot_id,vended_at,selection,product_code,unit_price,currency,card_no,facility_id,result"
        lines = [f"txn_seq,{content}", *(",".join([r["txn_seq"], *(r[c] for c in content.split(","))]) for r in rows)]
        machines.importer.take(Kind.EQUIPMENT_SYNC, "\n".join(lines).encode(), "next.csv")
        days = [Received(day, day + timedelta(hours=24)) for day in (SECOND_SYNC, later, later + timedelta(hours=24))]
        found = [[one.numbers for one in missing_transactions(machines.conn, received=day)] for day in days]
        assert found == [["2", "4-5", "8"], ["4-5", "8"], []]

    def test_the_sample_dumps_show_none(self, synced: Machines) -> None:
        assert gaps(synced, equipment="VM-17") == []


class TestMeters:
    def test_a_counter_that_agrees_reports_nothing(self, machines: Machines) -> None:
        machines.vends(
            *numbered(1, meter="500"),
            *numbered(2, quantity="3"),  # not read at every vend
            *numbered(3, result="test"),
            *numbered(4, result="refund"),
            *numbered(5, result="failed"),
            *numbered(6, **WRONG_CARD),  # recorded, whatever becomes of it
            *numbered(7, selection="0002", product_code="1002", meter="70"),
            *numbered(8, meter="505"),
        )
        assert meters(machines) == []

    def test_a_counter_that_is_ahead_is_reported_with_what_is_missing(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2), *numbered(5, meter="504"), *numbered(6, meter="507"))
        assert meters(machines) == [("0001", 1, 5, 4, 2, 2), ("0001", 5, 6, 3, 1, 0)]
        (first, _) = meter_differences(machines.conn)
        assert isinstance(first, MeterDifference)
        assert (first.unrecorded, first.customer, first.site, first.board_id) == (2, "harbour", "harbour-depot", "")

    def test_a_counter_that_is_behind_is_reported(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2, 3), *numbered(4, meter="501"))
        (one,) = meter_differences(machines.conn)
        assert (one.counted, one.recorded, one.unrecorded) == (1, 3, -2)

    def test_a_late_dump_settles_the_difference(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(4, meter="503"))
        assert meters(machines) == [("0001", 1, 4, 3, 1, 2)]
        machines.vends(*numbered(2, 3))
        assert meters(machines) == []

    @pytest.mark.parametrize(
        "swapped",
        [{"board_id": "C2", "meter": "900"}, {"meter": "3"}, {"boot_id": "B10", "meter": "900"}],
        ids=["another board", "a counter that goes down", "another boot"],
    )
    def test_a_swapped_board_is_a_new_beginning(self, machines: Machines, swapped: dict[str, str]) -> None:
        before = numbered(1, meter="500", board_id=swapped.get("board_id") and "C1")
        machines.vends(*before, *numbered(2, **swapped))
        assert meters(machines) == []
        again = swapped | {"meter": str(int(swapped["meter"]) + 5)}
        machines.vends(*numbered(3, **again))  # but from there on it counts
        assert meters(machines) == [("0001", 2, 3, 5, 1, 0)]

    @pytest.mark.parametrize("unreadable", [MALFORMED, {"quantity": "many"}, {"result": "sold"}])
    def test_around_a_row_that_cannot_be_read_nothing_is_claimed(
        self, machines: Machines, unreadable: dict[str, str]
    ) -> None:
        machines.vends(
            *numbered(1, meter="500"), *numbered(2, **unreadable), *numbered(3, meter="505"), *numbered(4, meter="509")
        )
        assert meters(machines) == [("0001", 3, 4, 4, 1, 0)]

    @pytest.mark.parametrize("meter", ["12.5", "-1", "n/a", "9" * 16, "１"])
    def test_a_reading_that_cannot_be_read_changes_no_verdict(self, machines: Machines, meter: str) -> None:
        found = machines.vends(*numbered(1, meter="500"), *numbered(2, meter=meter), *numbered(3, meter="502"))
        assert [row.verdict for row in machines.importer.rows(found)] == ["sale"] * 3
        assert meters(machines) == []
        day = Received(SECOND_SYNC, SECOND_SYNC + timedelta(hours=1))
        assert unreadable_readings(machines.conn, day) == 1

    def test_the_same_row_with_another_reading_is_still_a_duplicate(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2, meter="501"))
        again = machines.vends(*numbered(2, meter="777"), *numbered(3))
        assert [row.verdict for row in machines.importer.rows(again)] == ["duplicate", "sale"]
        assert meters(machines) == []

    def test_the_reading_of_an_exception_stays_when_it_becomes_a_sale(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2, meter="502", card_no="00099999"))
        assert meters(machines) == [("0001", 1, 2, 2, 1, 0)]
        machines.conn.execute(
            "insert into books.vend_sale select stream_id, seq, import_id, row_no, now(), now(), 1, 1, 1, '0001', 1,"
            " 350, 350, 350, 'AUD', content_hash from intake.transaction"
        )
        machines.conn.execute("update books.exception set state = 'reconciled', reasons = '{}', closed_at = now()")
        assert meters(machines) == [("0001", 1, 2, 2, 1, 0)]

    def test_of_a_days_files_also_what_began_before(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2, meter="505"), *numbered(3))
        day = next_day(machines, {**GOOD, **at(4), "txn_seq": "4", "meter": "509"})
        found = [(one.seq_before, one.seq, one.counted, one.recorded) for one in
                 meter_differences(machines.conn, received=day)]  # fmt: skip
        assert found == [(2, 4, 4, 2)]

    def test_a_reading_that_was_taken_back_is_as_if_never_made(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2))
        # a wrong dump: an unreadable counter, and an exception that is taken back as a transaction
        wrong = machines.vends(
            *numbered(3, meter="900"), *numbered(4, meter="none"), *numbered(6, meter="1", **MALFORMED)
        )
        assert meters(machines) == [("0001", 1, 3, 400, 2, 0)]
        assert unreadable_readings(machines.conn, EVERY_DAY) == 1
        assert undo(machines.conn, wrong, actor="lead", now=machines.importer.now, reason="the wrong dump").is_whole
        assert (meters(machines), gaps(machines)) == ([], [])
        assert unreadable_readings(machines.conn, EVERY_DAY) == 0

        next_day(
            machines, {**GOOD, **at(3), "txn_seq": "3", "meter": "505"}
        )  # the number is free again, and so is its counter
        assert meters(machines) == [("0001", 1, 3, 5, 2, 0)]

    def test_what_was_taken_back_does_not_shorten_the_look_back_of_a_day(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"), *numbered(2))
        wrong = machines.vends(*numbered(5, meter="501"), *numbered(6, meter="502", **MALFORMED))
        undo(machines.conn, wrong, actor="lead", now=machines.importer.now, reason="the wrong dump")
        day = next_day(machines, {**GOOD, **at(8), "txn_seq": "8", "meter": "509"})
        found = [(one.seq_before, one.seq, one.counted, one.recorded) for one in
                 meter_differences(machines.conn, received=day)]  # fmt: skip
        assert found == [(1, 8, 9, 2)]
        assert [one.numbers for one in missing_transactions(machines.conn, received=day)] == ["3-7"]

    def test_nobody_edits_a_reading(self, machines: Machines) -> None:
        machines.vends(*numbered(1, meter="500"))
        with pytest.raises(psycopg.Error):
            machines.conn.execute("update intake.meter_reading set meter = 1")


def test_the_sample_with_counters_shows_what_its_page_says(synced: Machines) -> None:
    content = (SAMPLES / "completeness" / "vm-18-2026-06-16.csv").read_bytes()
    synced.importer.now = SECOND_SYNC + timedelta(hours=48)
    synced.importer.take(Kind.EQUIPMENT_SYNC, content, "vm-18.csv")
    assert gaps(synced, equipment="VM-18") == [("VM-18", "M1", "5-6")]
    assert meters(synced) == [("0002", 2, 7, 3, 1, 2)]


def test_a_test_vend_shows_that_a_machine_is_not_silent(machines: Machines) -> None:
    now = datetime(2026, 6, 16, 12, tzinfo=UTC)
    silent = [one.asset_no for one in silent_machines(machines.conn, now=now)]
    assert "VM-17" in silent
    machines.vends({"result": "test", "vended_at": "2026-06-16T09:00:00Z"})
    assert [one.asset_no for one in silent_machines(machines.conn, now=now)] == [x for x in silent if x != "VM-17"]
    assert silent_machines(machines.conn, MachineFilter(equipment="VM-17"), now=now) == []
    (one,) = silent_machines(machines.conn, MachineFilter(equipment="VM-18"), now=now)
    assert one.last_vend_at is None


@pytest.mark.parametrize(
    "fields",
    [
        WRONG_CARD,
        {"txn_seq": "many"},
        MALFORMED,
        {"result": "free"},
        {"txn_seq": "many", **WRONG_CARD},
        {},
    ],
    ids=["exception", "number unreadable", "price unreadable", "free", "number unreadable, card unknown", "sale"],
)
def test_whatever_became_of_its_latest_vend_a_machine_was_heard_of_then(
    machines: Machines, fields: dict[str, str]
) -> None:
    machines.vends({"vended_at": "2026-06-10T09:00:00Z"}, {"vended_at": "2026-06-13T09:00:00Z"} | fields)
    (one,) = silent_machines(
        machines.conn, MachineFilter(equipment="VM-17"), now=datetime(2026, 6, 16, 12, 30, tzinfo=UTC)
    )
    assert (one.last_vend_at, one.silent_hours) == (datetime(2026, 6, 13, 9, tzinfo=UTC), 75)


def test_a_machine_whose_clock_is_ahead_was_heard_of_when_its_row_was_recorded(machines: Machines) -> None:
    machines.vends({"vended_at": "2099-01-01T00:00:00Z"})
    now = SECOND_SYNC + timedelta(hours=60)
    (one,) = silent_machines(machines.conn, MachineFilter(equipment="VM-17"), now=now)
    assert (one.last_vend_at, one.silent_hours) == (SECOND_SYNC, 60)


def test_silent_machines_are_looked_up_whatever_was_ever_recorded(database: str, machines: Machines) -> None:
    machines.vends({"vended_at": "2026-06-13T09:00:00Z"} | WRONG_CARD)
    with connect(database) as owner:
        owner.execute(
            "insert into books.exception (import_id, row_no, kind, reasons, state, closed_at, occurred_at, recorded_at,"
            " asset_no, equipment_id, currency, amount_minor)"
            " select 999, n, 'equipment_sync', '{malformed_row}', 'written_off', now(),"
            " timestamptz '2026-06-01Z' - n * interval '1 minute', '2026-06-01Z', 'VM-17', x.equipment_id, 'AUD', 1"
            " from books.exception as x cross join generate_series(1, 20000) as n"
        )
        owner.execute("analyze books.exception")
    now = datetime(2026, 6, 16, 12, tzinfo=UTC)
    touched = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"
    with machines.conn.transaction():
        found = {one.asset_no: one.last_vend_at for one in silent_machines(machines.conn, now=now)}
        rows = machines.conn.execute(f"{touched} where relname = 'exception'").fetchone()
    assert found["VM-17"] == datetime(2026, 6, 13, 9, tzinfo=UTC)
    assert rows is not None
    assert rows[0] < 20


def test_every_list_is_a_csv_file(machines: Machines) -> None:
    machines.vends(*numbered(1, meter="500"), *numbered(4, meter="502"))
    now = datetime(2026, 6, 16, 12, tzinfo=UTC)
    files = {
        export.MISSING_HEADER: export.missing_csv(missing_transactions(machines.conn)),
        export.METER_HEADER: export.meter_csv(meter_differences(machines.conn)),
        export.SILENT_HEADER: export.silent_csv(silent_machines(machines.conn, now=now)),
    }
    read = []
    for header, chunks in files.items():
        rows = list(csv.DictReader(io.StringIO(b"".join(chunks).decode("utf-8-sig"))))
        assert tuple(rows[0]) == header
        read.append(rows)
    assert (read[0][0]["FIRST_MISSING"], read[0][0]["LAST_MISSING"], read[0][0]["MISSING"]) == ("2", "3", "2")
    assert read[0][0]["VEND_BEFORE"] == "2026-06-12 09:01:00+10:00"
    assert (read[1][0]["COUNTED"], read[1][0]["RECORDED"], read[1][0]["MISSING_TRANSACTIONS"]) == ("2", "1", "2")
    assert "VM-18" in [row["EQUIPMENT"] for row in read[2]]

"""Dates in the zone of the place, periods that do not overlap, and how one ends where the next begins."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from tillflow.errors import FileRefusedError

# mypy: the fixtures' class stands in conftest.py
Portal = Any

ALLOCATIONS = (
    "select e.asset_no || ' ' || s.key || ' ' || a.valid::text from portal.allocation as a"
    " join portal.equipment as e on e.id = a.equipment_id join portal.site as s on s.id = a.site_id"
    " order by a.equipment_id, a.valid"
)


def allocations(portal: Portal, rows: str, header: str = "equipment,site,valid_from,valid_to") -> Any:
    return portal.load(allocations=f"{header}\n{rows}\n").counts["allocations"]


@pytest.mark.parametrize(
    ("zone", "valid_from", "valid_to", "stored"),
    [
        ("Australia/Sydney", "2025-10-05", "2025-10-06", '["2025-10-04 14:00:00+00","2025-10-05 13:00:00+00")'),
        ("Africa/Cairo", "2025-04-25", "2025-04-26", '["2025-04-24 22:00:00+00","2025-04-25 21:00:00+00")'),
        ("Africa/Cairo", "2025-10-31", "2025-11-01", '["2025-10-30 22:00:00+00","2025-10-31 22:00:00+00")'),
        ("America/Havana", "2025-11-02", "2025-11-03", '["2025-11-02 04:00:00+00","2025-11-03 05:00:00+00")'),
        ("America/Havana", "2025-03-09", "2025-03-10", '["2025-03-09 05:00:00+00","2025-03-10 04:00:00+00")'),
        ("Asia/Beirut", "2025-03-30", "2025-03-31", '["2025-03-29 22:00:00+00","2025-03-30 21:00:00+00")'),
        ("Australia/Lord_Howe", "2025-04-06", "2025-04-07", '["2025-04-05 13:00:00+00","2025-04-06 13:30:00+00")'),
        ("Asia/Kathmandu", "2025-01-01", "2025-01-01T12:00Z", '["2024-12-31 18:15:00+00","2025-01-01 12:00:00+00")'),
    ],
)
def test_a_date_is_the_first_instant_of_that_day_at_the_site(
    filled: Portal, zone: str, valid_from: str, valid_to: str, stored: str
) -> None:
    filled.load(
        sites=f"site,customer,name,zone\nNEW,ACME,New,{zone}\n",
        equipment="equipment\nVM-3\n",
        allocations=f"equipment,site,valid_from,valid_to\nVM-3,NEW,{valid_from},{valid_to}\n",
    )
    assert filled.rows("select valid::text from portal.allocation where site_id = 3") == [(stored,)]


def test_the_session_may_be_in_any_zone(filled: Portal, small_portal: Mapping[str, str]) -> None:
    filled.conn.execute("set timezone = 'Asia/Kathmandu'")
    assert {unchanged - read for read, _, _, unchanged in filled.counts(**small_portal).values()} == {0}
    assert filled.rows("show timezone") == [("Asia/Kathmandu",)]


def test_dates_of_planograms_are_days_where_the_machine_stood(filled: Portal) -> None:
    filled.load(
        equipment="equipment\nVM-3\nVM-4\n",
        allocations="equipment,site,valid_from,valid_to\nVM-3,HQ,2025-01-01,\nVM-3,PAR,2025-07-01T12:00Z,\n",
        planograms="equipment,valid_from,valid_to,selection,product,price,currency\n"
        "VM-3,2024-06-01,2025-02-01,1,1005,1,AUD\n"  # before the first allocation: the first site
        "VM-3,2025-02-01,2025-07-01,1,1005,1,AUD\n"  # moved on that day: the new site
        "VM-3,2025-08-01,,1,1005,1,AUD\n"
        "VM-4,2025-08-01,,1,1005,1,AUD\n",  # never anywhere: the zone of the load
        zone="Asia/Tokyo",
    )
    assert filled.rows("select valid::text from portal.planogram where id > 2 order by equipment_id, valid") == [
        ('["2024-05-31 14:00:00+00","2025-01-31 13:00:00+00")',),
        ('["2025-01-31 13:00:00+00","2025-06-30 22:00:00+00")',),
        ('["2025-07-31 22:00:00+00",)',),
        ('["2025-07-31 15:00:00+00",)',),
    ]


def test_dates_of_draws_and_products_are_days_of_the_loads_zone(filled: Portal) -> None:
    filled.load(
        draws="lottery,draw_no,opens_at,closes_at\nGOLD,2,2026-04-05,2026-04-06\n",
        products="product,name,not_invoiced_from\n1005,Cola,2026-04-06\n",
        zone="Australia/Sydney",
    )
    assert filled.rows("select open_during::text from portal.draw where draw_no = 2") == [
        ('["2026-04-04 13:00:00+00","2026-04-05 14:00:00+00")',)
    ]
    assert filled.rows("select not_invoiced_from::text from portal.product where code = '1005'") == [
        ("2026-04-05 14:00:00+00",)
    ]


def test_moving_a_machine_ends_where_it_stood(filled: Portal) -> None:
    start = filled.last_event
    count = allocations(filled, "VM-1,PAR,2026-03-01,")
    assert (count.read, count.added, count.changed, count.ended) == (1, 1, 0, 1)
    assert filled.rows(ALLOCATIONS)[:2] == [
        ('VM-1 HQ ["2024-12-31 13:00:00+00","2026-02-28 23:00:00+00")',),
        ('VM-1 PAR ["2026-02-28 23:00:00+00",)',),
    ]
    hq = {"equipment": "VM-1", "site": "HQ", "valid_from": "2024-12-31T13:00:00+00:00", "valid_to": None}
    par = {"equipment": "VM-1", "site": "PAR", "valid_from": "2026-02-28T23:00:00+00:00", "valid_to": None}
    assert sorted(filled.history("allocations", start)) == [
        ("VM-1/2024-12-31T13:00:00Z", "changed", hq, hq | {"valid_to": "2026-02-28T23:00:00+00:00"}),
        ("VM-1/2026-02-28T23:00:00Z", "added", None, par),
    ]
    assert filled.rows("select distinct reason from history.event where id > %s order by 1", start) == [
        ("ended because the next period begins",),
        (None,),
    ]
    again = allocations(filled, "VM-1,PAR,2026-03-01,")
    assert (again.unchanged, again.ended) == (1, 0)


def test_the_first_file_sent_again_does_not_undo_the_move(filled: Portal, small_portal: Mapping[str, str]) -> None:
    allocations(filled, "VM-1,PAR,2026-03-01,")
    moved = filled.everything()
    assert filled.counts(allocations=small_portal["allocations"]) == {"allocations": (2, 0, 0, 2)}
    assert filled.everything() == moved


def test_a_chain_of_open_periods_in_one_file(filled: Portal) -> None:
    filled.load(equipment="equipment\nVM-3\n")
    rows = "VM-3,PAR,2026-03-01,\nVM-3,HQ,2026-01-01,\nVM-3,HQ,2026-02-01,2026-02-10"
    assert allocations(filled, rows).added == 3
    assert filled.rows(ALLOCATIONS)[2:] == [
        ('VM-3 HQ ["2025-12-31 13:00:00+00","2026-01-31 13:00:00+00")',),
        ('VM-3 HQ ["2026-01-31 13:00:00+00","2026-02-09 13:00:00+00")',),
        ('VM-3 PAR ["2026-02-28 23:00:00+00",)',),
    ]


def test_an_open_period_before_a_stored_one_lasts_until_it(filled: Portal) -> None:
    count = allocations(filled, "VM-1,PAR,2024-01-01,")
    assert (count.added, count.ended) == (1, 0)
    assert filled.rows(ALLOCATIONS)[0] == ('VM-1 PAR ["2023-12-31 23:00:00+00","2024-12-31 13:00:00+00")',)


def test_a_period_is_ended_by_its_own_row(filled: Portal) -> None:
    count = allocations(filled, "VM-1,HQ,2025-01-01,2026-04-01")
    assert (count.changed, count.ended) == (1, 0)
    assert filled.rows(ALLOCATIONS)[0] == ('VM-1 HQ ["2024-12-31 13:00:00+00","2026-03-31 13:00:00+00")',)
    # without the column, the end stays; with a blank, it is open again
    assert allocations(filled, "VM-1,HQ,2025-01-01", "equipment,site,valid_from").unchanged == 1
    assert allocations(filled, "VM-1,HQ,2025-01-01,").changed == 1


def test_periods_that_touch_do_not_overlap(filled: Portal) -> None:
    assert allocations(filled, "VM-2,HQ,2025-12-31T23:00Z,2026-02-01\nVM-2,PAR,2026-02-01,").added == 2


def test_a_shift_of_a_whole_chain_in_one_file(filled: Portal) -> None:
    allocations(filled, "VM-2,PAR,2026-01-01,2026-02-01\nVM-2,PAR,2026-02-01,2026-03-01")
    rows = "VM-2,PAR,2025-01-01,2025-06-01\nVM-2,PAR,2025-06-01,2025-09-01\nVM-2,PAR,2025-09-01,2026-01-01\n"
    count = allocations(filled, rows + "VM-2,PAR,2026-01-01,2026-01-15\nVM-2,PAR,2026-01-15,2026-02-01")
    assert (count.read, count.added, count.changed) == (5, 3, 2)


def test_a_closed_period_is_never_cut_short(filled: Portal) -> None:
    rows = "equipment,site,valid_from,valid_to\nVM-2,HQ,2025-06-01,\n"
    assert filled.messages(allocations=rows) == [
        "the period 2025-05-31T14:00:00Z to open overlaps the stored period"
        " (2024-12-31T23:00:00Z to 2025-12-31T23:00:00Z)"
    ]


def test_a_period_over_stored_ones(filled: Portal) -> None:
    assert filled.errors(
        allocations="equipment,site,valid_from,valid_to\nVM-2,PAR,2024-01-01,2027-01-01\nVM-1,HQ,2024-01-01,2025-02-01\n"
    ) == [
        ("allocations.csv", 2, "valid_from", "overlapping_period"),
        ("allocations.csv", 3, "valid_from", "overlapping_period"),
    ]


def test_of_two_rows_that_overlap_the_later_one_is_told(filled: Portal) -> None:
    rows = (
        "equipment,site,valid_from,valid_to\n"
        "VM-2,PAR,2026-05-01,2026-07-01\nVM-2,PAR,2026-02-01,2026-06-01\nVM-2,PAR,2026-06-15,2026-06-20\n"
    )
    assert filled.messages(allocations=rows) == [
        "the period 2026-01-31T23:00:00Z to 2026-05-31T22:00:00Z overlaps row 2"
        " (2026-04-30T22:00:00Z to 2026-06-30T22:00:00Z)",
        "the period 2026-06-14T22:00:00Z to 2026-06-19T22:00:00Z overlaps row 2"
        " (2026-04-30T22:00:00Z to 2026-06-30T22:00:00Z)",
    ]


def test_access_is_not_ended_by_another_one(filled: Portal) -> None:
    access = "customer,user,equipment,valid_from,valid_to\nACME,u2,VM-1,2026-03-01,\nACME,u1,VM-1,2026-03-01,\n"
    assert filled.messages(access=access) == [
        "the period 2026-02-28T13:00:00Z to open overlaps the stored period (2026-01-31T13:00:00Z to open)",
        "the period 2026-02-28T13:00:00Z to open overlaps the stored period (always to open)",
    ]


def test_a_later_planogram_ends_the_open_one_before_it(filled: Portal) -> None:
    start = filled.last_event
    count = filled.load(
        planograms="equipment,valid_from,selection,product,price,currency\nVM-1,2026-03-01,0001,1006,2.60,AUD\n"
    ).counts["planograms"]
    assert (count.read, count.added, count.removed, count.ended) == (1, 1, 0, 1)
    key = "VM-1/2024-12-31T13:00:00Z"
    (ended,) = [event for event in filled.history("planograms", start) if event[0] == key]
    assert ended[1:] == (
        "changed",
        {"equipment": "VM-1", "valid_from": "2024-12-31T13:00:00+00:00", "valid_to": None},
        {"equipment": "VM-1", "valid_from": "2024-12-31T13:00:00+00:00", "valid_to": "2026-02-28T13:00:00+00:00"},
    )
    assert filled.rows("select count(*) from portal.selection") == [(4,)]


def test_a_version_in_the_file_replaces_its_selections(filled: Portal) -> None:
    start = filled.last_event
    planograms = (
        "equipment,valid_from,selection,product,price,currency\n"
        "VM-1,2025-01-01,0001,1005,2.50,AUD\nVM-1,2025-01-01,0002,1005,2.50,AUD\n"
    )
    count = filled.load(planograms=planograms).counts["planograms"]
    assert (count.read, count.added, count.changed, count.unchanged, count.removed) == (2, 1, 0, 1, 1)
    version = {"equipment": "VM-1", "valid_from": "2024-12-31T13:00:00+00:00", "valid_to": None}
    chips = version | {"selection": "000C", "product": "1006", "price_minor": 300, "currency": "AUD"}
    cola = version | {"selection": "0002", "product": "1005", "price_minor": 250, "currency": "AUD"}
    assert sorted(filled.history("planograms", start)) == [
        ("VM-1/2024-12-31T13:00:00Z/0002", "added", None, cola),
        ("VM-1/2024-12-31T13:00:00Z/000C", "removed", chips, None),
    ]
    selections = (
        "select s.code from portal.selection as s join portal.planogram as p on p.id = s.planogram_id"
        " where p.equipment_id = 1 order by 1"
    )
    assert filled.rows(selections) == [("0001",), ("0002",)]


def test_whatever_periods_arrive_the_constraint_never_speaks(filled: Portal) -> None:
    """Random files one after the other: each is refused with its reasons, or loads and loads again unchanged."""
    random = Random(7)
    loaded, codes = 0, set[str]()
    for _ in range(60):
        months = random.sample(range(1, 13), 3)
        rows = "".join(
            f"VM-{random.choice('12')},{random.choice(['HQ', 'PAR'])},2026-{month:02}-01,"
            f"{random.choice(['', '', '', f'2026-{random.choice(months):02}-01'])}\n"
            for month in months[: random.choice([1, 1, 2, 3])]
        )
        allocations = f"equipment,site,valid_from,valid_to\n{rows}"
        try:
            filled.load(allocations=allocations)
        except FileRefusedError as refusal:
            codes.update(error.code for error in refusal.errors)
        else:
            loaded += 1
            (count,) = filled.load(allocations=allocations).counts.values()
            assert (count.read, count.ended) == (count.unchanged, 0)
    assert loaded > 5
    assert codes == {"overlapping_period", "bad_value"}

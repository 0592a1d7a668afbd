"""Portal data of any size from a seed, with everything in it that rows can stumble over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from tillflow.money import from_minor
from tillflow.samples import model as m
from tillflow.samples.lottery_data import lottery_tables

#: zone and currency of customers, in turn: half-hour offsets, thirty-minute daylight saving,
#: currencies without and with three decimal places
PLACES: Final = (
    ("Australia/Sydney", "AUD"), ("Europe/Berlin", "EUR"), ("Asia/Tokyo", "JPY"),
    ("Asia/Kuwait", "KWD"), ("America/New_York", "USD"), ("Australia/Lord_Howe", "AUD"),
)  # fmt: skip
#: sizes for `portal`: what a person can read, and what the benchmarks load
SMALL: Final = {"customers": 2, "sites": 3, "machines": 5, "users": 30, "versions": 2, "selections": 8}
LARGE: Final = {
    "customers": 40, "sites": 120, "machines": 600, "users": 50_000, "versions": 3, "selections": 40,
}  # fmt: skip

#: when every machine was first allocated and got its first planogram (in its zone)
OPENING: Final = date(2025, 1, 1)
#: vends are made from this day
FIRST_DAY: Final = date(2026, 1, 1)
#: when the machines that move leave; planogram versions and dated access end on other days
MOVING_DAY: Final = date(2026, 4, 10)
DATED_ACCESS: Final = (date(2026, 3, 1), date(2026, 5, 1))
#: users that every customer has before its ordinary ones, see `_user`
MARKED_USERS: Final = 8

#: what the users of the local stack may do
OPERATORS: Final = (
    m.Operator("admin", "provider"),
    m.Operator("admin", "offline_sales_admin", "call-centre"),
    m.Operator("admin", "offline_sales_admin", "club-stall"),
    m.Operator("uploader", "offline_sales_upload", "call-centre"),
    m.Operator("lottery_admin", "offline_sales_admin", "call-centre"),
    m.Operator("lottery_admin", "offline_sales_admin", "club-stall"),
    m.Operator("provider", "provider"),
    m.Operator("customer_user", "customer_user", None, "customer-1"),
    m.Operator("auditor", "auditor"),
)

_FIRST_NAMES: Final = "Ada Bjørn Chloé Đorđe Eun-ji Fatima Grace Hémi Ísla José Kavya Łukasz 明 Nóra Ömer Zoë".split()
_LAST_NAMES: Final = (
    "Nguyễn O’Brien Müller Παππάς Петров al-Sayed St.John Ito 王 Weiß Núñez Smith Tāwhai Yılmaz".split()
)
_PRODUCTS: Final = "Water,Juice,Trail mix,Safety glasses,Ear plugs,Gloves,Käsebrezel,緑茶,Battery,Mask".split(",")


def portal(
    seed: int = 7,
    *,
    customers: int = 2,
    sites: int = 3,
    machines: int = 5,
    users: int = 30,
    versions: int = 2,
    selections: int = 8,
    access_per_user: int = 3,
    buyers: int = 12,
) -> m.PortalSample:
    """The same arguments give the same data.

    `versions` planogram versions per machine with `selections` lines each. Raises ValueError where
    there are too few of something to show every edge.
    """
    if not (1 <= customers <= sites <= machines) or users < MARKED_USERS * customers:
        raise ValueError(f"needs customers <= sites <= machines and at least {MARKED_USERS} users per customer")
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    customer_rows = [_customer(number) for number in range(customers)]
    site_rows = [_site(number, customer_rows[number % customers]) for number in range(sites)]
    allocations = list(_allocations(machines, site_rows))
    user_rows = [_user(random, number, customer_rows) for number in range(users)]
    return m.PortalSample(
        **lottery_tables(buyers),
        customers=tuple(customer_rows),
        sites=tuple(site_rows),
        equipment=tuple(m.Equipment(_asset_no(number), f"Machine {number + 1}") for number in range(machines)),
        allocations=tuple(allocations),
        products=tuple(_product(number) for number in range(max(10, selections))),
        planograms=tuple(
            line
            for number in range(machines)
            for line in _planogram(random, number, site_rows, customer_rows, versions, selections)
        ),
        users=tuple(user_rows),
        access=tuple(_access(random, user_rows, customers, _hosted(allocations, site_rows), access_per_user)),
        operators=OPERATORS,
    )


def local(day: date, zone: str) -> datetime:
    """Midnight of that day in that zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def _asset_no(number: int) -> str:
    return f"VM-{number + 1:04d}"


def _customer(number: int) -> m.Customer:
    zone, currency = PLACES[number % len(PLACES)]
    key = f"customer-{number + 1}"
    return m.Customer(key, f"Customer {number + 1}", zone, currency, f"{key}@invoices.example")


def _site(number: int, customer: m.Customer) -> m.Site:
    return m.Site(f"site-{number + 1}", customer.customer, f"Site {number + 1}", customer.zone)


def _allocations(machines: int, sites: list[m.Site]) -> Iterator[m.Allocation]:
    """Most stay; of every twenty-five one moves on the day and one is two days on the road."""
    for number in range(machines):
        old, new = sites[number % len(sites)], sites[(number + 1) % len(sites)]
        opening = local(OPENING, old.zone)
        if number % 25 not in {3, 4}:
            yield m.Allocation(_asset_no(number), old.site, opening)
            continue
        leaves = local(MOVING_DAY, old.zone)
        arrives = leaves if number % 25 == 4 else leaves + timedelta(hours=48)
        yield m.Allocation(_asset_no(number), old.site, opening, leaves)
        yield m.Allocation(_asset_no(number), new.site, arrives)


def _hosted(allocations: list[m.Allocation], sites: list[m.Site]) -> dict[str, list[str]]:
    customer_of = {site.site: site.customer for site in sites}
    machines = defaultdict[str, dict[str, None]](dict)
    for allocation in allocations:
        machines[customer_of[allocation.site]][allocation.equipment] = None
    return {customer: list(assets) for customer, assets in machines.items()}


def _product(number: int) -> m.Product:
    name = f"{_PRODUCTS[number % len(_PRODUCTS)]} {number + 1}"
    excluded_from = local(date(2026, 5, 1), "UTC") if number % 10 == 3 else None
    return m.Product(f"{1001 + number}", name, ("0", "10", "19")[number % 3], excluded_from)


def _planogram(
    random: Random,
    machine: int,
    sites: list[m.Site],
    customers: list[m.Customer],
    versions: int,
    selections: int,
) -> Iterator[m.Selection]:
    """Versions follow each other without gap; each sells every slot's next product."""
    site = sites[machine % len(sites)]
    currency = next(c.currency for c in customers if c.customer == site.customer)
    spacing = timedelta(days=180 // versions)
    starts = [OPENING] + [FIRST_DAY + spacing * number for number in range(1, versions)]
    for version, start in enumerate(starts):
        following = starts[version + 1] if version + 1 < versions else None
        ends = local(following, site.zone) if following else None
        for slot in range(selections):
            product = 1001 + (slot + version) % max(10, selections)
            price = from_minor(100 + 5 * random.randrange(100), currency)
            yield m.Selection(
                _asset_no(machine), local(start, site.zone), ends, _slot(slot), f"{product}", price,
                currency,
            )  # fmt: skip


def _slot(number: int) -> str:
    """0000, 000B, 0002, 000D ...: selection codes are text."""
    return f"{number:04d}" if number % 2 == 0 else f"{number // 26:03d}{chr(65 + number % 26)}"


def _user(random: Random, number: int, customers: list[m.Customer]) -> m.User:
    """The first users of a customer are marked: by card, by code, a card without facility, one with
    facility 0, a technician, a visitor without access, one with dated access, a technician without.
    """
    customer, place = customers[number % len(customers)], number // len(customers)
    key = f"u{number + 1:05d}"
    by_code = place == 1 or (place >= MARKED_USERS and place % 10 >= 7)
    pin = f"{number % 10:04d}" if place == 1 else f"{random.randrange(10_000):04d}"
    return m.User(
        customer=customer.customer,
        user=key,
        name=f"{random.choice(_FIRST_NAMES)} {random.choice(_LAST_NAMES)}",
        email=f"{key}@users.example" if number % 3 else None,
        role="Technician" if place in {4, 7} else ("Consumer", "CONSUMER")[place % 5 == 2],
        card_no=None if by_code else f"0{4_000_000 + number}",
        facility_id=None if by_code else {2: "", 3: "0"}.get(place, "57"),
        access_code=f"AC{number:05d}" if by_code else None,
        pin=pin if by_code else None,
    )


def _access(
    random: Random,
    users: list[m.User],
    customers: int,
    hosts: dict[str, list[str]],
    per_user: int,
) -> Iterator[m.Access]:
    for number, user in enumerate(users):
        machines, place = hosts[user.customer], number // customers
        if place in {5, 7}:
            continue
        if place >= MARKED_USERS:
            machines = random.sample(machines, min(per_user, len(machines)))
        zone = PLACES[number % customers % len(PLACES)][0]
        dated = place == 6 or (place > MARKED_USERS and place % 10 == 9)
        start, end = (local(day, zone) for day in DATED_ACCESS) if dated else (None, None)
        for machine in machines:
            yield m.Access(user.customer, user.user, machine, start, end)

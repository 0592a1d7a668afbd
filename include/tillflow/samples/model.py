"""Portal data in memory, one class per table; its fields are the columns of the table's CSV."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Self, get_type_hints


@dataclass(frozen=True, slots=True)
class Channel:
    """Where offline sales come from."""

    channel: str
    name: str
    zone: str
    max_row_errors: int | None = None


@dataclass(frozen=True, slots=True)
class Lottery:
    """A lottery; `address_format` is `standard` or `international`."""

    lottery: str
    name: str
    currency: str
    address_format: str = "standard"
    address_required: bool = False
    active: bool = True


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw, open from `opens_at` until just before `closes_at`; `max_entries` None: no limit."""

    lottery: str
    draw_no: int
    opens_at: datetime | None
    closes_at: datetime | None
    max_entries: int | None = None


@dataclass(frozen=True, slots=True)
class DrawProduct:
    """What a draw sells; the price is decimal text in the lottery's currency. One gives `entries`."""

    lottery: str
    draw_no: int
    product: str
    name: str
    price: str
    entries: int = 1


@dataclass(frozen=True, slots=True)
class Buyer:
    """The person an offline sale belongs to."""

    customer_id: str | None
    email: str | None
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Customer:
    """The company that is invoiced."""

    customer: str
    name: str
    zone: str
    currency: str
    billing_email: str | None = None
    address_line_1: str | None = None
    address_line_2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    tax_id: str | None = None
    payment_days: int = 14
    approval_limit: str | None = None
    billing_calendar: str = "none"
    billing_from: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """Who invoices: one row, `main`."""

    provider: str
    name: str
    address_line_1: str | None = None
    address_line_2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    tax_id: str | None = None
    registration_id: str | None = None
    email: str | None = None
    phone: str | None = None
    electronic_address: str | None = None
    electronic_scheme: str | None = None
    payment_account: str | None = None
    logo: str | None = None
    invoice_prefix: str = "INV-"
    credit_prefix: str = "CN-"


@dataclass(frozen=True, slots=True)
class Site:
    """A place of a customer."""

    site: str
    customer: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Equipment:
    """A machine, by its asset number."""

    equipment: str
    name: str
    silent_after_hours: int = 48


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where a machine stood, from `valid_from` until just before `valid_to`."""

    equipment: str
    site: str
    valid_from: datetime
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A vended product; `tax_rate` is decimal text in per cent."""

    product: str
    name: str
    tax_rate: str
    not_invoiced_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """One line of a planogram version; lines of one machine and `valid_from` are one version."""

    equipment: str
    valid_from: datetime
    valid_to: datetime | None
    selection: str
    product: str
    price: str
    currency: str


@dataclass(frozen=True, slots=True)
class User:
    """A user of a customer. A card without facility has the facility `""`, which is not `0`."""

    customer: str
    user: str
    name: str
    email: str | None
    role: str
    card_no: str | None = None
    facility_id: str | None = None
    access_code: str | None = None
    pin: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A user may vend at a machine; without dates for all time."""

    customer: str
    user: str
    equipment: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """A grant: what a signed-in person may do, where."""

    user_name: str
    capability: str
    channel: str | None = None
    customer: str | None = None


@dataclass(frozen=True)
class PortalSample:
    """Everything operators maintain; each field is a table."""

    channels: tuple[Channel, ...] = ()
    lotteries: tuple[Lottery, ...] = ()
    draws: tuple[Draw, ...] = ()
    draw_products: tuple[DrawProduct, ...] = ()
    buyers: tuple[Buyer, ...] = ()
    customers: tuple[Customer, ...] = ()
    provider: tuple[Provider, ...] = ()
    sites: tuple[Site, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    products: tuple[Product, ...] = ()
    planograms: tuple[Selection, ...] = ()
    users: tuple[User, ...] = ()
    access: tuple[Access, ...] = ()
    operators: tuple[Operator, ...] = ()

    ROWS: ClassVar[dict[str, type]] = {
        "channels": Channel, "lotteries": Lottery, "draws": Draw, "draw_products": DrawProduct,
        "buyers": Buyer, "customers": Customer, "provider": Provider, "sites": Site,
        "equipment": Equipment, "allocations": Allocation, "products": Product, "planograms": Selection, "users": User,
        "access": Access, "operators": Operator,
    }  # fmt: skip

    def files(self) -> dict[str, bytes]:
        """file name -> CSV, in the order in which tables refer to each other."""
        return {f"{table}.csv": _csv(row, getattr(self, table)) for table, row in self.ROWS.items()}

    def zipped(self) -> bytes:
        """All tables in one `.zip`; the same data gives the same bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in self.files().items():
                # a fixed time: a re-made file keeps its fingerprint
                entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """The data of such CSV files; a missing file is an empty table."""
        tables: dict[str, Any] = {table: _rows(row, files.get(f"{table}.csv", b"")) for table, row in cls.ROWS.items()}
        return cls(**tables)

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """The data of a folder of such CSV files."""
        return cls.from_files({path.name: path.read_bytes() for path in folder.glob("*.csv")})


def zip_folder(folder: Path) -> bytes:
    """The CSV files of a folder in one `.zip`, ready to be imported."""
    return PortalSample.from_folder(folder).zipped()


def _csv(row_type: Any, rows: Iterable[Any]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    columns = [field.name for field in fields(row_type)]
    values = attrgetter(*columns)
    writer.writerow(columns)
    writer.writerows(map(_text, values(row)) for row in rows)
    return buffer.getvalue().encode()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _rows(row_type: Any, content: bytes) -> tuple[Any, ...]:
    hints = get_type_hints(row_type)
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    rows = [{name: _value(hints[name], row[name], row_type, name, row) for name in hints} for row in reader]
    return tuple(row_type(**row) for row in rows)


def _value(hint: Any, text: str, row_type: Any, name: str, row: Mapping[str, str]) -> object:
    if hint is bool:
        return text == "true"
    if hint in {int, int | None}:
        return int(text) if text else None
    if hint in {datetime, datetime | None}:
        return datetime.fromisoformat(text) if text else None
    if row_type is User and name == "facility_id":
        return text if row["card_no"] else None
    return text or (None if hint == str | None else "")

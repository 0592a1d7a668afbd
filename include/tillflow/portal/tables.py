"""The tables of portal data: their columns as a file has them, in the order in which they load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tillflow.codes import Capability
from tillflow.portal import cells
from tillflow.portal.cells import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """One column. An optional one may be blank (its default) or missing from the header."""

    name: str
    kind: Kind
    optional: bool = False
    default: object = None
    #: False: a message never repeats the value
    shown: bool = True
    #: the table whose key it is
    refers_to: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One file, and the named queries that load it, in order: `<step>_<table>` in `sql`, or shared ones.

    `checks` find errors and say what is to change; `writes` change it, where there was no error.
    `key` names the columns that tell one record from another, in the order of its place in the history.
    """

    name: str
    one: str
    sql: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: tuple[str, ...]
    writes: tuple[str, ...] = ("write",)

    @property
    def stored_in(self) -> str:
        """The name of the database's table."""
        return _STORED_IN.get(self.name, self.name.removesuffix("s"))

    @property
    def is_dated(self) -> bool:
        """True where a record is in force for a time."""
        return "arrive" in self.checks

    def column(self, name: str) -> Column | None:
        """The column of this name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def holds_secrets(self) -> bool:
        """True where a cell that slipped a column may be a PIN: such a file is never quoted."""
        return any(column.kind is cells.PIN for column in self.columns)


#: where it is not the file's name without its s
_STORED_IN: Final = {
    "access": "access",
    "equipment": "equipment",
    "lotteries": "lottery",
    "planograms": "selection",
    "users": "consumer",
}

_LOWER_KEY = cells.key("[a-z0-9_-]{1,40}", "a key of 1-40 lower-case letters, digits, - and _")
_KEY = cells.key("[A-Za-z0-9_-]{1,40}", "a key of 1-40 letters, digits, - and _")
_CODE = cells.text(40)
_PREFIX = cells.key("[A-Za-z0-9][A-Za-z0-9/._-]{0,11}", "1-12 letters, digits and / . _ -, a letter or digit first")
_NAME = cells.text(200)

_ADDRESS = (
    Column("address_line_1", _NAME, optional=True),
    Column("address_line_2", _NAME, optional=True),
    Column("city", cells.text(100), optional=True),
    Column("region", cells.text(100), optional=True),
    Column("postcode", cells.text(20), optional=True),
    Column("country", cells.COUNTRY, optional=True),
    Column("tax_id", cells.text(60), optional=True),
)

#: a record stands for itself: a key occurs once in the file
_KEYED = ("judge", "refuse_repeated_keys")
#: a record is in force for a time: the periods of one owner do not overlap
_PERIODS = ("arrive", "analyze_work", "meet", "analyze_work", "refuse_periods", "set_aside")
#: and an open one lasts until the next one begins
_SUCCESSION = (*_PERIODS, "end_open_periods", "refuse_overlaps", "judge")

TABLES: Final = (
    Table(
        "channels",
        "channel",
        "lotteries.sql",
        ("channel",),
        (
            Column("channel", _LOWER_KEY),
            Column("name", _NAME),
            Column("zone", cells.ZONE),
            Column("max_row_errors", cells.whole(0), optional=True),
        ),
        _KEYED,
    ),
    Table(
        "lotteries",
        "lottery",
        "lotteries.sql",
        ("lottery",),
        (
            Column("lottery", _CODE),
            Column("name", _NAME),
            Column("currency", cells.CURRENCY),
            Column("address_format", cells.choice("standard", "international"), True, "standard"),
            Column("address_required", cells.FLAG, True, False),
            Column("active", cells.FLAG, True, True),
        ),
        ("check", *_KEYED),
    ),
    Table(
        "draws",
        "draw",
        "lotteries.sql",
        ("lottery", "draw_no"),
        (
            Column("lottery", _CODE, refers_to="lotteries"),
            Column("draw_no", cells.whole(1)),
            Column("opens_at", cells.INSTANT),
            Column("closes_at", cells.INSTANT),
            Column("max_entries", cells.whole(1), optional=True),
        ),
        ("check", *_KEYED),
    ),
    Table(
        "draw_products",
        "product of a draw",
        "lotteries.sql",
        ("lottery", "draw_no", "product"),
        (
            Column("lottery", _CODE, refers_to="lotteries"),
            Column("draw_no", cells.whole(1)),
            Column("product", _CODE),
            Column("name", _NAME),
            Column("price", cells.POSITIVE_AMOUNT),
            Column("entries", cells.whole(1), True, 1),
        ),
        ("check", *_KEYED),
    ),
    Table(
        "buyers",
        "buyer",
        "lotteries.sql",
        ("customer_id", "email"),
        (
            Column("customer_id", cells.text(100), optional=True),
            Column("email", cells.EMAIL_KEY, optional=True),
            Column("first_name", _NAME),
            Column("last_name", _NAME),
        ),
        ("check", *_KEYED),
        ("write", "write_unnumbered"),
    ),
    Table(
        "customers",
        "customer",
        "places.sql",
        ("customer",),
        (
            Column("customer", _KEY),
            Column("name", _NAME),
            Column("zone", cells.ZONE),
            Column("currency", cells.CURRENCY),
            Column("billing_email", cells.EMAIL, optional=True),
            *_ADDRESS,
            Column("payment_days", cells.whole(0, 365), True, 14),
            Column("approval_limit", cells.AMOUNT, optional=True),
            Column("billing_calendar", cells.choice("none", "weekly", "monthly"), True, "none"),
            Column("billing_from", cells.DAY, optional=True),
        ),
        ("check", *_KEYED),
    ),
    Table(
        "provider",
        "provider",
        "places.sql",
        ("provider",),
        (
            Column("provider", cells.choice("main")),
            Column("name", _NAME),
            *_ADDRESS,
            Column("registration_id", cells.text(60), optional=True),
            Column("email", cells.EMAIL, optional=True),
            Column("phone", cells.text(40), optional=True),
            Column("electronic_address", cells.text(100), optional=True),
            Column("electronic_scheme", cells.key("[0-9]{4}", "a code of four digits"), optional=True),
            Column("payment_account", _NAME, optional=True),
            Column("logo", cells.key("[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "the name of a file"), optional=True),
            Column("invoice_prefix", _PREFIX, True, "INV-"),
            Column("credit_prefix", _PREFIX, True, "CN-"),
        ),
        ("check", *_KEYED),
    ),
    Table(
        "sites",
        "site",
        "places.sql",
        ("site",),
        (
            Column("site", _KEY),
            Column("customer", _KEY, refers_to="customers"),
            Column("name", _NAME),
            Column("zone", cells.ZONE),
        ),
        ("check", *_KEYED),
    ),
    Table(
        "equipment",
        "machine",
        "places.sql",
        ("equipment",),
        (
            Column("equipment", _CODE),
            Column("name", _NAME, True, ""),
            Column("silent_after_hours", cells.whole(1), True, 48),
        ),
        _KEYED,
    ),
    Table(
        "allocations",
        "allocation",
        "places.sql",
        ("equipment", "valid_from"),
        (
            Column("equipment", _CODE, refers_to="equipment"),
            Column("site", _KEY, refers_to="sites"),
            Column("valid_from", cells.DAY_OR_INSTANT),
            Column("valid_to", cells.DAY_OR_INSTANT, optional=True),
        ),
        ("check", *_SUCCESSION),
        ("extend", "add"),
    ),
    Table(
        "products",
        "product",
        "planograms.sql",
        ("product",),
        (
            Column("product", _CODE),
            Column("name", _NAME),
            Column("tax_rate", cells.PERCENT, True, 0),
            Column("not_invoiced_from", cells.INSTANT, optional=True),
        ),
        _KEYED,
    ),
    Table(
        "planograms",
        "selection of a planogram",
        "planograms.sql",
        ("equipment", "valid_from", "selection"),
        (
            Column("equipment", _CODE, refers_to="equipment"),
            Column("valid_from", cells.DAY_OR_INSTANT),
            Column("valid_to", cells.DAY_OR_INSTANT, optional=True),
            Column("selection", cells.text(20)),
            Column("product", _CODE, refers_to="products"),
            Column("price", cells.AMOUNT),
            Column("currency", cells.CURRENCY),
        ),
        ("check", "date", "agree", *_SUCCESSION),
        ("extend", "add", "clear", "fill"),
    ),
    Table(
        "users",
        "user",
        "users.sql",
        ("customer", "user"),
        (
            Column("customer", _KEY, refers_to="customers"),
            Column("user", _CODE),
            Column("name", _NAME, shown=False),
            Column("email", cells.EMAIL, optional=True, shown=False),
            Column("role", _CODE, shown=False),
            Column("card_no", cells.text(40), optional=True, shown=False),
            Column("facility_id", cells.text(20), optional=True, shown=False),
            Column("access_code", cells.text(40), optional=True, shown=False),
            Column("pin", cells.PIN, optional=True, shown=False),
        ),
        ("check", *_KEYED, "set_aside", "identify"),
        ("release", "write"),
    ),
    Table(
        "access",
        "access",
        "access.sql",
        ("customer", "user", "equipment", "valid_from"),
        (
            Column("customer", _KEY, refers_to="customers"),
            Column("user", _CODE, refers_to="users"),
            Column("equipment", _CODE, refers_to="equipment"),
            Column("valid_from", cells.DAY_OR_INSTANT, optional=True),
            Column("valid_to", cells.DAY_OR_INSTANT, optional=True),
        ),
        ("check", *_PERIODS, "refuse_overlaps", "judge"),
        ("extend", "add"),
    ),
    Table(
        "operators",
        "grant",
        "access.sql",
        ("user_name", "capability", "channel", "customer"),
        (
            Column("user_name", cells.text(200)),
            Column("capability", cells.choice(*Capability)),
            Column("channel", _LOWER_KEY, optional=True, refers_to="channels"),
            Column("customer", _KEY, optional=True, refers_to="customers"),
        ),
        ("check", *_KEYED),
    ),
)
BY_NAME: Final = {table.name: table for table in TABLES}


def table_of(file_name: str) -> Table | None:
    """`customers.csv`, in any case, or the bare name of a table -> the table."""
    return BY_NAME.get(file_name.lower().removesuffix(".csv"))

"""Portal data, dumps and orders from a seed, each row with what must become of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from tillflow.codes import Verdict
from tillflow.samples import order_edges, order_faults, vend_edges, vend_faults
from tillflow.samples.case import Case, NothingToShowError
from tillflow.samples.expected import Expected
from tillflow.samples.model import PortalSample
from tillflow.samples.orders import HEADER as ORDER_HEADER
from tillflow.samples.orders import OrderMaker
from tillflow.samples.portal_data import LARGE, SMALL, portal
from tillflow.samples.sample_file import Format, SampleFile
from tillflow.samples.vends import HEADER as DUMP_HEADER
from tillflow.samples.vends import VendMaker

__all__ = ["LARGE", "NOW", "SMALL", "SampleFile", "offline_sales", "portal", "sync_dump"]

Maker = TypeVar("Maker", VendMaker, OrderMaker)

#: when the generated files are received, unless told otherwise
NOW: Final = datetime(2026, 7, 1, tzinfo=UTC)


def sync_dump(
    portal: PortalSample,
    seed: int,
    rows: int,
    *,
    bad_share: float = 0.03,
    edge_share: float = 0.1,
    format: Format = "csv",  # noqa: A002 - the word of the command line
    now: datetime = NOW,
    first_seq: int = 1,
    after: SampleFile | None = None,
    overlap: int = 0,
) -> SampleFile:
    """A dump of many machines. `now` is when it will be received.

    Every kind of bad row and every edge occurs where `rows` times its share allows. The last
    `overlap` rows of `after`, a dump that was received before, are sent again at the start; give
    `first_seq` beyond its rows. The same arguments give the same file.
    """
    make = VendMaker(portal, seed, now, first_seq=first_seq)
    resent = _sent_before(after, overlap)
    faults, edges = vend_faults.FAULTS, vend_edges.EDGES
    cases = _cases(make, make.vend, rows - len(resent), faults, edges, bad_share, edge_share)
    return _file(DUMP_HEADER, resent + cases, format)


def offline_sales(
    portal: PortalSample,
    seed: int,
    rows: int,
    *,
    channel: str = "call-centre",
    bad_share: float = 0.2,
    edge_share: float = 0.2,
    now: datetime = NOW,
    first_order: int = 1,
) -> SampleFile:
    """Orders of one channel, as `sync_dump`; order numbers begin at `first_order`."""
    make = OrderMaker(portal, seed, now, channel=channel, first_order=first_order)
    faults, edges = order_faults.FAULTS, order_edges.EDGES
    cases = _cases(make, make.order, rows, faults, edges, bad_share, edge_share)
    return _file(ORDER_HEADER, cases, "csv")


def _cases(
    make: Maker,
    plain: Callable[[], Case],
    rows: int,
    faults: Sequence[Callable[[Maker], Case]],
    edges: Sequence[Callable[[Maker], Case]],
    bad_share: float,
    edge_share: float,
) -> list[Case]:
    """Faults and edges in turn, scattered; the first row is a good one, to be repeated later."""
    places = list(range(1, rows))
    make.random.shuffle(places)
    bad, odd = round(rows * bad_share), round(rows * edge_share)
    recipe_at = {place: faults[turn % len(faults)] for turn, place in enumerate(places[:bad])}
    recipe_at |= {place: edges[turn % len(edges)] for turn, place in enumerate(places[bad : bad + odd])}
    for row in range(rows):
        recipe = recipe_at.get(row)
        try:
            case = recipe(make) if recipe else plain()
        except NothingToShowError:
            case = plain()
        make.made.append(case)
    return make.made


def _sent_before(after: SampleFile | None, overlap: int) -> list[Case]:
    if after is None or overlap == 0:
        return []
    return [
        Case(dict(fields), was.currency, was.amount_minor, Verdict.DUPLICATE)
        for fields, was in zip(after.rows[-overlap:], after.expected[-overlap:], strict=True)
    ]


def _file(header: tuple[str, ...], cases: list[Case], format_: Format) -> SampleFile:
    first_row = 2 if format_ == "csv" else 1
    return SampleFile(
        header,
        [case.fields for case in cases],
        [
            Expected(row_no, case.verdict, frozenset(case.reasons), case.currency, case.minor)
            for row_no, case in enumerate(cases, start=first_row)
        ],
        format_,
    )

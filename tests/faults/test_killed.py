"""kill -9 at every boundary of an import, then the task again: the books are those of a run that nobody killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from tests.strategies import PORTAL
from tillflow.codes import Kind
from tillflow.samples.generate import offline_sales, sync_dump
from tillflow.samples.orders import HEADER
from tillflow.samples.sample_file import as_csv

# pytest gives them; the classes stand in conftest.py
Installation = Any
TaskProcesses = Any
State = tuple[dict[str, list[str]], list[str]]

KILLED = -9


@dataclass(frozen=True)
class Situation:
    """A file, and the points of its way at which the task is killed."""

    kind: Kind
    name: str
    content: Callable[[], bytes]
    points: tuple[str, ...]


def _orders() -> bytes:
    return offline_sales(PORTAL, 4, 60, bad_share=0.5).content()


def _orders_with_critical_errors() -> bytes:
    sample = offline_sales(PORTAL, 4, 12, bad_share=0)
    return as_csv(HEADER, [*sample.rows, sample.rows[0] | {"ORDER_ID": "12A"}, sample.rows[1] | {"DRAW_NO": "soon"}])


def _ragged_orders() -> bytes:
    return offline_sales(PORTAL, 4, 3, bad_share=0).content() + b"one,field\n"


def _portal_data() -> bytes:
    return replace(PORTAL, operators=(), access=()).zipped()


DUMP = Situation(
    Kind.EQUIPMENT_SYNC,
    "dump.csv",
    lambda: sync_dump(PORTAL, 4, 80, bad_share=0.5).content(),
    (
        "before the archive is put",
        "after the archive is put",
        "before the import is committed",
        "after the import is committed",
        "before the inbox is cleared",
        "after the inbox is cleared",
        "before the judge",
        "after the judge",
        "after the gate",
        "after the vends are copied",
        "after the transactions are copied",
        "after the exceptions are copied",
        "after the balance is copied",
        "just before the commit",
        "just after the commit",
        "before the report is queued",
        "after the report is queued",
    ),
)
ORDERS = Situation(
    Kind.OFFLINE_SALES,
    "orders.csv",
    _orders,
    (
        "after the archive is put",
        "after the import is committed",
        "after the orders are copied",
        "after the transactions are copied",
        "just before the commit",
        "just after the commit",
        "before the report is queued",
    ),
)
REFUSED_BY_THE_RULES = Situation(
    Kind.OFFLINE_SALES,
    "critical.csv",
    _orders_with_critical_errors,
    (
        "before the inbox is cleared",
        "after the gate",
        "after the balance is copied",
        "just before the refusal is committed",
        "just after the commit",
        "before the file is moved to refused",
        "when the errors are stored",
        "when the refused rows are stored",
        "when the refused archive is removed",
        "after the file is moved to refused",
        "before the report is queued",
        "after the report is queued",
    ),
)
REFUSED_WHILE_READING = Situation(
    Kind.OFFLINE_SALES,
    "ragged.csv",
    _ragged_orders,
    (
        "just before the refusal is committed",
        "before a refusal while reading is kept",
        "when the errors are stored",
        "when the refused rows are stored",
        "after a refusal while reading is kept",
        "before the inbox is cleared",
        "after the inbox is cleared",
        "before the report is queued",
    ),
)
PORTAL_DATA = Situation(
    Kind.PORTAL_DATA,
    "portal.zip",
    _portal_data,
    (
        "when portal data is archived",
        "before portal data is loaded",
        "after portal data is loaded",
        "before the inbox is cleared",
        "after the inbox is cleared",
        "before the report is queued",
        "after the report is queued",
    ),
)
SITUATIONS = {
    "a dump": DUMP,
    "orders": ORDERS,
    "orders refused by the rules": REFUSED_BY_THE_RULES,
    "orders refused while reading": REFUSED_WHILE_READING,
    "portal data": PORTAL_DATA,
}


@pytest.fixture(scope="session")
def unkilled(tasks: TaskProcesses, install: Callable[[], Installation]) -> Callable[[str], State]:
    """What a run that nobody killed leaves behind, by situation."""

    @cache
    def state(name: str) -> State:
        installation, situation = install(), SITUATIONS[name]
        installation.drop(situation.kind, situation.name, situation.content())
        assert _run(tasks, installation, situation) == 0
        return installation.state()

    return state


def _run(tasks: TaskProcesses, installation: Installation, situation: Situation, point: str | None = None) -> int:
    return tasks.run(
        database_url=installation.url,
        home=str(installation.home),
        kind=situation.kind.value,
        point=point,
        gate="real" if point == "after the gate" and situation is DUMP else "quick",
    )


@pytest.mark.parametrize(
    ("name", "point"), [(name, point) for name, situation in SITUATIONS.items() for point in situation.points]
)
def test_a_task_that_is_killed_and_run_again_leaves_the_same_books(
    name: str,
    point: str,
    tasks: TaskProcesses,
    install: Callable[[], Installation],
    unkilled: Callable[[str], State],
) -> None:
    situation, installation = SITUATIONS[name], install()
    installation.drop(situation.kind, situation.name, situation.content())
    assert _run(tasks, installation, situation, point) == KILLED
    assert _run(tasks, installation, situation) == 0
    books, files = installation.state()
    expected_books, expected_files = unkilled(name)
    assert books == expected_books
    assert files == expected_files


def test_the_runs_that_are_compared_did_something(unkilled: Callable[[str], State]) -> None:
    books, files = unkilled("a dump")
    assert books["status"] == ["requires action"]
    assert len(books["books.vend_sale"]) + len(books["intake.transaction"]) == 80
    assert min(len(books[table]) for table in ("books.vend_sale", "books.exception", "mail.message")) > 0
    assert [name.partition("/")[0] for name in files] == ["archive", "validation"]
    books, files = unkilled("orders refused by the rules")
    assert books["status"] == ["rejected"]
    assert books["books.offline_sale"] == books["books.exception"] == books["intake.transaction"] == []
    assert len(books["intake.file_error"]) == 2
    assert [name.partition("/")[0] for name in files] == ["refused", "refused", "validation"]


def test_a_task_that_is_killed_again_and_again_gets_there(
    tasks: TaskProcesses, install: Callable[[], Installation], unkilled: Callable[[str], State]
) -> None:
    installation = install()
    installation.drop(DUMP.kind, DUMP.name, DUMP.content())
    for point in DUMP.points:
        assert _run(tasks, installation, DUMP, point) in (KILLED, 0)
    assert _run(tasks, installation, DUMP) == 0
    assert installation.state() == unkilled("a dump")

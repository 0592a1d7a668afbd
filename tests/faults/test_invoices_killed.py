"""kill -9 in every step of an invoice, then the step again: the books and mails of a run that nobody killed.
And eight posters at once, killed and rolled back: numbers without a gap.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.billing import Round
from tests.faults.conftest import copy_database
from tests.faults.invoice_worker import POINTS
from tillflow.db.connection import APP_ROLE, connect
from tillflow.settings import REPOSITORY
from tillflow.stack.postgres import PostgresServer

KILLED = -9
ORDER = ("prepare", "post", "mail", "credit")
CASES = [(step, point) for step in ORDER for point in POINTS[step]]
STATE = {
    "invoices": "select state, invoice_no, invoice_date, date_from, date_to, sale_rows, net_minor, total_minor,"
    " content_hash, reason is null from books.invoice order by id",
    "sales": "select i.invoice_no, x.stream_id, x.seq from books.invoice_sale as x"
    " inner join books.invoice as i on i.id = x.invoice_id order by 2, 3",
    "held": "select stream_id, seq from books.invoiced_sale order by 1, 2",
    "numbers": "select number, is_credit_note from books.invoice_number order by 1",
    "series": "select prefix, last_no from books.number_series order by 1",
    "history": "select action, count(*) from history.event where subject = 'invoice' group by 1 order by 1",
    "mails": "select regexp_replace(m.topic, '[0-9]+', 'N'), m.subject, a.file_name, md5(a.content)"
    " from mail.message as m left join mail.attachment as a on a.message_id = m.id order by 1, 3",
}

_numbers = itertools.count(1)
Make = Callable[[], str]


@pytest.fixture(scope="session")
def make_books(postgres: PostgresServer, migrated: str) -> Make:
    """Fresh books with three sales, and a draft that is older than the last of them."""
    mould = "invoices_mould"
    with connect(copy_database(postgres, migrated, mould), role=APP_ROLE) as conn:
        harbour = Round(conn)
        harbour.sell("2026-06-10T10:00:00Z")
        harbour.sell("2026-05-10T10:00:00Z", "2026-06-11T10:00:00Z", quantity=2)
        harbour.prepare("2026-06-01", "2026-07-01")
        harbour.sell("2026-06-12T10:00:00Z", price=5)
    return lambda: copy_database(postgres, mould, f"invoices_{next(_numbers)}")


@contextmanager
def worker_process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.invoice_worker"]
    environment = {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, text=True, **pipes) as worker:  # type: ignore[call-overload]
        yield worker
        worker.stdin.close()


@pytest.fixture(scope="session")
def worker() -> Iterator[subprocess.Popen[str]]:
    with worker_process() as process:
        yield process


def tell(worker: subprocess.Popen[str], **job: object) -> int:
    """The exit code of the step; negative when it was killed."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
    return int(worker.stdout.readline())


def standing(url: str) -> int:
    """The invoice of the story: the one that was not discarded."""
    with connect(url, role=APP_ROLE) as conn:
        (found,) = conn.execute("select id from books.invoice where state <> 'discarded'").fetchone()  # type: ignore[misc]
    return int(found)


def state(url: str) -> dict[str, list[Any]]:
    with connect(url, role=APP_ROLE) as conn:
        return {name: conn.execute(question).fetchall() for name, question in STATE.items()}  # type: ignore[arg-type]


def story(worker: subprocess.Popen[str], url: str, home: Path, killed: tuple[str, str] | None) -> None:
    for step in ORDER:
        job = {"database_url": url, "home": str(home), "step": step, "invoice": standing(url)}
        if killed is not None and killed[0] == step:
            assert tell(worker, **job, point=killed[1]) == KILLED
        assert tell(worker, **job | {"invoice": standing(url)}) == 0


@pytest.fixture(scope="session")
def undisturbed(
    worker: subprocess.Popen[str], make_books: Make, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Any]]:
    url = make_books()
    story(worker, url, tmp_path_factory.mktemp("undisturbed"), None)
    found = state(url)
    assert [row[:2] for row in found["invoices"]] == [("discarded", None), ("posted", "INV-00001")]
    assert found["numbers"] == [("CN-00001", True), ("INV-00001", False)]
    assert len(found["mails"]) == 3  # to the customer with two files, to the operator with none
    return found


@pytest.mark.parametrize("killed", CASES, ids=[" ".join(case) for case in CASES])
def test_killed_and_run_again_it_is_as_if_nothing_had_happened(
    worker: subprocess.Popen[str],
    make_books: Make,
    undisturbed: dict[str, list[Any]],
    tmp_path: Path,
    killed: tuple[str, str],
) -> None:
    url = make_books()
    story(worker, url, tmp_path, killed)
    assert state(url) == undisturbed


@pytest.mark.slow
def test_eight_posters_that_are_killed_and_rolled_back_leave_no_gap(make_books: Make, tmp_path: Path) -> None:
    url, chance = make_books(), random.Random(4)
    with connect(url, role=APP_ROLE) as conn:
        for customer in range(8):
            billing = Round(conn, f"c{customer}")
            for day in range(1, 16):
                billing.sell(f"2026-06-{day:02}T12:00:00+10:00", stream=10 + customer)
                billing.prepare(f"2026-06-{day:02}", f"2026-06-{day + 1:02}")
        (expected,) = conn.execute("select count(*) from books.invoice where state = 'draft'").fetchone()  # type: ignore[misc]

        command = [sys.executable, "-m", "tests.faults.invoice_worker"]
        environment = {"PYTHONPATH": f"{REPOSITORY / 'include'}:{REPOSITORY}", "PATH": "/usr/bin:/bin", "TZ": "UTC"}

        def start(seed: int) -> subprocess.Popen[str]:
            code = "import json, sys; from tests.faults.invoice_worker import run; run(json.loads(sys.argv[1]))"
            job = {"database_url": url, "home": str(tmp_path), "step": "poster", "invoice": seed}
            given: dict[str, Any] = {"cwd": REPOSITORY, "env": environment, "text": True}
            return subprocess.Popen([command[0], "-c", code, json.dumps(job)], **given)

        seeds = itertools.count(1)
        posters = [start(next(seeds)) for _ in range(8)]
        kills, until = 0, time.monotonic() + 120
        while any(poster.poll() is None for poster in posters) and time.monotonic() < until:
            time.sleep(0.05)
            (posted,) = conn.execute("select count(*) from books.invoice where state = 'posted'").fetchone()  # type: ignore[misc]
            place = chance.randrange(8)
            if 0 < posted < expected and kills < 40 and posters[place].poll() is None:
                posters[place].kill()
                posters[place].wait()
                posters[place] = start(next(seeds))
                kills += 1
        assert [poster.wait(timeout=120) for poster in posters] == [0] * 8
        numbers = [number for (number,) in conn.execute("select invoice_no from books.invoice where state = 'posted'")]
        assert kills > 0
        assert sorted(numbers) == [f"INV-{number:05}" for number in range(1, expected + 1)]
        assert conn.execute("select last_no from books.number_series").fetchall() == [(expected,)]
        assert conn.execute("select count(*) from books.invoice_number").fetchone() == (expected,)

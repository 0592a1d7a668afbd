"""The overview: figures of the rows that are there, for who may see them, as text and as charts."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.web.conftest import NOW, PEOPLE, Site
from tests.web.situations import sampled
from tillflow import overview_desk
from tillflow.db.queries import beside
from tillflow.money import from_minor
from tillflow.overview_desk import overview as work_out
from tillflow.web.pages import overview
from tillflow.web.pages.charts import bars
from tillflow.web.remembered import Remembered


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered between two looks; of the figures the site sees to it."""
    monkeypatch.setattr(overview._runs, "seconds", 0)


def words(html: str) -> str:
    """The text of a page, blanks joined."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&nbsp;", " ")


def test_an_empty_installation_says_what_to_do_next(site: Site) -> None:
    for person in (name for name, granted in PEOPLE.items() if granted):
        page = site.as_(person).get("/tillflow/")
        assert page.status_code == 200, page.text[:500]
        assert "Nothing waits for a person." in page.text
    assert "No file has come yet." in site.as_("uploader").get("/tillflow/").text


def test_each_figure_is_the_sum_of_the_rows_that_it_leads_to(site: Site) -> None:
    sampled(site, datetime.now(UTC))
    page = words(site.as_("auditor").get("/tillflow/").text)
    (read, sales) = site.conn.execute("select sum(read_rows), sum(sale_rows) from intake.balance").fetchone()  # type: ignore[misc]
    (waiting,) = site.conn.execute("select count(*) from books.exception where state = 'open'").fetchone()  # type: ignore[misc]
    (due,) = site.conn.execute("select count(*) from books.payment where state = 'due'").fetchone()  # type: ignore[misc]
    for said in (f"Rows read today {read}", f"Sales today {sales}", f"Open exceptions {waiting}"):
        assert said in page
    assert f"Payments to charge {due}" in page
    minor = site.conn.execute("select sum(sale_minor)::bigint from intake.balance where currency = 'AUD'").fetchone()[0]  # type: ignore[index]
    assert f"Sales {from_minor(minor, 'AUD')} AUD" in page


def test_nobody_reads_figures_of_what_is_not_theirs(site: Site) -> None:
    sampled(site, datetime.now(UTC))
    uploader = site.as_("uploader").get("/tillflow/").text
    assert "Sales and exceptions per day" in uploader
    assert "Unknown Product Selection" not in uploader
    assert "VM-17" not in uploader
    assert "Last runs" not in uploader
    assert "Rows read today 0" in words(site.as_("other_admin").get("/tillflow/").text)
    customer = words(site.as_("customer_user").get("/tillflow/").text)
    harbours = "select count(*) from books.exception as e inner join portal.customer as c on c.id = e.customer_id"
    (own,) = site.conn.execute(f"{harbours} where c.key = 'harbour' and e.state = 'open'").fetchone()  # type: ignore[misc]
    assert f"Open exceptions {own}" in customer
    assert "Files today" not in customer
    assert "Payments to charge" not in customer
    assert "VM-30" not in customer, "a machine of another customer's"


def test_a_chart_holds_nothing_that_the_policy_forbids(site: Site) -> None:
    sampled(site, datetime.now(UTC))
    page = site.as_("auditor").get("/tillflow/").text
    drawings = re.findall(r"<svg[^>]* class=\"chart\".*?</svg>", page, re.DOTALL)
    assert len(drawings) >= 5
    for drawing in drawings:
        assert not re.search(r"<(style|script|a|use|image)\b|\bstyle=|\bon\w+=|href|url\(", drawing)
        assert re.search(r'aria-label="[^"]+"', drawing)
        assert "<rect" in drawing
    assert len(page.encode()) < 150_000


def test_a_chart_escapes_its_words() -> None:
    drawn = bars("<b>\"'", ["<script>"], {"<i>": [1.0], "&": [2.0]})
    assert "<script" not in drawn
    assert "<i>" not in drawn
    assert "<b>" not in drawn


def test_fifty_looks_ask_the_database_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "_drawn", Remembered(60))
    asked = []
    monkeypatch.setattr(overview, "overview", lambda *a, **b: asked.append(1) or work_out(*a, **b))
    for _ in range(3):
        assert site.as_("auditor").get("/tillflow/").status_code == 200
    assert site.as_("uploader").get("/tillflow/").status_code == 200
    assert len(asked) == 2, "once for each set of grants"


def test_what_waits_is_found_by_an_index_and_not_by_reading_what_is_done(site: Site) -> None:
    """With sequential scans forbidden a plan has one only where no index fits."""
    bound = {
        "now": NOW, "since": NOW, "before": NOW, "zone": "UTC", "is_machines": True, "is_every_channel": True,
        "channels": [], "is_every_customer": True, "customers": [],
    }  # fmt: skip
    site.conn.execute("set enable_seqscan = off")
    for query in ("per_day", "money", "waiting_payments", "undecided_payments", "open_exceptions"):
        asked = getattr(beside(overview_desk.__file__, "overview_desk.sql"), query).sql
        plan = "\n".join(line for (line,) in site.conn.execute(f"explain {asked}", bound))
        for table in ("import", "payment", "exception", "balance"):
            assert not re.search(rf"Seq Scan on {table} ", plan), (query, plan)

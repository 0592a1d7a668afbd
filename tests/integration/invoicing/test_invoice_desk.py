"""Who may do what with invoices: closed by default, and whoever tries is in the history."""

from __future__ import annotations

from datetime import date

import pytest

from tests.billing import Round
from tillflow import invoices
from tillflow.invoices import Acting, NoSuchInvoiceError, NotAllowedError
from tillflow.invoicing.billing_range import BillingRange

JUNE = ("2026-06-01", "2026-07-01")
_OPERATOR = (
    "insert into portal.operator (user_name, capability, customer_id) values (%s, %s,"
    " (select id from portal.customer where key = %s))"
)


@pytest.fixture
def draft(harbour: Round) -> int:
    Round(harbour.conn, "rhein", "Europe/Berlin", "EUR")
    for user, capability, customer in (
        ("pat", "provider", None), ("audit", "auditor", None), ("hal", "customer_user", "harbour"),
        ("ria", "customer_user", "rhein"),
    ):  # fmt: skip
        harbour.conn.execute(_OPERATOR, [user, capability, customer])
    harbour.sell("2026-06-10T10:00:00Z")
    return harbour.prepare(*JUNE).invoice_id


def acting(harbour: Round, person: str) -> Acting:
    return Acting(person, harbour.now)


def denied(harbour: Round) -> list[tuple[str, str, str]]:
    return harbour.conn.execute(
        "select actor, subject_key, reason from history.event where action = 'denied' order by id"
    ).fetchall()


@pytest.mark.parametrize("person", ["pat", "audit", "hal"])
def test_provider_auditor_and_the_customers_own_user_read(harbour: Round, draft: int, person: str) -> None:
    by = acting(harbour, person)
    assert invoices.find(harbour.conn, draft, by).total_minor == 385
    assert invoices.invoice_of(harbour.conn, draft, by).totals.gross_minor == 385
    assert len(list(invoices.sales_of(harbour.conn, draft, by))) == 1
    assert invoices.left_out_of(harbour.conn, draft, by) == []
    assert denied(harbour) == []


@pytest.mark.parametrize("person", ["ria", "nobody"])
def test_for_everybody_else_there_is_no_such_invoice(harbour: Round, draft: int, person: str) -> None:
    by = acting(harbour, person)
    with pytest.raises(NoSuchInvoiceError) as hidden:
        invoices.sales_of(harbour.conn, draft, by)
    with pytest.raises(NoSuchInvoiceError) as missing:
        invoices.sales_of(harbour.conn, draft + 1, by)
    assert str(hidden.value).replace(str(draft), "N") == str(missing.value).replace(str(draft + 1), "N")
    with pytest.raises(NoSuchInvoiceError):
        invoices.post(harbour.conn, draft, by)
    assert denied(harbour) == [(person, str(draft), "read"), (person, str(draft), "post")]


@pytest.mark.parametrize("person", ["audit", "hal"])
def test_who_reads_changes_nothing(harbour: Round, draft: int, person: str) -> None:
    by = acting(harbour, person)
    with pytest.raises(NotAllowedError, match=f"{person} may not post invoices: that needs the grant provider"):
        invoices.post(harbour.conn, draft, by)
    with pytest.raises(NotAllowedError):
        invoices.discard(harbour.conn, draft, by, reason="x")
    with pytest.raises(NotAllowedError):
        invoices.credit(harbour.conn, draft, by, reason="x")
    assert harbour.state(draft) == "draft"
    assert [what for _, _, what in denied(harbour)] == ["post", "discard", "credit"]


def test_only_the_provider_prepares_and_nobody_learns_which_customers_there_are(harbour: Round, draft: int) -> None:
    for customer in ("harbour", "unheard-of"):
        wanted = BillingRange(customer, date(2026, 6, 1), date(2026, 7, 1))
        with pytest.raises(NotAllowedError, match="hal may not prepare invoices"):
            invoices.prepare(harbour.conn, wanted, acting(harbour, "hal"))
    wanted = BillingRange("harbour", date(2026, 6, 1), date(2026, 7, 1))
    assert invoices.prepare(harbour.conn, wanted, acting(harbour, "pat"))[0].invoice_id == draft


def test_the_provider_posts_and_credits(harbour: Round, draft: int) -> None:
    by = acting(harbour, "pat")
    seen = invoices.find(harbour.conn, draft, by).content_hash
    assert invoices.post(harbour.conn, draft, by, number="77", expected_hash=seen).number == "77"
    assert invoices.credit(harbour.conn, draft, by, reason="x").number == "CN-00001"
    line = invoices.find(harbour.conn, draft, by)
    assert (line.status, line.number, line.credit_no) == ("credited", "77", "CN-00001")
    assert invoices.credit_note_of(harbour.conn, draft, by).number == "CN-00001"


def test_lists_show_what_is_theirs_newest_first(harbour: Round, draft: int) -> None:
    second = harbour.prepare("2026-07-01", "2026-08-01").invoice_id
    assert [line.invoice_id for line in invoices.list_invoices(harbour.conn, None, limit=5)] == [second, draft]
    assert [line.invoice_id for line in invoices.list_invoices(harbour.conn, None, limit=5, before=second)] == [draft]
    assert len(invoices.list_invoices(harbour.conn, ["harbour"], limit=5, status="draft")) == 2
    assert invoices.list_invoices(harbour.conn, ["rhein"], limit=5) == []
    assert invoices.list_invoices(harbour.conn, ["rhein"], limit=5, customer="harbour") == []


@pytest.mark.parametrize(("limit", "needed"), [(None, False), (385, False), (384, True)])
def test_more_than_the_limit_needs_an_approval(harbour: Round, draft: int, limit: int | None, needed: bool) -> None:
    harbour.conn.execute("update portal.customer set approval_limit_minor = %s", [limit])
    assert invoices.needs_approval(harbour.conn, draft) is needed

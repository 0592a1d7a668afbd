"""A visit to each page of the desk: who goes there, and to which address. A page without a visit fails a test.

Addresses may name what the sample files made: `{orders}`, `{dump}`: the imports of these files; `{row}`: one of the
orders that waits; `{exception}`: a user without access to VM-17; `{reconciliation}`, `{invoice}`: a draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillflow.codes import PortalEdit
from tillflow.db.connection import Connection


@dataclass(frozen=True)
class Visit:
    """`path`: below /tillflow/."""

    person: str
    path: str
    #: its own policy forbids all scripts, those of a test too
    is_sandboxed: bool = False

    def __str__(self) -> str:
        return f"{self.person} at {self.path}"


#: route, as tests/web/routes.py names it -> visits
VISITS: Final[Mapping[str, tuple[Visit, ...]]] = {
    "/": (Visit("admin", ""), Visit("uploader", ""), Visit("customer_user", "")),
    "/imports/": (Visit("admin", "imports/"),),
    "/imports/{number}/": (Visit("provider", "imports/{dump}/"),),
    "/imports/{import_id}/validation/": (Visit("provider", "imports/{dump}/validation/", is_sandboxed=True),),
    "/completeness/": (Visit("provider", "completeness/"), Visit("provider", "completeness/?show=missing&generate=1")),
    "/offline-sales/": (Visit("uploader", "offline-sales/"),),
    "/offline-sales/import/": (
        Visit("uploader", "offline-sales/import/"),
        Visit("lottery_admin", "offline-sales/import/"),
    ),
    "/offline-sales/{import_id}/": tuple(
        Visit("lottery_admin", f"offline-sales/{{orders}}/?tab={tab}")
        for tab in ("processing", "requires_action", "funds_pending", "successful", "abandoned")
    ),
    "/offline-sales/{import_id}/rows/{row_no}/": (
        Visit("lottery_admin", "offline-sales/{orders}/rows/{row}/"),
        Visit("uploader", "offline-sales/{orders}/rows/{row}/"),
    ),
    "/offline-sales/{import_id}/undo/": (Visit("lottery_admin", "offline-sales/{orders}/undo/"),),
    "/exceptions/": (
        Visit("provider", "exceptions/?generate=1"),
        Visit("customer_user", "exceptions/?customer=harbour&generate=1"),
    ),
    "/exceptions/{number}/": (Visit("provider", "exceptions/{exception}/"),),
    "/reconciliations/": (Visit("provider", "reconciliations/"),),
    "/reconciliations/{number}/": (Visit("provider", "reconciliations/{reconciliation}/"),),
    "/invoices/": (Visit("provider", "invoices/"),),
    "/invoices/prepare/": (Visit("provider", "invoices/prepare/"),),
    "/invoices/uncovered/": (Visit("provider", "invoices/uncovered/?generate=1"),),
    "/invoices/{number}/": (Visit("provider", "invoices/{invoice}/"),),
    "/invoices/{number}/{act}/": (
        Visit("provider", "invoices/{invoice}/post/"),
        Visit("provider", "invoices/{invoice}/discard/"),
    ),
    "/portal/": (Visit("provider", "portal/"), Visit("customer_user", "portal/")),
    "/portal/import/": (Visit("provider", "portal/import/"),),
    "/portal/do/{edit}/": tuple(
        Visit("provider", f"portal/do/{edit}/") for edit in PortalEdit if edit is not PortalEdit.PUT_RECORD
    ),
    "/portal/fix/{exception_id}/{code}/": (Visit("provider", "portal/fix/{exception}/add_access/"),),
    "/portal/planograms/grid/": (Visit("provider", "portal/planograms/grid/?equipment=VM-30"),),
    "/portal/{table}/": tuple(
        Visit("provider", f"portal/{table}/")
        for table in ("customers", "equipment", "planograms", "users", "operators")
    ),
    "/portal/{table}/new/": tuple(Visit("provider", f"portal/{table}/new/") for table in ("users", "access", "sites")),
    "/portal/{table}/record/": (Visit("provider", "portal/customers/record/?key=harbour"),),
    "/portal/{table}/record/edit/": (Visit("provider", "portal/customers/record/edit/?key=harbour"),),
    "/portal/{table}/record/remove/": (Visit("provider", "portal/customers/record/remove/?key=harbour"),),
}
#: parts of pages, which htmx asks for
FRAGMENTS: Final = frozenset({"/offline-sales/{import_id}/progress/", "/reconciliations/{number}/progress/"})
#: what is downloaded
FILES: Final = frozenset(
    {"/offline-sales/{import_id}/errors.csv", "/completeness/{show}.csv", "/invoices/{number}/download/"}
)

_SUBJECTS: Final = """
select
    (select max(id) from intake.import where file_name = 'call-centre-orders.csv') as orders,
    (select max(id) from intake.import where file_name = 'vm-17-2026-06-11.csv') as dump,
    (
        select min(e.id) from books.exception as e
        inner join intake.import as i on e.import_id = i.id
        where i.file_name = 'vm-17-2026-06-11.csv' and e.row_no = 10
    ) as exception,
    (
        select min(e.row_no) from books.exception as e
        inner join intake.import as i on e.import_id = i.id
        where i.file_name = 'call-centre-orders.csv' and e.state = 'open'
    ) as row,
    (select min(id) from books.reconciliation) as reconciliation,
    (select min(id) from books.invoice where state = 'draft') as invoice
"""


def subjects(conn: Connection) -> dict[str, object]:
    """What the placeholders of the addresses stand for."""
    cursor = conn.execute(_SUBJECTS)
    names = [column.name for column in cursor.description or ()]
    found = cursor.fetchone()
    assert found is not None
    return dict(zip(names, found, strict=True))

"""Where a person works on the rows of imports: their grant first, then the use case. Pages and REST call this.

| who | sees | acts on |
|---|---|---|
| offline_sales_admin | rows of their channels | the same |
| offline_sales_upload | rows of their channels | nothing |
| provider | rows of machine dumps | the same |
| auditor | everything | nothing |

What somebody may not see does not exist for them; each try is in the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillflow import errors_csv, payment_desk
from tillflow import undo as undoing
from tillflow.codes import Capability, Kind, Tab
from tillflow.db.connection import Connection
from tillflow.db.queries import beside
from tillflow.errors import TillflowError
from tillflow.exception_closing import close_exception
from tillflow.import_rows import FileOfRows, ImportedRow, file_of_rows, parse_transaction, rows_of_import
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.offline_sales.resolve import Resolution, resolve
from tillflow.payment_desk import Decision
from tillflow.portal.grants import may
from tillflow.settings import Settings
from tillflow.undo import Undone

_SQL: Final = beside(__file__, "row_desk.sql")


class NoSuchRowError(TillflowError):
    """There is no such import, transaction or exception, or it is not the person's to see: nobody learns which."""

    def __init__(self, what: str, name: object) -> None:
        super().__init__(f"there is no such {what}: {str(name)[:40]}")


class NotGrantedError(TillflowError):
    """The person may look at it and not act on it; the history says that they tried."""


class NotForThisRowError(TillflowError):
    """What is asked for is not a way out of the row's state; nothing was changed."""


class Action(StrEnum):
    """What a person does with a row as it is; correcting it is `resolve`."""

    APPROVE = "approve"
    REFUSE = "refuse"
    ABANDON = "abandon"
    RETRY = "retry"


_OF_A_PAYMENT: Final[Mapping[Action, Decision]] = {
    Action.APPROVE: Decision.APPROVE_FUNDS,
    Action.REFUSE: Decision.RETURN_FUNDS,
    Action.ABANDON: Decision.ABANDON,
    Action.RETRY: Decision.CHARGE_AGAIN,
}


@dataclass(frozen=True, slots=True)
class RowDesk:
    """One person at work, now. `is_vouched_for`: the installation itself asks, no grant is looked up."""

    conn: Connection
    person: str
    now: datetime
    settings: Settings
    is_vouched_for: bool = False

    def list_rows(
        self, import_id: int, *, tab: Tab | None = None, after: int = 0, most: int = 100
    ) -> list[ImportedRow]:
        """A page of the rows of an import, behind row `after`. Raises NoSuchRowError."""
        file = self._seen(import_id, "import", import_id, "list")
        return rows_of_import(self.conn, import_id, file.kind, tab=tab, after=after, most=most)

    def get_row(self, transaction: str) -> ImportedRow:
        """The row `<import_id>-<row_no>`. Raises NoSuchRowError."""
        import_id, row_no = self._parsed(transaction)
        file = self._seen(import_id, "transaction", transaction, "read")
        return self._row(transaction, import_id, row_no, file)

    def check(self, transaction: str, fields: Mapping[str, str | None]) -> Resolution:
        """What `resolve` would come to, by the same code; nothing is kept."""
        return self._resolve(transaction, fields, expected=None, preview=True)

    def resolve(self, transaction: str, fields: Mapping[str, str | None], *, expected: int | None = None) -> Resolution:
        """Correct fields of a waiting order and judge it again: `offline_sales.resolve` for what is theirs.

        Raises NoSuchRowError, NotGrantedError, and what `offline_sales.resolve.resolve` raises.
        """
        return self._resolve(transaction, fields, expected=expected, preview=False)

    def act(self, transaction: str, action: Action, *, reason: str) -> ImportedRow:
        """Approve or refuse its funds, try it again, or abandon it, whichever the row is; the row as it is then.

        Raises NoSuchRowError, NotGrantedError, NotForThisRowError, NotNowError, BadDecisionError, NotOpenError,
        BadReasonError.
        """
        import_id, row_no = self._parsed(transaction)
        file = self._mine(import_id, "transaction", transaction, action.value)
        row = self._row(transaction, import_id, row_no, file)
        if row.payment is not None:
            payment_desk.decide(
                self.conn, row.payment.payment_id, _OF_A_PAYMENT[action], person=self.person, now=self.now,
                reason=reason, is_vouched_for=True,
            )  # fmt: skip
        elif row.exception_id is not None and action is Action.ABANDON and file.kind is Kind.OFFLINE_SALES:
            close_exception(self.conn, import_id, row_no, file.kind, actor=self.person, now=self.now, reason=reason)
        elif row.exception_id is not None and action is Action.RETRY and file.kind is Kind.OFFLINE_SALES:
            self.resolve(transaction, {})
        else:
            raise NotForThisRowError(f"{action.value} is nothing that can be done with {transaction} as it is")
        return self._row(transaction, import_id, row_no, file)

    def write_off(self, exception_id: int, *, reason: str) -> ImportedRow:
        """Give up a vend that waits; the row as it is then. For the provider.

        Raises NoSuchRowError, NotGrantedError, NotOpenError, BadReasonError.
        """
        found = _SQL.customer_exception(self.conn, exception_id=exception_id)
        if found is None:
            raise NoSuchRowError("exception", exception_id)
        import_id, row_no, kind = found
        file = self._mine(import_id, "exception", exception_id, "write off")
        if kind != Kind.EQUIPMENT_SYNC:
            raise NotForThisRowError("an order is not written off: resolve it, or abandon it")
        close_exception(self.conn, import_id, row_no, Kind(kind), actor=self.person, now=self.now, reason=reason)
        return self._row(exception_id, import_id, row_no, file)

    def errors_csv(self, import_id: int) -> Iterator[bytes]:
        """The rows that wait, as a file to correct and upload again. Raises NoSuchRowError before the first piece."""
        file = self._seen(import_id, "import", import_id, "errors.csv")
        return errors_csv.errors_csv(self.conn, import_id, file)

    def undo(self, import_id: int, *, reason: str, preview: bool = False) -> Undone:
        """Take an import back as far as nothing of it is paid or invoiced.

        Raises NoSuchRowError, NotGrantedError, NotUndoableError, BadReasonError.
        """
        self._mine(import_id, "import", import_id, "undo")
        return undoing.undo(self.conn, import_id, actor=self.person, now=self.now, reason=reason, preview=preview)

    def _resolve(
        self, transaction: str, fields: Mapping[str, str | None], *, expected: int | None, preview: bool
    ) -> Resolution:
        import_id, row_no = self._parsed(transaction)
        file = self._mine(import_id, "transaction", transaction, "resolve")
        if file.kind is not Kind.OFFLINE_SALES:
            raise NotForThisRowError("a vend is not corrected: correct the portal data and reconcile, or write it off")
        self._row(transaction, import_id, row_no, file)
        resolution = resolve(
            self.conn, import_id, row_no, fields, settings=self.settings, actor=self.person, now=self.now,
            expected=expected, preview=preview,
        )  # fmt: skip
        if resolution.is_sale and not preview:  # what is paid in cash needs no gateway
            attribute_paid(self.conn, now=self.now, actor=self.person, import_id=import_id)
        return resolution

    def _row(self, name: object, import_id: int, row_no: int, file: FileOfRows) -> ImportedRow:
        found = rows_of_import(self.conn, import_id, file.kind, row_no=row_no, most=1)
        if not found:
            raise NoSuchRowError("transaction", name)
        return found[0]

    @staticmethod
    def _parsed(transaction: str) -> tuple[int, int]:
        found = parse_transaction(transaction)
        if found is None:
            raise NoSuchRowError("transaction", "its name is <import>-<row>")
        return found

    def _seen(self, import_id: int, what: str, name: object, attempt: str) -> FileOfRows:
        file = file_of_rows(self.conn, import_id)
        if file is None or file.kind is Kind.PORTAL_DATA:
            raise NoSuchRowError(what, name)
        if not (self._acts_on(file) or self._looks_at(file)):
            self._record_denied(what, name, attempt)
            raise NoSuchRowError(what, name)
        return file

    def _mine(self, import_id: int, what: str, name: object, attempt: str) -> FileOfRows:
        file = self._seen(import_id, what, name, attempt)
        if not self._acts_on(file):
            self._record_denied(what, name, attempt)
            needed = "offline_sales_admin" if file.kind is Kind.OFFLINE_SALES else "provider"
            raise NotGrantedError(f"you may look at it; to {attempt} needs the grant {needed}")
        return file

    def _acts_on(self, file: FileOfRows) -> bool:
        if self.is_vouched_for:
            return True
        if file.kind is Kind.OFFLINE_SALES:
            return file.channel is not None and self._may(Capability.OFFLINE_SALES_ADMIN, file.channel)
        return self._may(Capability.PROVIDER)

    def _looks_at(self, file: FileOfRows) -> bool:
        if self._may(Capability.AUDITOR):
            return True
        return file.channel is not None and self._may(Capability.OFFLINE_SALES_UPLOAD, file.channel)

    def _may(self, capability: Capability, channel: str | None = None) -> bool:
        return may(self.conn, self.person, capability, channel=channel)

    def _record_denied(self, what: str, name: object, attempt: str) -> None:
        _SQL.record_denied(self.conn, now=self.now, actor=self.person, subject=what, key=str(name), attempt=attempt)

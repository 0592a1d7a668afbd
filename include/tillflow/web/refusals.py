"""Which status an error of a use case has: one table, so that REST and pages agree."""

from __future__ import annotations

from typing import Final

from tillflow import invoices, portal_desk, row_desk
from tillflow.errors import FileRefusedError, TillflowError, UnavailableError
from tillflow.exception_closing import NotOpenError
from tillflow.invoicing import credit, discard, download, load, lock, numbering, post, prepare
from tillflow.invoicing.documents.accounting import DraftExportError
from tillflow.offline_sales.resolve import ChangedMeanwhileError, NotWaitingError
from tillflow.payment_desk import NoSuchPaymentError
from tillflow.payments.decisions import NotNowError
from tillflow.portal.edit_records import RecordRefusedError, StaleRecordError, StillUsedError
from tillflow.portal.records import NoSuchRecordError
from tillflow.portal_fixes import NoSuchExceptionError, OtherFixError
from tillflow.reconciliation.reconcile import AlreadyRunningError, GivenUpError, UnknownScopeError
from tillflow.undo import NotUndoableError

_NOT_THERE: Final = (
    NoSuchPaymentError, UnknownScopeError, NoSuchRecordError, NoSuchExceptionError, invoices.NoSuchInvoiceError,
    lock.UnknownInvoiceError, prepare.UnknownCustomerError, load.NotCreditedError, download.UnknownDocumentError,
    row_desk.NoSuchRowError,
)  # fmt: skip
_NOT_GRANTED: Final = (portal_desk.NotGrantedError, row_desk.NotGrantedError, invoices.NotAllowedError)
#: in conflict with what is there -> the code that says how
_CONFLICT: Final[tuple[tuple[type[TillflowError], str], ...]] = (
    (AlreadyRunningError, "already_running"),
    (GivenUpError, "given_up"),
    (StaleRecordError, "stale"),
    (StillUsedError, "still_used"),
    (OtherFixError, "other_fix"),
    (NotOpenError, "not_open"),
    (NotWaitingError, "not_waiting"),
    (ChangedMeanwhileError, "changed_meanwhile"),
    (NotNowError, "not_now"),
    (row_desk.NotForThisRowError, "not_for_this_row"),
    (NotUndoableError, "not_undoable"),
    (discard.AlreadyPostedError, "already_posted"),
    (download.DiscardedInvoiceError, "discarded"),
    (DraftExportError, "draft"),
    (credit.NotPostedError, "not_posted"),
    (post.NotADraftError, "not_a_draft"),
    (post.EmptyInvoiceError, "empty_invoice"),
    (post.ChangedSnapshotError, "changed_snapshot"),
    (post.InvoicedMeanwhileError, "invoiced_meanwhile"),
    (numbering.UsedNumberError, "used_number"),
)
#: the first that fits counts
_STATUS: Final[tuple[tuple[type[TillflowError], int, str], ...]] = (
    (UnavailableError, 503, "unavailable"),
    *((error, 404, "not_found") for error in _NOT_THERE),
    *((error, 403, "not_granted") for error in _NOT_GRANTED),
    *((error, 409, code) for error, code in _CONFLICT),
    (RecordRefusedError, 422, "invalid"),
)


def status_of(error: Exception) -> tuple[int, str]:
    """Status and code of an error; what no line names was asked for in vain: 422."""
    if isinstance(error, FileRefusedError):
        first = error.errors[0].code
        return (409 if first == "already_imported" else 422), first
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return status, code
    return 422, "refused"

"""Which status an error of a use case has: one table, so that REST and pages agree."""

from __future__ import annotations

from typing import Final

from tillflow.errors import FileRefusedError, TillflowError, UnavailableError
from tillflow.invoices import NoSuchInvoiceError, NotAllowedError
from tillflow.invoicing.credit import NotPostedError
from tillflow.invoicing.discard import AlreadyPostedError
from tillflow.invoicing.documents.accounting import DraftExportError
from tillflow.invoicing.download import DiscardedInvoiceError, UnknownDocumentError
from tillflow.invoicing.load import NotCreditedError
from tillflow.invoicing.numbering import UsedNumberError
from tillflow.invoicing.post import ChangedSnapshotError, InvoicedMeanwhileError, NotADraftError
from tillflow.invoicing.prepare import UnknownCustomerError
from tillflow.payment_desk import NoSuchPaymentError
from tillflow.portal.edit_records import StaleRecordError, StillUsedError
from tillflow.portal.records import NoSuchRecordError
from tillflow.portal_desk import NotGrantedError
from tillflow.portal_fixes import NoSuchExceptionError, OtherFixError
from tillflow.reconciliation.reconcile import AlreadyRunningError, GivenUpError, UnknownScopeError

#: error -> status and code; the first that fits counts
_STATUS: Final[tuple[tuple[type[TillflowError], int, str], ...]] = (
    (UnavailableError, 503, "unavailable"),
    (NoSuchPaymentError, 404, "not_found"),
    (UnknownScopeError, 404, "not_found"),
    (NoSuchRecordError, 404, "not_found"),
    (NoSuchExceptionError, 404, "not_found"),
    (NotGrantedError, 403, "not_granted"),
    (StaleRecordError, 409, "stale"),
    (StillUsedError, 409, "still_used"),
    (OtherFixError, 409, "other_fix"),
    (AlreadyRunningError, 409, "already_running"),
    (GivenUpError, 409, "given_up"),
    (NoSuchInvoiceError, 404, "not_found"),
    (UnknownCustomerError, 404, "not_found"),
    (UnknownDocumentError, 404, "not_found"),
    (NotCreditedError, 404, "not_found"),
    (NotAllowedError, 403, "not_granted"),
    (UsedNumberError, 409, "used_number"),
    (ChangedSnapshotError, 409, "changed_snapshot"),
    (InvoicedMeanwhileError, 409, "invoiced_meanwhile"),
    (NotADraftError, 409, "not_a_draft"),
    (AlreadyPostedError, 409, "already_posted"),
    (NotPostedError, 409, "not_posted"),
    (DraftExportError, 409, "draft"),
    (DiscardedInvoiceError, 409, "discarded"),
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

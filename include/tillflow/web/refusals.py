"""Which status an error of a use case has: one table, so that REST and pages agree."""

from __future__ import annotations

from typing import Final

from tillflow.errors import FileRefusedError, TillflowError, UnavailableError
from tillflow.payment_desk import NoSuchPaymentError
from tillflow.reconciliation.reconcile import AlreadyRunningError, GivenUpError, UnknownScopeError

#: error -> status and code; the first that fits counts
_STATUS: Final[tuple[tuple[type[TillflowError], int, str], ...]] = (
    (UnavailableError, 503, "unavailable"),
    (NoSuchPaymentError, 404, "not_found"),
    (UnknownScopeError, 404, "not_found"),
    (AlreadyRunningError, 409, "already_running"),
    (GivenUpError, 409, "given_up"),
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

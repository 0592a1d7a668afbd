"""The words that are stored: kinds, verdicts, states. A changed value is a migration."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a file holds."""

    OFFLINE_SALES = "offline_sales"
    EQUIPMENT_SYNC = "equipment_sync"
    PORTAL_DATA = "portal_data"


class Verdict(StrEnum):
    """What became of a row; the balance adds them up."""

    SALE = "sale"
    EXCEPTION = "exception"
    DUPLICATE = "duplicate"
    NOT_BILLABLE = "not_billable"
    REJECTED = "rejected"


class ImportStatus(StrEnum):
    """The status of an import as an operator sees it; always derived from its rows."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires action"
    COMPLETED = "completed"
    REJECTED = "rejected"


class Capability(StrEnum):
    """What an operator may do (domain 2.5)."""

    OFFLINE_SALES_UPLOAD = "offline_sales_upload"
    OFFLINE_SALES_ADMIN = "offline_sales_admin"
    PROVIDER = "provider"
    CUSTOMER_USER = "customer_user"
    AUDITOR = "auditor"


class PortalEdit(StrEnum):
    """An edit of portal data that is more than a load of files, for forms and suggested fixes."""

    PUT_RECORD = "put_record"
    REPAIR_SELECTION = "repair_selection"
    CHANGE_SELECTION_FROM = "change_selection_from"
    CLONE_PLANOGRAM = "clone_planogram"
    ALLOCATE = "allocate"
    MOVE = "move"
    CHANGE_ROLE = "change_role"
    GIVE_ACCESS = "give_access"
    END_ACCESS = "end_access"
    EXCLUDE_PRODUCT = "exclude_product"
    INCLUDE_PRODUCT = "include_product"


class PaymentType(StrEnum):
    """How an offline sale is paid."""

    CASH = "CASH"
    CARD = "CC"
    CHEQUE = "CHQ"
    MONEY_ORDER = "MO"
    BANK_DRAFT = "BD"


class PaymentState(StrEnum):
    """How far the payment of an offline sale is (domain 2.4). Which may follow which: the table books.move."""

    DUE = "due"
    IN_FLIGHT = "in_flight"
    RETRY_WAIT = "retry_wait"
    UNKNOWN = "unknown"
    NEEDS_REVIEW = "needs_review"
    SUCCEEDED = "succeeded"
    FAILED_HARD = "failed_hard"
    EXHAUSTED = "exhausted"
    CANCELED = "canceled"
    #: cheque, money order, bank draft
    RECEIVED = "received"
    CLEARED = "cleared"
    RETURNED = "returned"


class RefundState(StrEnum):
    """How far money on its way back is."""

    DUE = "due"
    IN_FLIGHT = "in_flight"
    REFUNDED = "refunded"
    REFUSED = "refused"
    TO_PAY_OUT = "to_pay_out"


class Tab(StrEnum):
    """Where an operator finds a row of an offline-sales import; always derived (books.row_tab)."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    FUNDS_PENDING = "funds_pending"
    SUCCESSFUL = "successful"
    ABANDONED = "abandoned"

"""Everything a sweep over the payments does, in order: where payments, products, refunds and their mails meet.

The DAGs and the command line call this; the domains do not know each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillflow.clock import Clock, utc_now
from tillflow.db.connection import Connection
from tillflow.errors import TillflowError
from tillflow.offline_sales.attribute import attribute_paid
from tillflow.payments.charge import Till
from tillflow.payments.gateway import Gateway, GatewayUnusableError
from tillflow.payments.line import GatewayAwayError
from tillflow.payments.refunds import refund_due
from tillflow.payments.schedule import RetryPolicy
from tillflow.payments.sweep import charge_due, settle_unknown
from tillflow.reporting.payment_report import queue_payment_reports
from tillflow.settings import Settings


@dataclass
class PaymentRun:
    """What a sweep did, by step and state. `problem`: the gateway could not be used; everything else was done."""

    settled: Counter[str] = field(default_factory=Counter)
    charged: Counter[str] = field(default_factory=Counter)
    refunded: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)
    mails: int = 0
    problem: TillflowError | None = None

    def summary(self) -> dict[str, dict[str, int] | int]:
        """What may be shown anywhere: numbers."""
        steps = ("settled", "charged", "refunded", "products")
        return {step: dict(getattr(self, step)) for step in steps} | {"mails": self.mails}


def till_of(conn: Connection, gateway: Gateway, settings: Settings, actor: str, clock: Clock = utc_now) -> Till:
    """The till with the installation's rules."""
    return Till(
        conn,
        gateway,
        clock,
        RetryPolicy(settings.payment_retries, timedelta(seconds=settings.payment_retry_seconds)),
        concurrency=settings.payment_concurrency,
        declines_allowed=settings.card_declines_per_month,
        actor=actor,
    )


def sweep(
    till: Till, settings: Settings, *, due_by: datetime | None = None, import_id: int | None = None
) -> PaymentRun:
    """Settle, charge, refund; then give the products of what is paid and queue the mails.

    With `import_id` only that import's due payments are charged. A gateway that is away keeps no cash sale
    from its product and no person from their mail.
    """
    run = PaymentRun()
    steps: list[tuple[Counter[str], Callable[[], Counter[str]]]] = [
        (run.settled, lambda: settle_unknown(till)),
        (run.charged, lambda: charge_due(till, due_by=due_by, import_id=import_id)),
        (run.refunded, lambda: refund_due(till)),
    ]
    for result, step in steps:
        try:
            result.update(step())
        except GatewayAwayError as error:  # it may be one sort of call alone that gets no answer
            run.problem = run.problem or error
        except GatewayUnusableError as error:
            run.problem = error
            break
    run.products = attribute_paid(till.conn, now=till.clock(), actor=till.actor)
    run.mails = queue_payment_reports(
        till.conn, zone=settings.zone, recipients=settings.report_recipients, now=till.clock(), storage=settings.storage
    )
    return run

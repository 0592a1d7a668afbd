"""A line of the sales list that belongs to an invoice; not part of the invoice itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tillflow.invoicing.model import Part


@dataclass(frozen=True, slots=True)
class SaleRow:
    """One sale of an invoice, as the sales list shows it."""

    #: in the site's zone, with its offset
    vended_at: datetime
    recorded_at: datetime
    part: Part
    site: str
    site_name: str
    equipment: str
    selection: str
    product: str
    product_name: str
    #: negative for a refund
    quantity: int
    unit_price_minor: int
    amount_minor: int
    currency: str
    tax_rate_bp: int
    #: key and name of the customer's user who vended
    user: str
    user_name: str
    #: where it came from: the import and the row of its file
    import_id: int
    row_no: int

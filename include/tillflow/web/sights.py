"""Which capabilities see what: the menu and the routes agree by asking here."""

from __future__ import annotations

from typing import Final

from tillflow.codes import Capability

#: imports of offline sales, and the history of their rows
SEES_SALES: Final = (Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN, Capability.AUDITOR)
#: machines, their exceptions, reconciliations, invoices and all portal data
SEES_MACHINES: Final = (Capability.PROVIDER, Capability.AUDITOR)
#: the same, of their own customer only
SEES_OWN_MACHINES: Final = (*SEES_MACHINES, Capability.CUSTOMER_USER)
#: who hands in files of one kind or another
IMPORTS: Final = (Capability.OFFLINE_SALES_UPLOAD, Capability.OFFLINE_SALES_ADMIN, Capability.PROVIDER)
ANY: Final = tuple(Capability)

"""Which pages of portal data lead to which: what belongs to a record, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tillflow.codes import PortalEdit

#: table -> (word, path below /tillflow, {filter: column of the record's key}, the table that is shown)
RELATED: Final[Mapping[str, tuple[tuple[str, str, Mapping[str, str], str], ...]]] = {
    "channels": (("Its operators", "portal/operators/", {"channel": "channel"}, "operators"),),
    "lotteries": (
        ("Its draws", "portal/draws/", {"lottery": "lottery"}, "draws"),
        ("Its products", "portal/draw_products/", {"lottery": "lottery"}, "draw_products"),
    ),
    "draws": (
        ("Its products", "portal/draw_products/", {"lottery": "lottery", "draw_no": "draw_no"}, "draw_products"),
    ),
    "customers": (
        ("Its sites", "portal/sites/", {"customer": "customer"}, "sites"),
        ("Its users", "portal/users/", {"customer": "customer"}, "users"),
        ("Their access", "portal/access/", {"customer": "customer"}, "access"),
        ("Its operators", "portal/operators/", {"customer": "customer"}, "operators"),
    ),
    "sites": (("Machines that stood here", "portal/allocations/", {"site": "site"}, "allocations"),),
    "equipment": (
        ("Its planogram", "portal/planograms/grid/", {"equipment": "equipment"}, "planograms"),
        ("Where it stood", "portal/allocations/", {"equipment": "equipment"}, "allocations"),
        ("Who has access", "portal/access/", {"equipment": "equipment"}, "access"),
    ),
    "allocations": (
        ("All places of the machine", "portal/allocations/", {"equipment": "equipment"}, "allocations"),
    ),
    "products": (("Where it is sold", "portal/planograms/", {"product": "product"}, "planograms"),),
    "planograms": (
        ("The whole planogram", "portal/planograms/grid/", {"equipment": "equipment", "valid_from": "valid_from"},
         "planograms"),
    ),
    "users": (("Their access", "portal/access/", {"customer": "customer", "user": "user"}, "access"),),
    "access": (("All access of the user", "portal/access/", {"customer": "customer", "user": "user"}, "access"),),
}  # fmt: skip

_SELECTION: Final = {
    "equipment": "equipment", "selection": "selection", "product": "product", "replaces": "product",
    "price": "price", "currency": "currency",
}  # fmt: skip
#: table of the record -> (edit, the table it changes, {argument: column of the record})
EDITS: Final[Mapping[str, tuple[tuple[PortalEdit, str, Mapping[str, str]], ...]]] = {
    "equipment": (
        (PortalEdit.MOVE, "allocations", {"equipment": "equipment"}),
        (PortalEdit.ALLOCATE, "allocations", {"equipment": "equipment"}),
        (PortalEdit.REPAIR_SELECTION, "planograms", {"equipment": "equipment"}),
        (PortalEdit.CLONE_PLANOGRAM, "planograms", {"equipment": "equipment"}),
    ),
    "allocations": ((PortalEdit.MOVE, "allocations", {"equipment": "equipment"}),),
    "planograms": (
        (PortalEdit.REPAIR_SELECTION, "planograms", _SELECTION | {"at": "valid_from"}),
        (PortalEdit.CHANGE_SELECTION_FROM, "planograms", _SELECTION),
    ),
    "products": (
        (PortalEdit.EXCLUDE_PRODUCT, "products", {"product": "product"}),
        (PortalEdit.INCLUDE_PRODUCT, "products", {"product": "product"}),
    ),
    "users": (
        (PortalEdit.CHANGE_ROLE, "users", {"customer": "customer", "user": "user", "role": "role"}),
        (PortalEdit.GIVE_ACCESS, "access", {"customer": "customer", "user": "user"}),
    ),
    "access": ((PortalEdit.END_ACCESS, "access", {"customer": "customer", "user": "user", "equipment": "equipment"}),),
}


def record_query(key: Sequence[str]) -> dict[str, Any]:
    """The key of a record as the query of its page."""
    return {"key": list(key)}

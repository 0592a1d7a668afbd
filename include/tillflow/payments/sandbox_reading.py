"""What can be read of the sandbox's objects: one by its id, or a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tillflow.payments.sandbox_objects import Parameters, Work, public, settled
from tillflow.payments.sandbox_store import Json


def retrieve(work: Work, kind: str, name: str) -> Json:
    """GET /v1/{kind}s/{id}."""
    thing = work.find(kind, name)
    return settled(work, thing) if kind == "payment_intent" else thing


def list_objects(work: Work, kind: str) -> Json:
    """GET /v1/{kind}s, newest first, filtered by intent, charge, customer and time."""
    given = work.parameters
    things = _children(work, given) if {"payment_intent", "charge"} & set(given) else work.store.objects.values()
    found = [work.changed.get(thing["id"], thing) for thing in things if thing["object"] == kind]
    for bound, keeps in _BOUNDS.items():
        if text := given.get(f"created[{bound}]"):
            found = [thing for thing in found if keeps(thing["created"], int(text))]
    if "customer" in given:
        found = [thing for thing in found if thing.get("customer") == given["customer"]]
    limit = min(int(given.get("limit", "10")), 100)
    newest = sorted(found, key=lambda thing: int(thing["created"]))[::-1]  # of one second: the last made first
    data = [public(thing) for thing in newest[:limit]]
    return {"object": "list", "url": f"/v1/{kind}s", "has_more": len(newest) > limit, "data": data}


_BOUNDS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def _children(work: Work, given: Parameters) -> list[Json]:
    """An intent's charges with their refunds, or a charge's refunds."""
    if "payment_intent" in given:
        intent = settled(work, work.find("payment_intent", given["payment_intent"]))
        charges = work.store.children.get(intent["id"], [])
    else:
        charges = [given["charge"]]
    refunds = [name for charge in charges for name in work.store.children.get(charge, [])]
    return [work.store.objects[name] for name in [*charges, *refunds] if name in work.store.objects]

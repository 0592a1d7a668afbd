"""The keyed hash that stands for a PIN everywhere: a PIN itself is never stored, logged or exported."""

from __future__ import annotations

import hmac
from uuid import UUID


def pin_hash(secret: bytes, pin: str) -> UUID:
    """The first 128 bits of HMAC-SHA-256(secret, pin), as the databases store it."""
    return UUID(bytes=hmac.digest(secret, pin.encode(), "sha256")[:16])

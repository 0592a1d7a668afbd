"""Values of options that several benchmarks take."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def sizes(text: str) -> list[int]:
    """`1_000_000,100000` -> 100,000 and 1,000,000."""
    return sorted({positive(part.replace("_", "")) for part in text.split(",")})

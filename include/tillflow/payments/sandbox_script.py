"""What a card token makes the sandbox do: the names the samples use, and a script for everything else.

    token   = "tok_" name [ "-" anything ]          the tail makes tokens distinct and means nothing
    name    = one of NAMES | "script__" steps
    steps   = step { "__" step }                    one per attempt at the card's issuer; the last one repeats
    step    = { fault [ "*" [ times ] ] "." } outcome
    outcome = "ok" | "soft" | "hard" | "action" | "processing" | "opaque" | a decline code

Faults hit the deliveries of one attempt in turn, each once, `*3` three times, `*` for ever; the deliveries after
them are answered properly. An attempt is what reaches the issuer, so a fault `..._before` uses none: the same
step waits for the next delivery, under whichever key.
`tok_script__500_before.reset_after.soft__ok`: an error, then a soft decline whose answer is lost, then its replay;
the attempt after it is approved.

A step that begins with "create." or "refund." comes first and holds faults only: those of making the payment's
intent, or of refunding it. `tok_script__create.reset_after__ok`, `tok_script__refund.500_before__ok`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tillflow.payments import decline_codes

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ok": "ok",
        "visa": "ok",
        "soft_then_ok": "soft__ok",
        "soft_twice_then_ok": "soft__soft__ok",
        "soft_forever": "soft",
        "hard": "hard",
        "authentication": "action",
        "answer_lost": "drop_after.ok",
        "slow": "slow_2s.ok",
        "duplicate": "duplicate.ok",
        **{
            fault: f"{fault}.ok"
            for fault in """500_before 500_after 503_before 502_after 429 garbage garbage_before truncated_after
            reset_before reset_after drop_before drop_after timeout_before timeout_after""".split()
        },
    }
)
"""Token name -> script. `tok_invalid`, and any name not here, is refused as "no such token"."""

BEFORE: Final = frozenset("500_before 503_before 429 garbage_before reset_before drop_before timeout_before".split())
"""Faults that keep the request from being carried out."""

AFTER: Final = frozenset(
    "500_after 502_after garbage truncated_after reset_after drop_after timeout_after duplicate".split()
)
"""Faults of the answer. Only `500_after` is remembered under the key, as Stripe does; the others' replay answers."""

OUTCOMES: Final = frozenset({"ok", "soft", "hard", "action", "processing", "opaque"})
SHORT_CODES: Final[Mapping[str, str]] = MappingProxyType({"soft": "insufficient_funds", "hard": "stolen_card"})

_FAULT: Final = re.compile(r"(?P<kind>[a-z0-9_]+?)(?:\*(?P<times>[1-9][0-9]{0,3})?)?")
_REPEATED: Final = re.compile(r".*\*[0-9]*")
_SLOW: Final = re.compile(r"slow_([0-9]{1,5})(m?s)")
_FOR_EVER: Final = 10**9


class UnknownTokenError(ValueError):
    """There is no such token."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a delivery. `seconds` is how late a slow answer is."""

    kind: str
    times: int = 1
    seconds: float = 0.0

    @property
    def is_before(self) -> bool:
        """Whether the request is not carried out."""
        return self.kind in BEFORE


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt: the faults of its deliveries, then its outcome."""

    outcome: str
    faults: tuple[Fault, ...] = ()

    def fault(self, delivery: int) -> Fault | None:
        """The fault of the delivery that comes after `delivery` others."""
        for fault in self.faults:
            if delivery < fault.times:
                return fault
            delivery -= fault.times
        return None


@dataclass(frozen=True, slots=True)
class Script:
    """All steps of a token."""

    steps: tuple[Step, ...]
    #: "create" or "refund" -> the faults of that call
    calls: Mapping[str, Step] = field(default_factory=dict)

    def step(self, attempt: int) -> Step:
        """The step of the attempt that comes after `attempt` others; the last one repeats."""
        return self.steps[min(attempt, len(self.steps) - 1)]


def script_text(token: str) -> str:
    """The script of a token, without what makes the token one of its own. Raises UnknownTokenError."""
    prefix, _, rest = token.partition("_")
    name = rest.partition("-")[0]
    if prefix not in {"tok", "pm"}:
        raise UnknownTokenError
    text = name.removeprefix("script__") if name.startswith("script__") else NAMES.get(name, "")
    parse(text)
    return text


def parse(text: str) -> Script:
    """Read a script. Raises UnknownTokenError when a word of it is unknown."""
    calls: dict[str, Step] = {}
    steps = []
    for part in text.split("__"):
        words = part.split(".")
        if words[0] in {"create", "refund"} and len(words) > 1:
            calls[words[0]] = Step("ok", tuple(map(_fault, words[1:])))
        else:
            steps.append(Step(_outcome(words[-1]), tuple(map(_fault, words[:-1]))))
    if not steps:
        raise UnknownTokenError
    return Script(tuple(steps), calls)


def _outcome(word: str) -> str:
    if word in OUTCOMES or word in decline_codes.SOFT or word in decline_codes.HARD:
        return SHORT_CODES.get(word, word)
    raise UnknownTokenError


def _fault(word: str) -> Fault:
    found = _FAULT.fullmatch(word)
    if not found:
        raise UnknownTokenError
    kind = found["kind"]
    times = int(found["times"] or _FOR_EVER) if _REPEATED.fullmatch(word) else 1
    if slow := _SLOW.fullmatch(kind):
        return Fault("slow", times, int(slow[1]) / (1000 if slow[2] == "ms" else 1))
    if kind not in BEFORE | AFTER:
        raise UnknownTokenError
    return Fault(kind, times)

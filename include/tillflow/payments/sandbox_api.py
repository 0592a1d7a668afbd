"""The sandbox's front door: who may come in, idempotency keys as Stripe keeps them, and the scripted faults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from tillflow.payments import sandbox_objects as objects
from tillflow.payments.sandbox_http import Answer, Request
from tillflow.payments.sandbox_objects import RefusedError, Work
from tillflow.payments.sandbox_reading import list_objects, retrieve
from tillflow.payments.sandbox_refunds import create_refund, refunded_charge
from tillflow.payments.sandbox_script import Fault, Step
from tillflow.payments.sandbox_store import Json, Store

#: keys that open no door, for tests of the adapter
BAD_KEYS: Final = {"sk_sandbox_bad": 401, "sk_sandbox_no_rights": 403}

_KINDS: Final = {f"{kind}s": kind for kind in ("customer", "payment_method", "payment_intent", "charge", "refund")}
_CREATE: Final[dict[str, Callable[[Work], Json]]] = {
    "customers": objects.create_customer,
    "payment_methods": objects.create_method,
    "payment_intents": objects.create_intent,
    "refunds": create_refund,
}
_ACT: Final[dict[tuple[str, str], Callable[[Work, str], Json]]] = {
    ("payment_methods", "attach"): objects.attach,
    ("payment_intents", "confirm"): objects.confirm,
    ("payment_intents", "cancel"): objects.cancel,
}
_GARBAGE: Final = b"<html>\x00 not what was asked for"
_WIRE: Final = {"reset": "reset", "drop": "drop", "timeout": "hang", "truncated": "truncate"}


class Api:
    """Answers requests below /v1. `latency` in seconds is added to every answer."""

    def __init__(self, store: Store, latency: float = 0.0) -> None:
        self.store = store
        self.latency = latency
        #: idempotency key or intent -> until when its request is being carried out (monotonic seconds)
        self._busy: dict[str, float] = {}

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            _authorize(request)
            answer = self._post(request) if request.method == "POST" else self._get(request)
        except RefusedError as refused:
            answer = _refusal(refused)
        answer.seconds += self.latency
        return answer

    def _get(self, request: Request) -> Answer:
        work = Work(self.store, "", dict(parse_qsl(request.query)))
        parts = request.path.strip("/").split("/")[1:]
        if request.method != "GET" or not parts or parts[0] not in _KINDS or len(parts) > 2:
            raise RefusedError(404, "url_invalid", "Unrecognized request URL")
        kind = _KINDS[parts[0]]
        found = list_objects(work, kind) if len(parts) == 1 else objects.public(retrieve(work, kind, parts[1]))
        self.store.write(work.finished())  # looking may settle what was processing
        return Answer(200, _json(found))

    def _post(self, request: Request, *, again: bool = False) -> Answer:
        key = request.headers.get("idempotency-key", "")
        pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        work = Work(self.store, key, dict(pairs))
        call, intent = _call(request, work)
        known = self._known(key, _fingerprint(request.path, pairs))
        self._refuse_while_busy(key, intent)
        holder, counter, step = _scripted(request, work, known)
        fault = _delivered(work, holder, counter, step)
        if fault:
            _note_fault(work, holder, fault)
        if fault and fault.is_before:
            self.store.write(work.finished())
            return _not_carried_out(fault)
        if known:
            answer = Answer(known["status"], known["body"].encode(), headers={"Idempotent-Replayed": "true"})
        else:
            answer = self._carry_out(work, call, fault, _fingerprint(request.path, pairs), counter)
        self.store.write(work.finished())
        if fault and not again:
            answer = self._with_fault(request, answer, fault)
        self._keep_busy(answer, key, intent)
        return answer

    def _known(self, key: str, fingerprint: str) -> Json | None:
        known = self.store.key(key) if key else None
        if known and known["fingerprint"] != fingerprint:
            raise RefusedError(400, "", "The key was used with other parameters", kind="idempotency_error")
        return known

    def _refuse_while_busy(self, key: str, intent: str) -> None:
        now = time.monotonic()
        if self._busy.get(key, 0) > now:
            raise RefusedError(409, "idempotency_key_in_use", "Another request with this key is being carried out")
        if self._busy.get(intent, 0) > now:
            raise RefusedError(429, "lock_timeout", "The intent is being used by another request")

    def _keep_busy(self, answer: Answer, key: str, intent: str) -> None:
        """Until a late answer is out, its key is in use and its intent locked."""
        seconds = answer.seconds + self.latency
        if seconds > 0:
            now = time.monotonic()
            if len(self._busy) > 10_000:
                self._busy = {name: until for name, until in self._busy.items() if until > now}
            self._busy.update({name: now + seconds for name in (key, intent) if name})

    def _carry_out(
        self, work: Work, call: Callable[[Work], Json], fault: Fault | None, fingerprint: str, attempt: str
    ) -> Answer:
        """Do it, and remember the answer; what was refused unseen (400, 404) is not remembered, as at Stripe."""
        try:
            answer = Answer(200, _json(objects.public(call(work))))
        except RefusedError as refused:
            answer = _refusal(refused)
        if fault and fault.kind == "500_after" and answer.status in {200, 402}:
            answer = _broken(500)
        if work.key and answer.status not in {400, 404}:
            work.change.keys[work.key] = {
                "fingerprint": fingerprint,
                "status": answer.status,
                "body": answer.body.decode(),
                "at": self.store.now(),
                "attempt": attempt,
            }
        return answer

    def _with_fault(self, request: Request, answer: Answer, fault: Fault) -> Answer:
        """What becomes of the answer of a request that was carried out."""
        if fault.kind == "duplicate":
            with contextlib.suppress(RefusedError):
                self._post(request, again=True)  # the network delivers it again; nobody reads the second answer
        elif fault.kind == "502_after":
            return _broken(502)
        elif fault.kind == "garbage":
            return Answer(200, _GARBAGE, content_type="text/html")
        answer.wire = _WIRE.get(fault.kind.partition("_")[0], "send")
        answer.seconds += fault.seconds
        return answer


def _authorize(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    status = BAD_KEYS.get(key.strip(), 200) if scheme == "Bearer" and key.strip() else 401
    if status != 200:
        raise RefusedError(status, "", "This key opens nothing")


def _call(request: Request, work: Work) -> tuple[Callable[[Work], Json], str]:
    """(what the request does, the intent it is about or nothing). Raises RefusedError 404."""
    parts = request.path.strip("/").split("/")[1:]
    if len(parts) == 1 and parts[0] in _CREATE:
        return _CREATE[parts[0]], ""
    act = _ACT.get((parts[0], parts[2])) if len(parts) == 3 else None
    if not act:
        raise RefusedError(404, "url_invalid", "Unrecognized request URL")
    return partial(_acting, act, parts[1]), parts[1] if parts[0] == "payment_intents" else ""


def _acting(act: Callable[[Work, str], Json], name: str, work: Work) -> Json:
    return act(work, name)


def _scripted(request: Request, work: Work, known: Json | None) -> tuple[Json | None, str, Step | None]:
    """(the object that counts deliveries, under which name, the step with their faults), where there is one."""
    parts = request.path.strip("/").split("/")[1:]
    try:
        if parts[-1] == "confirm":
            intent = work.find("payment_intent", parts[1])
            if not known and intent["status"] not in objects.CONFIRMABLE:
                return None, "", None
            attempt = known["attempt"] if known else str(intent["_attempts"])
            name = work.parameters.get("payment_method") or intent["payment_method"] or ""
            return intent, attempt, objects.script_of(work.find("payment_method", name)).step(int(attempt))
        if parts == ["payment_intents"]:
            method = work.find("payment_method", work.parameters.get("payment_method", ""))
            return method, "create", objects.script_of(method).calls.get("create")
        if parts == ["refunds"]:
            charge = refunded_charge(work)
            method = work.find("payment_method", charge["payment_method"])
            return charge, "refund", objects.script_of(method).calls.get("refund")
    except RefusedError:
        pass  # the call itself will say so
    return None, "", None


def _delivered(work: Work, holder: Json | None, counter: str, step: Step | None) -> Fault | None:
    """Count the delivery; returns its fault."""
    if holder is None or step is None or not step.faults:
        return None
    counts = holder.get("_deliveries", {})
    before = counts.get(counter, 0)
    work.put(holder, _deliveries={**counts, counter: before + 1})
    return step.fault(before)


def _note_fault(work: Work, holder: Json | None, fault: Fault) -> None:
    if holder is None or holder["object"] == "payment_method":
        return  # there is no intent yet to note it under
    name = holder.get("payment_intent") or holder["id"]
    work.note("fault", work.find("payment_intent", name), fault.kind)


def _not_carried_out(fault: Fault) -> Answer:
    if fault.kind == "429":
        return _refusal(RefusedError(429, "rate_limit", "Too many requests", kind="rate_limit_error"))
    if fault.kind == "garbage_before":
        return Answer(200, _GARBAGE, content_type="text/html")
    word = fault.kind.partition("_")[0]
    return Answer(0, b"", wire=_WIRE[word]) if word in _WIRE else _broken(int(word))


def _broken(status: int) -> Answer:
    return _refusal(RefusedError(status, "", "Something went wrong on the sandbox's end", kind="api_error"))


def _refusal(refused: RefusedError) -> Answer:
    error = {name: value for name, value in refused.error.items() if value != ""}
    return Answer(refused.status, _json({"error": error}))


def _fingerprint(path: str, pairs: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps([path, sorted(pairs)]).encode()).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

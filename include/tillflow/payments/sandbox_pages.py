"""What people and tests see of the sandbox: its ledger, its clock, and a page.

    GET  /sandbox/                  the ledger as a page
    GET  /sandbox/ledger            {"now", "offset_seconds", "entries": [...]}; ?payment=KEY for one payment
    GET  /sandbox/clock             {"now", "offset_seconds"}
    POST /sandbox/clock             {"offset_seconds": N} in JSON, or offset_seconds=N: the clock's distance from ours
    POST /sandbox/reset             forget everything

An entry of the ledger: at, kind, payment, order (the intent's metadata), intent, outcome, idempotency_key. Kinds:
"attempt" (one at the card's issuer; outcome "approved", "requires_action", "processing" or a decline code; attempt,
amount in minor units, currency, charge, masked token), "refund" (amount, charge, refund), "fault" (its kind).
Money was taken once for every attempt that is approved, and by nothing else.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import parse_qs

from tillflow.payments.sandbox_http import Answer, Request
from tillflow.payments.sandbox_store import Change, Json, Store

_COLUMNS: Final = "at kind payment order attempt outcome amount currency charge idempotency_key token".split()
_MOST_ROWS: Final = 500


def answer_page(store: Store, request: Request) -> Answer:
    """Answer a request below /sandbox."""
    match request.method, request.path.rstrip("/"):
        case "GET", "/sandbox":
            return Answer(200, _page(store).encode(), content_type="text/html; charset=utf-8")
        case "GET", "/sandbox/ledger":
            wanted = parse_qs(request.query).get("payment")
            entries = [entry for entry in store.ledger if not wanted or entry["payment"] in wanted]
            return _json({**_clock(store), "entries": entries})
        case "GET", "/sandbox/clock":
            return _json(_clock(store))
        case "POST", "/sandbox/clock":
            try:
                store.write(Change(offset=_offset(request)))
            except (ValueError, KeyError, TypeError, OverflowError, OSError):
                return _json({"error": "offset_seconds must be a number of seconds, at most 100 years"}, 400)
            return _json(_clock(store))
        case "POST", "/sandbox/reset":
            store.reset()
            return _json({})
    return _json({"error": "see /sandbox/, /sandbox/ledger, /sandbox/clock"}, 404)


def _offset(request: Request) -> float:
    if "json" in request.headers.get("content-type", "json"):
        offset = float(json.loads(request.body)["offset_seconds"])
    else:
        offset = float(parse_qs(request.body.decode())["offset_seconds"][0])
    if not abs(offset) < 100 * 366 * 86400:  # also refuses NaN
        raise ValueError
    return offset


def _clock(store: Store) -> Json:
    now = datetime.fromtimestamp(store.now(), UTC).isoformat(timespec="milliseconds")
    return {"now": now, "offset_seconds": store.offset}


def _page(store: Store) -> str:
    head = "".join(f"<th scope=col>{name.replace('_', ' ')}</th>" for name in _COLUMNS)
    newest = reversed(store.ledger[-_MOST_ROWS:])
    rows = "\n".join(map(_row, newest))
    taken = sum(entry["kind"] == "attempt" and entry["outcome"] == "approved" for entry in store.ledger)
    attempts = sum(entry["kind"] == "attempt" for entry in store.ledger)
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>Sandbox gateway</title>
<style>body{{font:14px system-ui;margin:2em}}td,th{{padding:.2em .6em;text-align:left}}table{{border-collapse:collapse}}
tr:nth-child(even){{background:#8881}}:root{{color-scheme:light dark}}</style>
<h1>Sandbox gateway</h1><p>No money moves here. {attempts} attempts, {taken} approved. Its clock says
{escape(_clock(store)["now"])}. <a href=/sandbox/ledger>Ledger as JSON</a>; below, the newest {_MOST_ROWS}.</p>
<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></html>"""


def _row(entry: Json) -> str:
    cells = (escape(str(entry.get(name) or "")) for name in _COLUMNS)
    return f"<tr><td>{'</td><td>'.join(cells)}</td></tr>"


def _json(value: Json, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode() + b"\n")

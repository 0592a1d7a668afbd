"""Write sample files of any size: portal data, a dump or orders, and what must become of them.

python -m tillflow.samples --kind equipment_sync --rows 1000000 --seed 7 --out some-folder
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tillflow.codes import Kind
from tillflow.samples.expected import Balance
from tillflow.samples.generate import LARGE, NOW, SMALL, SampleFile, offline_sales, portal, sync_dump
from tillflow.samples.model import PortalSample

#: from this many rows on a dump is made in bulk: its balance is known, but not each row's verdict
BULK_ROWS: Final = 20_000


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when the files are written."""
    options = _parse(arguments)
    sizes = LARGE if options.rows >= BULK_ROWS else SMALL
    sizes = {name: getattr(options, name) or default for name, default in sizes.items()}
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    _say(f"portal data: {sizes['machines']:,} machines, {sizes['users']:,} users\n")
    try:
        data = portal(options.seed, **sizes)
    except ValueError as error:
        _say(f"cannot make that portal data: {error}\n")
        return 2
    (options.out / "portal_data.zip").write_bytes(data.zipped())
    if options.kind != Kind.PORTAL_DATA:
        _write(options, data)
    _say(f"{options.out}: done in {time.monotonic() - started:.1f} s\n")
    return 0


def _write(options: argparse.Namespace, data: PortalSample) -> None:
    name = f"{options.kind}-{options.rows}-{options.seed}.{options.format}"
    expected: dict[str, Any] = {
        "kind": options.kind,
        "file": name,
        "rows": options.rows,
        "seed": options.seed,
        "received_at": options.received_at.isoformat(),
    }
    if _is_bulk(options):
        expected["balance"] = asdict(_bulk(options, data, options.out / name))
    else:
        sample = _sample(options, data)
        (options.out / name).write_bytes(sample.content())
        expected["balance"] = asdict(sample.balance)
        expected["verdicts"] = [asdict(row) | {"reasons": sorted(row.reasons)} for row in sample.expected]
    (options.out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def _is_bulk(options: argparse.Namespace) -> bool:
    plain_dump = options.kind == Kind.EQUIPMENT_SYNC and options.format == "csv"
    return bool(plain_dump and options.rows >= BULK_ROWS)


def _bulk(options: argparse.Namespace, data: PortalSample, path: Path) -> Balance:
    from tillflow.samples.bulk import write_bulk_dump

    def progress(done: int) -> None:
        _say(f"\r{path.name}: {done:,} of {options.rows:,} rows")

    balance = write_bulk_dump(path, data, options.seed, options.rows, bad_share=options.bad_share, progress=progress)
    _say("\n")
    return balance


def _sample(options: argparse.Namespace, data: PortalSample) -> SampleFile:
    _say(f"{options.rows:,} rows\n")
    common: dict[str, Any] = {"bad_share": options.bad_share, "now": options.received_at}
    if options.kind == Kind.OFFLINE_SALES:
        return offline_sales(data, options.seed, options.rows, channel=options.channel, **common)
    return sync_dump(data, options.seed, options.rows, format=options.format, **common)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tillflow.samples", description=__doc__)
    parser.add_argument("--kind", choices=[kind.value for kind in Kind], required=True)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="folder, made where it is missing")
    parser.add_argument("--format", choices=["csv", "jsonl"], default="csv", help="of a dump")
    parser.add_argument("--channel", default="call-centre", choices=["call-centre", "club-stall"])
    parser.add_argument("--bad-share", type=float, default=0.03, help="of the rows; 0.03 is 3 %%")
    parser.add_argument(
        "--received-at",
        type=datetime.fromisoformat,
        default=NOW,
        help="when the file will be received: rows just before and after it are made",
    )
    for size in SMALL:
        parser.add_argument(f"--{size}", type=int, help="of the portal data")
    options = parser.parse_args(arguments)
    if options.rows < 1 or not 0 <= options.bad_share <= 0.5:
        parser.error("--rows is at least 1, --bad-share from 0 to 0.5")
    if options.received_at.tzinfo is None:
        parser.error("--received-at needs an offset, as 2026-07-01T00:00:00+00:00")
    return options


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

"""What of a file reaches the archive."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tillflow.db.duck import open_engine
from tillflow.intake.dialect import Dialect, Layout
from tillflow.intake.scan import scan
from tillflow.intake.source import LocalFile, Source
from tillflow.intake.stage import stage
from tillflow.pins import pin_hash

LAYOUT = Layout(required=("machine", "pin"), optional=("altitude", "weather"), takes_json_lines=True)


def test_json_lines_bring_every_column_of_the_layout_and_the_rest_as_extra(tmp_path: Path) -> None:
    given = tmp_path / "given.jsonl"
    given.write_text('{"Machine": "A1", "altitude": 12.5, "pin": "1234", "colour": "red"}\n{"machine": "A2"}\n')
    source = Source.of(given.name, LocalFile(given), 1 << 20)
    dialect = Dialect("json_lines", "", LAYOUT.known)
    with open_engine(memory_mb=128, threads=1, temp_dir=tmp_path) as engine:
        target = tmp_path / "rows.parquet"
        staged = stage(engine, source, scan(source), dialect, LAYOUT, pin_secret=b"secret", target=target)
    rows = pq.read_table(staged.path).to_pylist()
    assert [{name: value for name, value in row.items() if name != "pin_hash"} for row in rows] == [
        {"machine": "A1", "altitude": "12.5", "weather": None, "extra": '{"colour":"red"}'},
        {"machine": "A2", "altitude": None, "weather": None, "extra": None},
    ]
    assert str(pin_hash(b"secret", "1234")).replace("-", "") in str(rows[0]["pin_hash"]).replace("-", "")

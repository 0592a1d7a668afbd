"""dlt: the file into a table, nothing judged. Arrow batches of text, loaded as CSV: its fastest way measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.case import Figures, Given


def run(given: Given) -> Figures:
    import dlt
    import psycopg
    import pyarrow as pa
    from pyarrow import csv

    with Path(given.file).open(encoding="utf-8") as file:
        columns = file.readline().strip().split(",")
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True)

    def batches() -> Iterator[Any]:
        options = csv.ReadOptions(block_size=16 << 20)
        for batch in csv.open_csv(given.file, read_options=options, convert_options=as_text):
            yield pa.Table.from_batches([batch])

    started = time.perf_counter()
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.postgres(given.database_url),
        dataset_name="peer",
        pipelines_dir=str(Path(given.home) / "dlt"),
    )
    resource = dlt.resource(batches, name="raw", write_disposition="append")
    pipeline.drop()
    pipeline.run(resource, loader_file_format="csv")
    seconds = time.perf_counter() - started
    with psycopg.connect(given.database_url) as conn:
        found = conn.execute("select count(*) from peer.raw").fetchone()
    assert found == (given.rows,), f"{found} rows arrived"
    return Figures(seconds, {"load": seconds})

"""Bulk ways between PostgreSQL and Arrow: set-based in both directions, inside the caller's transaction."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder as Encoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import sql
from pyarrow import csv

from tillflow.db.connection import Connection


def write(conn: Connection, table: str, rows: pa.RecordBatchReader, *, json: tuple[str, ...] = ()) -> int:
    """Append `rows` to `schema.table` by binary COPY, columns by name; returns how many.

    Columns named in `json` are text here and jsonb there.
    """
    schema = rows.schema
    encoders: dict[str, Any] = {name: Encoder.infer_encoder(schema.field(name)) for name in schema.names}
    for name in json:
        encoders[name] = StringEncoderBuilder.new_with_output(schema.field(name), Jsonb())
    encoder = Encoder.new_with_encoders(schema, encoders)
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, schema.names))
    )
    with conn.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(encoder.write_header())
            for batch in rows:
                copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())
        return cursor.rowcount


def read(conn: Connection, query: str, types: pa.Schema, parameters: dict[str, Any] | None = None) -> pa.Table:
    """The rows of a `select` as an Arrow table of the given types; an empty field is null.

    A text column keeps an empty string: COPY quotes it, and only an unquoted empty field is null.
    """
    data = BytesIO()
    with conn.cursor() as cursor:
        statement = sql.SQL("copy ({}) to stdout (format csv)").format(sql.SQL(query.rstrip("; \n")))
        with cursor.copy(statement, parameters) as copy:
            for block in copy:
                data.write(block)
    if not data.tell():
        return types.empty_table()
    data.seek(0)
    return csv.read_csv(
        data,
        read_options=csv.ReadOptions(column_names=types.names),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )

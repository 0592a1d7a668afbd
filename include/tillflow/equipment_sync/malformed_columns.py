"""Which columns of a malformed row cannot be read: the rules themselves are asked, so they stay written once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, LifoQueue
from tempfile import gettempdir
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from tillflow.db.duck import open_engine
from tillflow.equipment_sync.judge import CATALOGUE, JUDGE, LAYOUT
from tillflow.intake.catalogue import Catalogue, Rule
from tillflow.intake.judging import define_words

_RULES: Final = tuple(rule for rule in CATALOGUE.rules if rule.code == JUDGE.unreadable)
_COLUMNS: Final = tuple(name for name in LAYOUT.known if name != "pin")
_MASK: Final = Catalogue(_RULES).mask("facts")
_SCHEMA: Final = pa.schema([("row_no", pa.int64()), *((name, pa.string()) for name in _COLUMNS)])
#: a page of rows needs little, and is never written to disk
_MEMORY_MB: Final = 64
#: engines of this process without rows: to start one takes longer than the rest of a page
_idle: Final[LifoQueue[duckdb.DuckDBPyConnection]] = LifoQueue(2)


class MalformedColumns:
    """An engine that reads rows as the judge reads them; taken when there is a malformed row."""

    def __init__(self) -> None:
        self._engine: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._engine is None:
            return
        self._engine.unregister("archived")
        if error is None:
            with suppress(Full):
                _idle.put_nowait(self._engine)
                return
        self._engine.close()

    def of(self, raws: Mapping[int, Mapping[str, Any]]) -> dict[int, list[Rule]]:
        """The broken rules of `malformed_row`, in the catalogue's order: number of the exception -> rules.

        `raws`: the rows as they are archived, column -> text.
        """
        if not raws:
            return {}
        engine = self._reading(raws)
        rows = engine.execute(JUDGE.queries["unreadable"].replace("{mask}", _MASK)).fetchall()
        return {number: [rule for rule in _RULES if mask >> rule.bit & 1] for number, mask in rows if mask}

    def _reading(self, raws: Mapping[int, Mapping[str, Any]]) -> duckdb.DuckDBPyConnection:
        """The engine, with `parsed` over these rows."""
        if self._engine is None:
            self._engine = _engine()
        rows = [{"row_no": number, **{name: raw.get(name) for name in _COLUMNS}} for number, raw in raws.items()]
        self._engine.register("archived", pa.Table.from_pylist(rows, schema=_SCHEMA))
        return self._engine


def _engine() -> duckdb.DuckDBPyConnection:
    with suppress(Empty):
        return _idle.get_nowait()
    engine = open_engine(memory_mb=_MEMORY_MB, threads=1, temp_dir=Path(gettempdir()))
    define_words(engine)
    engine.register("archived", _SCHEMA.empty_table())
    engine.execute(JUDGE.queries["create_parsed"])
    return engine

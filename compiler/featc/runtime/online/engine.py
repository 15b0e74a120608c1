"""In-process DuckDB, where every row expression and every unproven derived expression runs (one per process)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import duckdb

from featc.encoding import sort_key_sql
from featc.errors import Diagnostic, FeatcError
from featc.runtime.reasons import reason


class Engine:
    """A DuckDB connection in memory, in UTC; by itself one that knows no project's data.

    `lock` is for one statement and its rows; `batch` for as long as a pushed batch lies in its tables. Whoever needs
    several takes `batch`, then a database's lock, then `lock`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection | None = None) -> None:
        self.lock = threading.RLock()
        self.batch = threading.RLock()
        self.connection = duckdb.connect(":memory:") if connection is None else connection
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute("SET preserve_insertion_order = true")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises FeatcError F620 with DuckDB's first line when a value makes it fail."""
        try:
            with self.lock:
                found: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
        except duckdb.Error as trouble:
            raise failed(trouble) from trouble
        return found

    def sort_key_sample(self) -> str:
        """What DuckDB's sort keys look like; a store holds them, so they may not change under it."""
        items = ["-1::BIGINT", "1.5::DOUBLE", "'aé'", "NULL::INTEGER", "12.5::DECIMAL(38,2)", "true"]
        sql = f"SELECT hex({sort_key_sql(items)})"
        return str(self.rows(sql)[0][0])


def failed(trouble: Exception) -> FeatcError:
    """DuckDB's refusal as an error of featc; a coded text of our own (`error('F4xx: …')`) keeps its code."""
    text = str(trouble).splitlines()[0].removeprefix("Invalid Input Error: ")
    code, _, rest = text.partition(": ")
    if len(code) == 4 and code[0] == "F" and code[1:].isdigit():
        return FeatcError(Diagnostic(code, rest, hint="nothing was written"))
    hint = "nothing was written; guard the expression (nullif, try_cast) or put the row right"
    return FeatcError(Diagnostic("F620", f"a value makes an expression fail: {reason(trouble)}", hint=hint))


_shared: Engine | None = None
_guard = threading.Lock()


def shared_engine() -> Engine:
    """The process's engine, made on first use."""
    global _shared
    with _guard:
        if _shared is None:
            _shared = Engine()
        return _shared

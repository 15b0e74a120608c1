"""Taking in what a user gives as a spine: a data frame, an Arrow table, rows as dicts, a file, a stream, a SELECT."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import quoted
from featc.runtime import spine_files as files
from featc.runtime.reasons import reason

if TYPE_CHECKING:
    import duckdb

GIVEN = "memory.main.spine_given"
"""Not a temporary table, so that a second cursor of the connection sees it: one streams while the other works."""
_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_NO_COLUMN = re.compile(r"Candidate bindings: (.+)")
_SLASH = re.compile(r"\bfrom\s+[\w.]*/", re.I)
_MADE = f"CREATE OR REPLACE TABLE {GIVEN} AS SELECT * FROM "


def read(connection: duckdb.DuckDBPyConnection, given: Any, places: Mapping[str, str] | None = None) -> None:
    """Makes the table `spine_given` of a data frame, an Arrow table, rows as dicts, a file, a stream of bytes, or a
    SELECT. `places`: where sources lie, for a SELECT that takes one for a table. Raises FeatcError F501 to F503, F519.
    """
    import duckdb

    try:
        with ExitStack() as stack:
            origin = _origin(connection, given, stack)
            try:
                connection.execute(_MADE + origin)
            except duckdb.ConversionException:
                if not origin.startswith("read_csv("):
                    raise
                _with_times_as_text(connection, origin)
    except duckdb.Error as error:
        raise FeatcError(
            Diagnostic(
                "F501",
                f"the spine cannot be read: {reason(error)}",
                hint=_way_out(str(error), places or {}),
            )
        ) from None
    finally:
        connection.execute("DROP VIEW IF EXISTS spine_input")


def _way_out(said: str, places: Mapping[str, str]) -> str:
    """What to do about a spine that the engine could not read."""
    if "Permission denied" in said:
        return "check its rights"
    if table := _NO_TABLE.search(said):
        name = table[1]
        if name in places:
            return f"{name} is a source, and no table here; its rows lie in {places[name]}"
        return f"if it is a file, its name stands in single quotes: from '{name}.csv'"
    if "No files found" in said:
        return "check the path, which is relative to the current folder"
    if column := _NO_COLUMN.search(said):
        return f"its columns are, among others: {column[1]}" if "," in column[1] else f"did you mean {column[1]}?"
    if _SLASH.search(said.partition("LINE 1:")[2]):
        return "a file's name stands in single quotes: from 'data/labels.csv'"
    return files.READABLE


def _with_times_as_text(connection: duckdb.DuckDBPyConnection, origin: str) -> None:
    """A CSV in which the engine found times of a form that not all rows have, perhaps that of a single wrong one:
    their text says which row is wrong. Raises the first error where times are not to blame."""
    import duckdb

    untimed = f"{origin.removesuffix(')')}, auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR'])"
    with suppress(duckdb.Error):
        connection.execute(_MADE + untimed)
        return
    connection.execute(_MADE + origin)


def _origin(connection: duckdb.DuckDBPyConnection, given: Any, stack: ExitStack) -> str:
    if isinstance(given, str) and files.is_select(given):
        relation = files.query(connection, given)
        _distinct(connection.sql(given).columns)
        return relation
    if isinstance(given, (str, Path)):
        return files.relation(connection, Path(given.strip() if isinstance(given, str) else given))
    if isinstance(given, list):
        return _rows(connection, given)
    if hasattr(given, "read"):
        return files.relation(connection, stack.enter_context(files.spooled(given)))
    names = getattr(given, "column_names", None)  # Arrow's; its `columns` are values
    _distinct(getattr(given, "columns", ()) if names is None else names)
    connection.register("spine_input", given)
    return "spine_input"


def _distinct(names: Iterable[Any]) -> None:
    """Refuses columns without a name, and names that are one to the engine: it would give them other names."""
    known: dict[str, str] = {}
    for number, name in enumerate(map(str, names), 1):
        if not name.strip():
            message = f"column {number} of the spine has an empty name"
            raise FeatcError(Diagnostic("F519", message, hint="give it a name, or leave it out"))
        if name.casefold() in known:
            message = f"the spine has the columns '{known[name.casefold()]}' and '{name}', which are one name"
            raise FeatcError(Diagnostic("F519", message, hint="rename one of them, or leave it out"))
        known[name.casefold()] = name


def _rows(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> str:
    """Rows as dicts, without pandas or Arrow: bound as parameters, typed by DuckDB."""
    if not rows:
        raise FeatcError(
            Diagnostic(
                "F503",
                "the spine is an empty list, so its columns are unknown",
                hint="give a table with columns and no rows instead",
            )
        )
    wrong = next((r for r in rows if not isinstance(r, Mapping)), None)
    if wrong is not None or None in rows:
        hint = "write [{'user_id': 42, 'as_of': …}]"
        raise FeatcError(Diagnostic("F501", f"a spine is a list of rows by column, and {wrong!r} is none", hint=hint))
    names = list(dict.fromkeys(name for row in rows for name in row))
    _distinct(names)
    for name in names:
        _one_kind(name, [row.get(name) for row in rows])
    selects = []
    values: list[Any] = []
    for row in rows:
        selects.append("SELECT " + ", ".join(f"? AS {quoted(n)}" for n in names))
        values += [row.get(n) for n in names]
    connection.execute("CREATE OR REPLACE TEMP TABLE spine_rows_given AS " + " UNION ALL ".join(selects), values)
    return "spine_rows_given"


def _one_kind(name: str, values: Sequence[Any]) -> None:
    """Refuses a column of integers and floats that no one type holds without loss."""
    large = [v for v in values if isinstance(v, int) and abs(v) > 2**53]
    if large and any(isinstance(v, float) for v in values):
        raise FeatcError(
            Diagnostic(
                "F501",
                f"the spine's column '{name}' mixes floats with integers as large as {large[0]}",
                hint="make all of them integers",
            )
        )

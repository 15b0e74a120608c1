"""The catalog: what real sources hold, and what DuckDB thinks of an expression. Reads types, never data."""

from __future__ import annotations

import glob as globbing
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from featc.catalog import DEEPEST, TypeProblem
from featc.errors import Diagnostic, FeatcError, nearest
from featc.lower import text_columns
from featc.lower.source import csv_dialect, literal, quoted, reader_of, relation_at
from featc.resolve.columns import is_untyped
from featc.resolve.model import Column, Location
from featc.runtime.engine import Limits, limit, unopened
from featc.runtime.located import absolute
from featc.runtime.reasons import reason
from featc.types import family

_GLOB = frozenset("*?[")
_SAMPLE = 20480  # rows, as many as DuckDB's sniffer looks at

# each schema that parquet files have, as (name, type, number of children) depth first, and the first file with it
_SCHEMAS = """
SELECT min(file_name) AS file, schema
FROM (
    SELECT file_name, list((name, duckdb_type, coalesce(num_children, 0)) ORDER BY column_id) AS schema
    FROM parquet_schema({})
    GROUP BY file_name
)
GROUP BY schema
ORDER BY file
"""


@cache
def _shared(process: int) -> duckdb.DuckDBPyConnection:
    """The process's DuckDB for catalogs that change nothing in it; making one takes forty times as long as a cursor.

    By process, since an engine's threads do not survive a fork.
    """
    return duckdb.connect()


@dataclass(slots=True)
class DuckDBCatalog:
    """Answers with an in-memory DuckDB whose zone is UTC; one of its own for limits or a database.

    `root` is the project's folder, against which paths are read; `database` the target's file, which is
    opened read-only when it exists, for sources that are tables or queries. Use as a context manager, or call
    `close`.
    """

    root: Path
    database: Path | None = None
    limits: Limits = field(default_factory=dict)
    _connection: duckdb.DuckDBPyConnection = field(init=False, repr=False)
    _attached: bool = field(init=False, default=False, repr=False)

    def __post_init__(self) -> None:
        self._open(duckdb.connect() if self.limits else _shared(os.getpid()).cursor())

    def _open(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        limit(self._connection, self.limits)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET file_search_path = ?", [str(self.root.absolute())])

    def __enter__(self) -> DuckDBCatalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def columns(self, source: str, location: Location) -> Sequence[tuple[str, str]]:
        """(name, physical type) of a source's columns, in the data's order.

        Raises FeatcError: F401 no such file, F402 an empty file, F403 an unreadable file, F404 no such table,
        F405 a query that fails, F406 no columns, F407 parquet files that differ, F409 a target database that cannot
        be opened, F901 one that another process has locked.
        """
        if location.kind == "path":
            self._check_files(source, location.value)
        else:
            self._attach(source)
        where = absolute(location, self.root).value
        relation = relation_at(Location(location.kind, where))
        rows = self._describe(source, location, f"DESCRIBE SELECT * FROM {relation}")
        if not rows:
            raise _error("F406", f"the source {source} has no columns", None)
        found = [(str(row[0]), str(row[1])) for row in rows]
        reader = reader_of(location)
        if reader == "read_parquet" and _GLOB & set(location.value):
            self._check_alike(source, location, where)
        if reader == "read_csv":
            self._check_delimiter(source, location, found)
            guess = f"DESCRIBE FROM read_csv({literal(where)}, {csv_dialect(where)})"
            guessed = self._describe(source, location, guess)
            types = {str(row[0]): str(row[1]) for row in guessed}
            found = [(name, types.get(name, "VARCHAR")) for name, _ in found]
        return self._iso(source, location, where, found) if is_untyped(location) else found

    def _check_delimiter(self, source: str, location: Location, found: list[tuple[str, str]]) -> None:
        """A header that is one name with another delimiter in it."""
        other = next((d for d in (";", "\t", "|") if len(found) == 1 and d in found[0][0]), None)
        if other is not None:
            shown = "tabs" if other == "\t" else f"'{other}'"
            raise _error(
                "F403",
                f"the source {source}: {location.value} separates its columns with {shown}, and a CSV does with ','",
                f"read it by sql: select * from read_csv({literal(location.value)}, delim = '{other}')",
            )

    def _check_alike(self, source: str, location: Location, where: str) -> None:
        """Every file of a glob has the columns of the first: a reader would cast the others to it, and round.

        A column that only later files have is not read, and so does not matter.
        """
        rows = self._describe(source, location, _SCHEMAS.format(literal(where)))
        (first, schema), *others = [(str(file), _top(leaves)) for file, leaves in rows]
        for other, differing in others:
            for folded, (name, type_) in schema.items():
                has = differing.get(folded)
                if has is not None and has[1] == type_:
                    continue
                files = [_relative(self.root.absolute(), Path(file)) for file in (first, other)]
                said = f"{files[1]} has no such column" if has is None else f"{files[1]} has {has[1]}"
                cast = f"{quoted(name)}::{type_ if has is None else has[1]} AS {quoted(name)}"
                raise _error(
                    "F407",
                    f"the source {source}: its files differ in {name}: {files[0]} has {type_}, and {said}",
                    "write the files alike, or give the source an sql: that reads them with union_by_name, such as"
                    f" SELECT * REPLACE ({cast}) FROM read_parquet({literal(location.value)}, union_by_name = true)",
                )

    def _iso(self, source: str, location: Location, where: str, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Columns that a sniffer takes for times stay text unless they are written as ISO says.

        13/01/2026 in one row and 05/02/2026 in the next are dates to a sniffer, and the second by itself is another.
        """
        times = [(name, type_) for name, type_ in found if type_ in ("DATE", "TIMESTAMP", text_columns.ZONED)]
        if not times:
            return found
        columns = tuple(Column(name, type_, type_) for name, type_ in found)
        relation = relation_at(Location("path", where), columns)
        asked = ", ".join(
            f"coalesce(bool_and({quoted(name)} IS NULL OR {text_columns.value(quoted(name), type_, None)} IS NOT NULL),"
            " true)"
            for name, type_ in times
        )
        answers = self._describe(source, location, f"SELECT {asked} FROM (FROM {relation} LIMIT {_SAMPLE})")[0]
        text = {name for (name, _), iso in zip(times, answers, strict=True) if not iso}
        return [(name, "VARCHAR" if name in text else type_) for name, type_ in found]

    def types(self, columns: Sequence[tuple[str, str]], expressions: Sequence[str]) -> Sequence[str | TypeProblem]:
        """The type DuckDB gives each expression over columns of the given (name, type), in order.

        All are asked in one statement; only when that fails are the offending ones sought, by halves.
        Expressions with string literals are also run over one made-up row, since a literal that is no number
        or date (as in `amount > 'x'`) has a type until it is run. None may be deeper than `DEEPEST`.
        """
        if not expressions:
            return []
        self._connection.execute(f"SET max_expression_depth = {DEEPEST}")
        try:
            return self._answers(columns, expressions)
        finally:
            self._connection.execute("RESET max_expression_depth")

    def _answers(self, columns: Sequence[tuple[str, str]], expressions: Sequence[str]) -> Sequence[str | TypeProblem]:
        empty = ", ".join(f"NULL::{type_} AS {quoted(name)}" for name, type_ in columns) or "NULL AS _nothing"
        answers = self._types(f"FROM (SELECT {empty})", list(expressions))
        literal = [i for i, e in enumerate(expressions) if "'" in e and not isinstance(answers[i], TypeProblem)]
        sample = ", ".join(f"{_sample(type_)} AS {quoted(name)}" for name, type_ in columns) or "NULL AS _nothing"
        for i in self._misread(f"FROM (SELECT {sample})", [(i, expressions[i]) for i in literal]):
            answers[i[0]] = i[1]
        return answers

    def _misread(self, source: str, expressions: list[tuple[int, str]]) -> list[tuple[int, TypeProblem]]:
        """Expressions with a literal that cannot be what it would have to be, and why."""
        if not expressions:
            return []
        asked = ", ".join(f"({e}) AS _featc_{i}" for i, e in expressions)
        try:
            self._connection.execute(f"SELECT {asked} {source}").fetchall()
        except duckdb.ConversionException as error:
            if len(expressions) == 1:
                index, text = expressions[0]
                found = re.search(r"'((?:[^']|'')*)'|\"([^\"]*)\"", _first_line(error))
                literal = (found[1] or found[2] or "") if found else ""
                return [(index, TypeProblem(_first_line(error)))] if f"'{literal}'" in text else []
        except duckdb.Error:
            if len(expressions) == 1:
                return []  # what happens to made-up values says nothing about real ones
        else:
            return []
        half = len(expressions) // 2
        return self._misread(source, expressions[:half]) + self._misread(source, expressions[half:])

    def _types(self, source: str, expressions: list[str]) -> list[str | TypeProblem]:
        asked = ", ".join(f"({e}) AS _featc_{i}" for i, e in enumerate(expressions))
        try:
            rows = self._connection.execute(f"DESCRIBE SELECT {asked} {source}").fetchall()
        except duckdb.Error as error:
            if len(expressions) == 1:
                return [TypeProblem(_first_line(error))]
            half = len(expressions) // 2
            return self._types(source, expressions[:half]) + self._types(source, expressions[half:])
        return [str(row[1]) for row in rows]

    def _describe(self, source: str, location: Location, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.CatalogException as error:
            code = "F404" if location.kind == "table" else "F405"
            raise _error(code, f"the source {source}: {_words(error)}", self._table_hint(location)) from None
        except duckdb.Error as error:
            match location.kind:
                case "path":
                    raise _error(
                        "F403",
                        f"the source {source} cannot be read: {_words(error)}",
                        "check its rights"
                        if "Permission denied" in str(error)
                        else "check that every line has as many fields as the header, and that every quote is closed"
                        if reader_of(location) == "read_csv"
                        else "check that the file is whole and of the kind its name says",
                    ) from None
                case "table":
                    raise _error("F404", f"the source {source}: {_words(error)}", self._table_hint(location)) from None
                case _:
                    raise _error(
                        "F405",
                        f"the sql of the source {source} fails: {_words(error)}",
                        "try it in DuckDB against the target's database",
                    ) from None

    def _check_files(self, source: str, value: str) -> None:
        if "://" in value:
            return
        path = self.root / value
        if _GLOB & set(value):
            found = [Path(p) for p in globbing.glob(str(path), recursive=True)]
            if not found:
                raise _error("F401", f"the source {source}: no file matches {value}", _nearest_path(self.root, value))
        elif not path.exists():
            raise _error("F401", f"the source {source}: there is no file {value}", _nearest_path(self.root, value))
        elif path.is_dir():
            raise _error("F401", f"the source {source}: {value} is a folder", f"write {value.rstrip('/')}/*.parquet")
        else:
            found = [path]
        files = [p for p in found if p.is_file()]
        if not is_untyped(Location("path", value)):
            empty = next((p for p in files if p.stat().st_size == 0), None)
        else:
            empty = files[0] if files and all(p.stat().st_size == 0 for p in files) else None
        if empty is not None:
            raise _error(
                "F402",
                f"the source {source}: {_relative(self.root, empty)} is empty",
                "a file without rows still needs its columns: a header, or a parquet schema",
            )

    def _attach(self, source: str) -> None:
        """Opens the target's database, once."""
        if self._attached or self.database is None or not self.database.exists():
            return
        if not self.limits:
            self._connection.close()
            self._open(duckdb.connect())
        try:
            self._connection.execute(
                f"ATTACH '{str(self.database).replace(chr(39), chr(39) * 2)}' AS target (READ_ONLY)"
            )
            self._connection.execute("USE target")
        except duckdb.Error as error:
            held = unopened(self.database, error)
            if held.code == "F901":
                raise held from None
            name = _relative(self.root, self.database)
            message = f"the database {name} cannot be opened: {_words(error)}"
            raise _error("F409", message, "check the target's database: in featc.yaml") from None
        self._attached = True

    def _table_hint(self, location: Location) -> str:
        if location.kind != "table":
            return "check the names in the source's sql"
        if self.database is not None and not self.database.exists():
            return f"the target's database {_relative(self.root, self.database)} does not exist yet"
        rows = self._connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables()"
            " UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        names = [t if s == "main" else f"{s}.{t}" for s, t in rows]
        close = nearest(location.value, names)
        if close:
            return f"did you mean '{close}'?"
        return f"there are: {', '.join(sorted(names)[:8])}" if names else "the target's database has no tables"


def _error(code: str, message: str, hint: str | None) -> FeatcError:
    return FeatcError(Diagnostic(code, message, None, hint))


def _sample(type_: str) -> str:
    """A value of a type that expressions are tried on."""
    match family(type_):
        case "integer" | "decimal" | "float":
            return f"1::{type_}"
        case "timestamp" | "date":
            return f"'2000-01-01'::{type_}"
        case "boolean":
            return "true"
        case _:
            return f"NULL::{type_}"


def _top(leaves: Sequence[tuple[str, str, int]]) -> dict[str, tuple[str, str]]:
    """{folded name: (name, type)} of the columns of a parquet schema, whose first entry is its root."""
    found: dict[str, tuple[str, str]] = {}
    inside = 0  # how many entries still belong to the column before
    for name, type_, children in leaves[1:]:
        if inside == 0:
            found[name.casefold()] = (name, type_)
        inside = max(inside - 1, 0) + children
    return found


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def _words(error: Exception) -> str:
    return reason(error)


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _nearest_path(root: Path, value: str) -> str:
    """A hint that names the deepest folder that exists, and what in it looks like what was meant."""
    here, parts = root, Path(value).parts
    for place, part in enumerate(parts):
        if _GLOB & set(part) or not (here / part).exists():
            rest = Path(*parts[place:])
            deeper = sorted(here.glob(f"*/{rest}")) if here.is_dir() and not _GLOB & set(str(rest)) else []
            if deeper:
                return f"did you mean '{_relative(root, deeper[0])}'?"
            names = sorted(p.name for p in here.iterdir())[:2000] if here.is_dir() else []
            close = nearest(part, names) if not _GLOB & set(part) else None
            shown = _relative(root, here)
            where = "the project's folder" if shown == "." else shown
            if close:
                rest = Path(*parts[len(here.relative_to(root).parts) + 1 :])
                found = here / close
                whole = rest if found.is_dir() and ((found / rest).exists() or _GLOB & set(str(rest))) else Path()
                return f"did you mean '{(Path(shown) / close / whole).as_posix()}'?"
            there = ", ".join(names[:6]) if names else "nothing"
            return f"in {where} there is {there}; paths count from the project's folder"
        here = here / part
    return "paths count from the project's folder"

"""A file to push, as something DuckDB can select from: no guess about its rows is left to a sniffer.

A sniffer skips what it cannot make sense of and rounds `10.005` into a column of two places. So a CSV's header is read
here, its values come as text, and `batch` converts them, losing nothing. Text that JSON's reader took for dates comes
as text again.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import duckdb

from featc.errors import Diagnostic, FeatcError
from featc.lower.source import literal
from featc.resolve.model import Source

_JSON = (".json", ".jsonl", ".ndjson")
_FROM_TEXT = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "UUID")
_DELIMITERS = (",", ";", "\t", "|")


def reader(connection: duckdb.DuckDBPyConnection, source: Source, path: Path) -> str:
    """A table function over the file. Raises FeatcError F615 when there is none, or a CSV has no header."""
    if not path.is_file():
        raise _unreadable(source, f"there is no file {path} to push to {source.name}")
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if kind.lower() == ".parquet":
        return f"read_parquet({literal(str(path))})"
    return _json(connection, path) if kind.lower() in _JSON else _csv(source, path)


def _unreadable(source: Source, message: str) -> FeatcError:
    return FeatcError(Diagnostic("F615", message, hint="nothing was written"))


def _json(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    given = f"{literal(str(path))}, sample_size = -1"
    found = connection.sql(f"SELECT * FROM read_json({given})")
    types = {n: "VARCHAR" if str(t) in _FROM_TEXT else str(t) for n, t in zip(found.columns, found.types, strict=True)}
    columns = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in types.items())
    return f"read_json({given}, columns = {{{columns}}})"


def _csv(source: Source, path: Path) -> str:
    try:
        delimiter, names = _header(source, path)
    except UnicodeDecodeError as trouble:
        what = f"byte 0x{trouble.object[trouble.start]:02x} is not UTF-8"
        raise _unreadable(source, f"the batch for {source.name} cannot be read as text: {what}") from trouble
    except (OSError, csv.Error) as trouble:
        raise _unreadable(source, f"the batch for {source.name} cannot be read as text: {trouble}") from trouble
    if not any(names):
        raise _unreadable(source, f"the batch for {source.name} is empty: a CSV starts with the names of its columns")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise _unreadable(source, f"the batch for {source.name} has the column '{twice[0]}' twice")
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({literal(str(path))}, header = true, auto_detect = false, delim = {literal(delimiter)},"
        f" quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _header(source: Source, path: Path) -> tuple[str, list[str]]:
    """(delimiter, names): the delimiter that finds most of the source's columns in the first line."""
    known = {c.name for c in source.columns}
    raw = gzip.open if path.suffix == ".gz" else open
    with raw(path, "rt", encoding="utf-8-sig") as lines:
        first = lines.readline()
    headers = {d: [n.strip() for n in next(csv.reader([first], delimiter=d), [])] for d in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda d: (len(known & set(headers[d])), len(headers[d])))
    return best, headers[best]

"""Rows between Python and DuckDB, without Arrow or pandas: what histories, probes and author tests are made
of.

A row is a tuple of Python values in its table's column order. Instants are naive; where the column has a zone
they are in UTC, else as the source says them (semantics.md, "Time").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from featc.lower.online_derived import collection_sql
from featc.lower.source import quoted
from featc.resolve.model import Source
from featc.runtime.texts import exact_text, exact_texts
from featc.types import collection_parts, family

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]
Rows = Mapping[str, Sequence[Row]]
"""Rows by source."""

ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
STAMPS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS", *ZONED)
_EPOCH = datetime(1970, 1, 1)


def instant(us: int) -> datetime:
    """Microseconds since the epoch as a naive datetime. Raises OverflowError beyond Python's calendar."""
    return _EPOCH + timedelta(microseconds=us)


def micros(value: datetime) -> int:
    """A datetime (naive: UTC) as microseconds since the epoch."""
    naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return (naive - _EPOCH) // timedelta(microseconds=1)


def physical(source: Source) -> tuple[tuple[str, str], ...]:
    """(name, type) of the source's columns as they lie in the data."""
    return tuple((c.name, c.physical) for c in source.columns)


def fetchable(column: str, type_: str) -> str:
    """SQL that gives a column's values in a form Python can hold; infinite instants become NULL, as they
    count.
    """
    raw = quoted(column)
    if type_ in ZONED:
        return f"CASE WHEN isfinite({raw}::TIMESTAMPTZ) THEN {raw} AT TIME ZONE 'UTC' END"
    if type_ in STAMPS or type_ == "DATE":
        kind = "DATE" if type_ == "DATE" else "TIMESTAMP"
        return f"CASE WHEN isfinite({raw}) THEN {raw}::{kind} END"
    return raw


def fetch(connection: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]], rest: str) -> list[Row]:
    """`SELECT columns` and `rest` (from FROM on) as rows. Instants beyond the years 1 to 9999 become NULL."""
    items = ", ".join(fetchable(name, type_) for name, type_ in columns)
    found: list[Row] = connection.execute(f"SELECT {items} {rest}").fetchall()
    stamps = [n for n, (_, type_) in enumerate(columns) if type_ in STAMPS or type_ == "DATE"]
    if not any(isinstance(row[n], str) for row in found for n in stamps):
        return found
    return [tuple(None if n in stamps and isinstance(v, str) else v for n, v in enumerate(row)) for row in found]


def _column_sql(name: str, type_: str, number: int, zoned: bool) -> str:
    if collection_parts(type_):
        return f"{collection_sql(f'$c{number}', type_)} AS {quoted(name)}"
    if family(type_) == "other" and type_ not in STAMPS:
        return f"unnest($c{number}::{type_}[]) AS {quoted(name)}"
    text = f"unnest($c{number}::VARCHAR[])"
    cast = f"({text} || '+00')::{type_}" if zoned else f"{text}::{type_}"
    return f"{cast} AS {quoted(name)}"


def create(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[tuple[str, str]], rows: Sequence[Row]
) -> None:
    """Makes or replaces `table` with the rows; a column `_nth` numbers them in the order given."""
    values: dict[str, Any] = {"nth": list(range(len(rows)))}
    items = ["unnest($nth::BIGINT[]) AS _nth"]
    for number, (name, type_) in enumerate(columns):
        native = family(type_) == "other" and type_ not in STAMPS
        given = [row[number] for row in rows]
        if collection_parts(type_):
            given = [exact_texts(v) for v in given]
        values[f"c{number}"] = given if native else [exact_text(v) for v in given]
        items.append(_column_sql(name, type_, number, type_ in ZONED))
    connection.execute(f"CREATE OR REPLACE TABLE {quoted(table)} AS SELECT {', '.join(items)}", values)


def as_pushed(source: Source, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows as the dicts a user would push."""
    columns = physical(source)
    zoned = [n for n, (_, type_) in enumerate(columns) if type_ in ZONED]
    names = [name for name, _ in columns]
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for n in zoned:
        for made in found:
            if made[names[n]] is not None:
                made[names[n]] = made[names[n]].replace(tzinfo=UTC)
    return found


def plain(value: Any) -> Any:
    """A value as JSON, YAML and people can have it: exact, and text where JSON has no word for it."""
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, (date, Decimal, UUID)):
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return value

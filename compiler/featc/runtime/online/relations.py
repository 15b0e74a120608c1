"""A DuckDB relation of another connection, copied by value: its rows pass through Python in exact forms."""

from __future__ import annotations

import duckdb

from featc.encoding import is_wide
from featc.lower.source import quoted
from featc.runtime.online.engine import Engine
from featc.runtime.online.values import ZONED, ZONED_NS
from featc.types import decimal_parts

COPY = "featc_copied"


def copied(engine: Engine, relation: duckdb.DuckDBPyRelation) -> str:
    """The name of a table of the engine with the relation's rows. Raises duckdb.Error."""
    types = {str(n): str(t) for n, t in zip(relation.columns, relation.types, strict=True)}
    sent = [_sent(quoted(n), t) for n, t in types.items()]
    taken = [f"{_taken(n, t)} AS {quoted(name)}" for n, (name, t) in enumerate(types.items(), 1)]
    rows = relation.project(", ".join(sent)).fetchall()
    lists = [[row[n] for row in rows] for n in range(len(sent))]
    engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {COPY} AS SELECT {', '.join(taken)}", lists)
    return COPY


def _is_text(type_: str) -> bool:
    """Whether values pass as text: Python would give their list a type of its own."""
    return decimal_parts(type_) is not None or is_wide(type_) or type_ == "UUID" or type_.startswith("ENUM")


def _sent(column: str, type_: str) -> str:
    """SQL for what Python gets: instants as integers, since datetime has neither nanoseconds nor all years."""
    if type_ == "TIMESTAMP_NS":
        return f"epoch_ns(CASE WHEN isfinite({column}) THEN {column} END)"
    if type_ == ZONED_NS:
        return f"epoch_ns(CASE WHEN isfinite({column}::TIMESTAMPTZ) THEN {column} END)"
    if type_ == ZONED or type_.startswith("TIMESTAMP"):
        return f"epoch_us(CASE WHEN isfinite({column}) THEN {column} END)"
    if type_ == "DATE":
        return f"(CASE WHEN isfinite({column}) THEN {column} END) - DATE '1970-01-01'"
    return f"{column}::VARCHAR" if _is_text(type_) else column


def _taken(number: int, type_: str) -> str:
    """SQL over the list of such values. Instants that are not finite have become NULL, which they count as."""
    if type_ == "TIMESTAMP_NS":
        return f"make_timestamp_ns(unnest(${number}::BIGINT[]))"
    if type_ == ZONED_NS:
        return f"make_timestamp_ns(unnest(${number}::BIGINT[])) AT TIME ZONE 'UTC'"
    if type_ == ZONED:
        return f"make_timestamp(unnest(${number}::BIGINT[])) AT TIME ZONE 'UTC'"
    if type_.startswith("TIMESTAMP"):
        return f"make_timestamp(unnest(${number}::BIGINT[]))::{type_}"
    if type_ == "DATE":
        return f"DATE '1970-01-01' + unnest(${number}::INTEGER[])"
    if _is_text(type_):
        return f"unnest(${number}::VARCHAR[])::{type_}"
    return f"unnest(${number}::{type_}[])"

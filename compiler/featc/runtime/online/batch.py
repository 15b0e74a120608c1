"""A pushed batch, whatever it came as, as the DuckDB table `featc_batch` in the source's physical types.

Converting loses nothing: a value that its column's type cannot hold exactly is an error that names the column and the
value (semantics.md, "Types"). Nanosecond instants are floored to microseconds later, as in the training query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb

from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean
from featc.lower.online_lift import BATCH
from featc.lower.source import literal, quoted
from featc.resolve.model import Column, Source
from featc.runtime.online.engine import Engine, failed
from featc.runtime.online.files import reader
from featc.types import FLOATS, INTEGERS, decimal_parts

INPUT = "featc_input"
_INSTANTS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE", "DATE")


def load_batch(engine: Engine, source: Source, rows: Any, required: frozenset[str]) -> int:
    """Makes `featc_batch` of `rows` and returns how many there are. The caller holds `engine.batch`.

    `rows`: a path to csv, parquet or json, a list of dicts, or anything DuckDB can scan (pyarrow, pandas, polars,
    a DuckDB relation). Raises FeatcError F610 (unknown column), F611 (a needed column is missing), F612 (a type or
    value does not fit), F615 (unreadable).
    """
    with engine.lock:
        try:
            relation, given = _scan(engine, source, rows)
            items = _items(source, given, required)
            made = engine.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {BATCH} AS"
                f" SELECT row_number() OVER () - 1 AS _row, {', '.join(items)} FROM {relation}"
            ).fetchone()
        except duckdb.Error as trouble:
            raise _unreadable(source, trouble) from trouble
        finally:
            engine.connection.unregister(INPUT)
    return int(made[0]) if made else 0


def _unreadable(source: Source, trouble: duckdb.Error) -> FeatcError:
    """DuckDB's refusal: what and where, without its advice on options of its own."""
    if "F612: " in str(trouble).splitlines()[0]:
        return failed(trouble)
    said = str(trouble).partition("\n\n")[0].splitlines()
    said = list(takewhile(lambda line: not line.startswith(("Possible", "*", "LINE ")), said))
    what = "; ".join(line.strip() for line in said).partition(" Error: ")
    return _refusal("F615", f"the batch for {source.name} cannot be read: {what[2] or what[0]}")


def _refusal(code: str, message: str) -> FeatcError:
    return FeatcError(Diagnostic(code, message, hint="nothing was written"))


# ── what was given ────────────────────────────────────────────────────────────────────────────────────────────────


def _scan(engine: Engine, source: Source, rows: Any) -> tuple[str, dict[str, str]]:
    """(what to select from, {column: type}) of the given rows."""
    if isinstance(rows, (str, Path)):
        relation = reader(engine.connection, source, Path(rows))
    elif isinstance(rows, Mapping):
        relation = _columns(engine, source, {str(k): list(v) for k, v in rows.items()})
    elif isinstance(rows, duckdb.DuckDBPyRelation):
        relation = _relation(engine, rows)
    elif isinstance(rows, Sequence) and all(isinstance(r, Mapping) for r in rows):
        names = list(dict.fromkeys(str(k) for r in rows for k in r))
        if not rows:
            names = [c.name for c in source.columns]
        relation = _columns(engine, source, {n: [r.get(n) for r in rows] for n in names})
    else:
        engine.connection.register(INPUT, rows)
        relation = INPUT
    described = engine.connection.sql(f"SELECT * FROM {relation}")
    return relation, {str(n): str(t) for n, t in zip(described.columns, described.types, strict=True)}


def _relation(engine: Engine, relation: duckdb.DuckDBPyRelation) -> str:
    """A relation of another connection: its rows are copied by type and value."""
    columns = ", ".join(f"{quoted(n)} {t}" for n, t in zip(relation.columns, relation.types, strict=True))
    engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE featc_copied ({columns})")
    rows = relation.fetchall()
    lists = [f"unnest(${n}::{t}[])" for n, t in enumerate(relation.types, 1)]
    values = [[row[n] for row in rows] for n in range(len(lists))]
    engine.connection.execute(f"INSERT INTO featc_copied SELECT {', '.join(lists)}", values)
    return "featc_copied"


def _columns(engine: Engine, source: Source, columns: Mapping[str, list[Any]]) -> str:
    """Python values by column, without pyarrow: DuckDB finds each list's type, as it does for parameters."""
    if not columns:
        raise FeatcError(Diagnostic("F611", f"the batch for {source.name} has no columns"))
    items = [f"unnest(${n}) AS {quoted(name)}" for n, name in enumerate(columns, 1)]
    for name, values in columns.items():
        kinds = {type(v) for v in values if v is not None}
        if str in kinds and len(kinds) > 1:
            other = next(k.__name__ for k in kinds if k is not str)
            raise _refusal("F612", f"{source.name}.{name} has both text and {other} values")
    sql = f"CREATE OR REPLACE TEMP TABLE featc_copied AS SELECT {', '.join(items)}"
    engine.connection.execute(sql, list(columns.values()))
    return "featc_copied"


# ── into the source's types ───────────────────────────────────────────────────────────────────────────────────────


def _items(source: Source, given: Mapping[str, str], required: frozenset[str]) -> list[str]:
    findings = Findings()
    known = [c.name for c in source.columns]
    if not set(known) & set(given):
        message = f"the batch for {source.name} has none of its columns; it has: {', '.join(given)[:200]}"
        hint = f"a CSV starts with a header, such as {','.join(known)}; nothing was written"
        raise FeatcError(Diagnostic("F611", message, hint=hint))
    for name in given:
        if name not in known:
            findings.error("F610", f"{source.name} has no column '{name}'", hint=did_you_mean(name, known))
    for name in sorted(required - set(given)):
        message = f"the batch for {source.name} lacks the column '{name}'"
        findings.error("F611", message, hint="it says which event a row is, when it happened, or to whom")
    items = []
    for column in source.columns:
        if column.name not in given:
            items.append(f"NULL::{column.physical} AS {quoted(column.name)}")
            continue
        sql = _converted(source, column, given[column.name])
        if sql is None:
            message = f"{source.name}.{column.name} is {column.physical}, and the batch has {given[column.name]}"
            findings.error("F612", message, hint="convert the column first; nothing was written")
        else:
            items.append(f"{sql} AS {quoted(column.name)}")
    findings.raise_errors()
    return items


def _checked(source: Source, column: Column, converted: str, lost: str) -> str:
    """`converted`, and an error naming column and value where `lost` holds."""
    raw = quoted(column.name)
    text = literal(f"F612: {source.name}.{column.name} is {column.physical}, and it cannot hold ")
    return f"CASE WHEN {raw} IS NULL THEN NULL WHEN {lost} THEN error({text} || {raw}::VARCHAR) ELSE {converted} END"


def _converted(source: Source, column: Column, type_: str) -> str | None:
    """SQL that brings a given column to its physical type exactly, or None where the types do not go together."""
    raw, to = quoted(column.name), column.physical
    if type_ in (to, '"NULL"', "NULL"):
        return raw if type_ == to else f"NULL::{to}"
    zone = literal(source.timezone or "UTC")
    if type_ == "VARCHAR":
        return _from_text(source, column, zone)
    if to in _INSTANTS and type_ in _INSTANTS:
        return _instant(source, column, type_, zone)
    numbers = type_ in (*INTEGERS, *FLOATS) or decimal_parts(type_)
    if numbers and (to in INTEGERS or to in FLOATS or decimal_parts(to)):
        return _number(source, column, type_)
    if to == "VARCHAR" and (type_.startswith("ENUM") or type_ == "UUID"):
        return f"{raw}::VARCHAR"
    if "(" in to or "[" in to:  # nested types: as DuckDB casts them, and back again
        cast = f"try_cast({raw} AS {to})"
        return _checked(source, column, cast, f"try_cast({cast} AS {type_}) IS DISTINCT FROM {raw}")
    return None


def _number(source: Source, column: Column, type_: str) -> str:
    raw, to = quoted(column.name), column.physical
    cast = f"try_cast({raw} AS {to})"
    if to in FLOATS and type_ in FLOATS:
        if to == "DOUBLE":
            return f"{raw}::{to}"
        return _checked(source, column, cast, f"{cast}::DOUBLE IS DISTINCT FROM {raw}")
    if decimal_parts(to) and type_ in FLOATS:  # 12.34 is meant by the DOUBLE nearest to it
        cast = f"try_cast({raw}::VARCHAR AS {to})"
    wide = type_ if type_ in FLOATS or decimal_parts(type_) else "HUGEINT"
    return _checked(source, column, cast, f"try_cast({cast} AS {wide}) IS DISTINCT FROM {raw}::{wide}")


def _from_text(source: Source, column: Column, zone: str) -> str:
    raw, to = quoted(column.name), column.physical
    cast = f"try_cast({raw} AS {to})"
    if to in INTEGERS:  # DuckDB would round '3.7'
        lost = f"try_cast({raw} AS DECIMAL(38,9)) <> try_cast({cast} AS DECIMAL(38,9))"
        return _checked(source, column, cast, f"{cast} IS NULL OR {lost}")
    if decimal_parts(to):
        scale = min(38, (decimal_parts(to) or (0, 0))[1] + 6)
        lost = f"try_cast({raw} AS DECIMAL(38,{scale})) IS DISTINCT FROM {cast}"
        return _checked(source, column, cast, f"{cast} IS NULL OR {lost}")
    if to in ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"):  # DuckDB's own cast drops an offset
        offset = f"regexp_matches({raw}, '[0-9]:[0-9].*(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$')"
        cast = f"CASE WHEN {offset} THEN try_cast({raw} AS TIMESTAMPTZ) AT TIME ZONE {zone} ELSE {cast} END"
        cast = f"({cast})::{to}"
    return _checked(source, column, cast, f"({cast}) IS NULL")


def _instant(source: Source, column: Column, type_: str, zone: str) -> str:
    raw, to = quoted(column.name), column.physical
    zoned = "TIMESTAMP WITH TIME ZONE"
    if type_ == zoned:
        naive = f"{raw} AT TIME ZONE {zone}"
    elif type_ == "TIMESTAMP_NS" and to != "TIMESTAMP_NS":  # a cast rounds toward zero, which is up before 1970
        naive = f"make_timestamp(epoch_ns({raw}) // 1000 - (epoch_ns({raw}) % 1000 < 0)::BIGINT)"
        naive = f"CASE WHEN isfinite({raw}::TIMESTAMP) THEN {naive} ELSE {raw}::TIMESTAMP END"
    else:
        naive = f"{raw}::TIMESTAMP"
    if to == zoned:
        return f"({naive}) AT TIME ZONE {zone}"
    if to in ("TIMESTAMP", "TIMESTAMP_NS"):
        return f"({naive})::{to}"
    return _checked(source, column, f"({naive})::{to}", f"({naive})::{to}::TIMESTAMP IS DISTINCT FROM ({naive})")


def rejected_rows(engine: Engine, source: Source, places: Iterable[int]) -> dict[int, str]:
    """The rows at these places of the batch, as JSON text, so that they can be looked at later."""
    wanted = list(places)
    if not wanted:
        return {}
    packed = ", ".join(f"{literal(c.name)}: {quoted(c.name)}" for c in source.columns)
    sql = f"SELECT _row, to_json({{{packed}}})::VARCHAR FROM {BATCH} WHERE _row IN (SELECT unnest($1::BIGINT[]))"
    return {int(place): str(text) for place, text in engine.rows(sql, [wanted])}

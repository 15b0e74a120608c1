"""A pushed batch, whatever it came as, as the DuckDB table `featc_batch` in the source's physical types.

Converting loses nothing: a value that its column's type cannot hold exactly is an error that names the column and the
value (semantics.md, "Types"). Nanosecond instants are floored to microseconds later, as in the training query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb

from featc.encoding import sort_key_sql
from featc.errors import Diagnostic, FeatcError, Findings, nearest
from featc.lower import text_columns
from featc.lower.online_lift import BATCH, pushed
from featc.lower.source import floored, literal, normalised_batch_column, quoted
from featc.resolve.model import Column, ColumnRef, Source
from featc.runtime.online.engine import Engine, failed
from featc.runtime.online.files import reader
from featc.runtime.online.relations import copied
from featc.runtime.online.values import NAIVE, ZONED, ZONED_NS, given, plain, refusal, way_out
from featc.types import FLOATS, INTEGERS, decimal_parts

INPUT = "featc_input"
_INSTANTS = (*NAIVE, ZONED, ZONED_NS, "DATE")


@dataclass(frozen=True, slots=True)
class Scan:
    """What to select a batch's rows from, with the lists its SQL binds, and {column: DuckDB type}.

    `refused` are columns with a value that was found not to fit on the way here; their values are left out.
    """

    relation: str
    types: Mapping[str, str]
    lists: tuple[list[Any], ...] = ()
    refused: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows a batch has, and which of the source's columns it lacks: they are NULL in all rows."""

    rows: int
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Conversion:
    """SQL that brings a given column to its physical type, and, where values can be lost, the SQL of which are."""

    sql: str
    lost: str | None = None


def load_batch(engine: Engine, source: Source, rows: Any, required: frozenset[str]) -> Loaded:
    """Makes `featc_batch` of `rows`. The caller holds `engine.batch`.

    `rows`: a path to csv, parquet or json, dicts (a list or any iterator), a dict of columns, or anything DuckDB can
    scan (pyarrow, pandas, polars, a DuckDB relation). Raises FeatcError F610 (unknown column), F611 (a needed column
    is missing), F612 (types or values do not fit, one for each column), F615 (unreadable).
    """
    if isinstance(rows, Iterator) and not hasattr(rows, "__arrow_c_stream__"):
        rows = list(rows)
    with engine.lock:
        try:
            scan = _scan(engine, source, rows)
            conversions = _conversions(source, scan.types, required)
            if scan.refused:
                raise FeatcError((*scan.refused, *_misfits(engine, source, scan, conversions)))
            rows = _made(engine, source, scan, conversions)
        except duckdb.Error as trouble:
            raise _unreadable(source, trouble) from trouble
        except (TypeError, ValueError, RuntimeError, AttributeError, ImportError, OverflowError) as trouble:
            # DuckDB's bindings and the objects themselves raise whatever they like
            kind = type(rows).__name__
            raise refusal("F615", f"the batch for {source.name}, a {kind}, cannot be read: {trouble}") from trouble
        finally:
            engine.connection.unregister(INPUT)
    return Loaded(rows, frozenset(c.name for c in source.columns) - set(scan.types))


def _made(engine: Engine, source: Source, scan: Scan, conversions: Mapping[str, _Conversion]) -> int:
    """Makes the table, and gives how many rows there are. Raises FeatcError F612 where values do not fit."""
    items = [f"{_exactly(source, name, conversion)} AS {quoted(name)}" for name, conversion in conversions.items()]
    numbered = f"SELECT row_number() OVER () - 1 AS _row, {', '.join(items)} FROM {scan.relation}"
    try:
        made = engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {BATCH} AS {numbered}", list(scan.lists))
    except duckdb.Error as trouble:
        if "F612: " not in str(trouble).splitlines()[0]:
            raise
        misfits: Sequence[Diagnostic] = failed(trouble).diagnostics
        with suppress(duckdb.Error):  # a stream that was read is gone, and only its first misfit known
            misfits = _misfits(engine, source, scan, conversions) or misfits
        raise FeatcError(misfits) from trouble
    count = made.fetchone()
    return int(count[0]) if count else 0


def _exactly(source: Source, name: str, conversion: _Conversion) -> str:
    """SQL of a converted column, which fails with F612 for a value that its type cannot hold."""
    if conversion.lost is None:
        return conversion.sql
    raw = quoted(name)
    held = literal(f"F612: {source.name}.{name} is {source.column(name).physical}, and it cannot hold ")
    lost = f"WHEN {conversion.lost} THEN error({held} || {raw}::VARCHAR)"
    return f"CASE WHEN {raw} IS NULL THEN NULL {lost} ELSE {conversion.sql} END"


def converted_sql(source: Source, column: Column, type_: str) -> str | None:
    """SQL that brings a column of a batch to the type it has in `pushed`, from the one it had when it was pushed; None
    where the types do not go together. A value that would change fails with F612."""
    if type_ == column.physical:
        return quoted(column.name)
    found = _converted(source, column, type_, is_local=False)
    return None if found is None else _exactly(source, column.name, found)


def _misfits(engine: Engine, source: Source, scan: Scan, conversions: Mapping[str, _Conversion]) -> list[Diagnostic]:
    """F612 for each column with values that its type cannot hold, naming the first of them and its row."""
    lossy = {name: c.lost for name, c in conversions.items() if c.lost is not None}
    if not lossy:
        return []
    items = []
    for name, lost in lossy.items():
        kept = f"FILTER (WHERE {quoted(name)} IS NOT NULL AND ({lost}))"
        items += [f"count(*) {kept}", f"min(_row) {kept}", f"arg_min({quoted(name)}::VARCHAR, _row) {kept}"]
    numbered = f"(SELECT row_number() OVER () AS _row, * FROM {scan.relation})"
    found = engine.connection.execute(f"SELECT {', '.join(items)} FROM {numbered}", list(scan.lists)).fetchall()[0]
    misfits = []
    for name, count, row, value in zip(lossy, found[::3], found[1::3], found[2::3], strict=True):
        if count:
            physical = source.column(name).physical
            held = f"row {row}: {source.name}.{name} is {physical}, and it cannot hold {value}"
            more = f" ({count} rows of the batch do not fit)" if count > 1 else ""
            misfits.append(Diagnostic("F612", held + more, hint=way_out(physical, value)))
    return misfits


def _unreadable(source: Source, trouble: duckdb.Error) -> FeatcError:
    """DuckDB's refusal: what and where, without its advice on options of its own."""
    said = str(trouble).partition("\n\n")[0].splitlines()
    said = list(takewhile(lambda line: not line.startswith(("Possible", "*", "LINE ")), said))
    what = "; ".join(line.strip() for line in said).partition(" Error: ")
    return refusal("F615", f"the batch for {source.name} cannot be read: {what[2] or what[0]}")


# ── what was given ────────────────────────────────────────────────────────────────────────────────────────────────


def _scan(engine: Engine, source: Source, rows: Any) -> Scan:
    if isinstance(rows, (str, Path)):
        return _described(engine, reader(engine.connection, source, Path(rows)))
    if isinstance(rows, Mapping):
        return _columns(engine, source, rows)
    if isinstance(rows, duckdb.DuckDBPyRelation):
        return _described(engine, copied(engine, rows))
    if isinstance(rows, Sequence):
        return _dicts(engine, source, rows)
    mixed = _mixed_frame(rows)
    if mixed is not None:
        return _columns(engine, source, mixed)
    try:
        engine.connection.register(INPUT, rows)
    except (duckdb.Error, TypeError, ValueError, RuntimeError):
        message = f"the batch for {source.name} is {_shown(rows)}, which holds no rows"
        raise FeatcError(Diagnostic("F615", message, hint=_PUSHABLE)) from None
    return _described(engine, INPUT)


_PUSHABLE = "give a file, a list of dicts, a dict of lists, a data frame, an Arrow table or a DuckDB relation"


def _shown(given: Any) -> str:
    return "None" if given is None else f"a {type(given).__name__}"


def _described(engine: Engine, relation: str) -> Scan:
    found = engine.connection.sql(f"SELECT * FROM {relation}")
    return Scan(relation, {str(n): str(t) for n, t in zip(found.columns, found.types, strict=True)})


def _dicts(engine: Engine, source: Source, rows: Sequence[Any]) -> Scan:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            kind = type(row).__name__
            raise refusal("F615", f"the batch for {source.name} cannot be read: row {number} is a {kind}, not a dict")
    names = list(dict.fromkeys(k for r in rows for k in r)) if rows else [c.name for c in source.columns]
    return _columns(engine, source, {n: [r.get(n) for r in rows] for n in names})


def _mixed_frame(rows: Any) -> dict[str, list[Any]] | None:
    """The columns of a pandas frame that has values of different types in one; DuckDB would bring them to one."""
    if type(rows).__module__.partition(".")[0] != "pandas" or not hasattr(rows, "dtypes"):
        return None
    objects = [n for n, (_, column) in enumerate(rows.items()) if str(column.dtype) == "object"]
    kinds = [{type(v) for v in map(plain, rows.iloc[:, n]) if v is not None and v == v} for n in objects]
    if all(len(k) <= 1 for k in kinds):
        return None
    return {str(name): [None if v != v else v for v in map(plain, column)] for name, column in rows.items()}


def _columns(engine: Engine, source: Source, columns: Mapping[Any, Any]) -> Scan:
    """Python values by column, without pyarrow."""
    if not columns:
        raise FeatcError(Diagnostic("F611", f"the batch for {source.name} has no columns"))
    findings = Findings()
    known = {c.name: c for c in source.columns}
    if set(known) & set(map(str, columns)):
        _check_names(source, map(str, columns), findings)
    findings.raise_errors()
    items: list[str] = []
    types: dict[str, str] = {}
    lists: list[list[Any]] = []
    refused: list[Diagnostic] = []
    for name, values in columns.items():
        if isinstance(values, (str, bytes, Mapping)):
            raise refusal("F615", f"the batch for {source.name} cannot be read: {name} is not a list")
        column = known.get(str(name)) or Column(str(name), "VARCHAR", "VARCHAR")
        try:
            found = given(source, column, list(values))
        except FeatcError as misfit:  # the other columns are told of in the same run
            refused += misfit.diagnostics
            found = given(source, column, [None] * len(values))
        sql = found.sql.format(*(f"${len(lists) + n}" for n in range(1, len(found.lists) + 1)))
        items.append(f"{sql} AS {quoted(str(name))}")
        lists += found.lists
        types[str(name)] = found.type or ""
    if len({len(values) for values in lists}) > 1:
        raise refusal("F615", f"the batch for {source.name} has columns of different lengths")
    relation = f"(SELECT {', '.join(items)})"
    if "" in types.values():
        engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE featc_copied AS SELECT {', '.join(items)}", lists)
        return replace(_described(engine, "featc_copied"), refused=tuple(refused))
    return Scan(relation, types, tuple(lists), tuple(refused))


def _check_names(source: Source, names: Iterable[str], findings: Findings) -> None:
    known, given = [c.name for c in source.columns], list(names)
    lacking = [name for name in known if name not in given]
    for name in given:
        if name not in known:
            close = nearest(name, lacking)
            hint = f"rename it to '{close}'" if close else f"leave it out of the batch, or add it to {source.name}"
            findings.error("F610", f"{source.name} has no column '{name}'", hint=hint)


def _role(source: Source, name: str) -> str:
    """What a column that a batch has to bring says of a row."""
    if name in source.id:
        return f"it is the id of {source.name}, and says which event a row is"
    for role, expr, what in (
        ("time", source.time, "when it happened"),
        ("available_at", source.available_at, "when it arrived"),
    ):
        if expr is not None and any(isinstance(r, ColumnRef) and r.column == name for r in expr.refs):
            return f"it is the {role} of {source.name}, and says {what}"
    return "it is a key, and says to whom the row belongs"


# ── into the source's types ───────────────────────────────────────────────────────────────────────────────────────


def _conversions(source: Source, types: Mapping[str, str], required: frozenset[str]) -> dict[str, _Conversion]:
    """The batch's columns, in the types of `pushed`. Raises FeatcError F610 to F612, all of them together."""
    findings = Findings()
    known = [c.name for c in source.columns]
    if not set(known) & set(types):
        message = f"the batch for {source.name} has none of its columns; it has: {', '.join(types)[:200]}"
        hint = f"a CSV starts with a header, such as {','.join(known)}; nothing was written"
        raise FeatcError(Diagnostic("F611", message, hint=hint))
    _check_names(source, types, findings)
    for name in sorted(required - set(types)):
        message = f"the batch for {source.name} lacks the column '{name}'"
        findings.error("F611", message, hint=_role(source, name))
    made = {}
    for column, batch in zip(source.columns, pushed(source).columns, strict=True):
        if column.name not in types:
            made[column.name] = _Conversion(f"NULL::{batch.physical}")
            continue
        found = _converted(source, batch, types[column.name], is_local=batch is not column)
        if found is None:
            message = f"{source.name}.{column.name} is {column.physical}, and the batch has {types[column.name]}"
            findings.error("F612", message, hint="convert the column first; nothing was written")
        else:
            made[column.name] = found
    findings.raise_errors()
    return made


def _converted(source: Source, column: Column, type_: str, *, is_local: bool) -> _Conversion | None:
    """SQL that brings a given column to its physical type exactly, or None where the types do not go together.

    `is_local`: naive values are local times of the source's zone, and the batch has them in UTC.
    """
    raw, to = quoted(column.name), column.physical
    if type_ in ('"NULL"', "NULL"):
        return _Conversion(f"NULL::{to}")
    if type_ == to and not is_local:
        return _Conversion(raw)
    zone = literal(source.timezone or "UTC")
    if type_ == "VARCHAR":
        return _from_text(source, column)
    if to in _INSTANTS and type_ in _INSTANTS:
        return _instant(column, type_, zone, is_local=is_local)
    numbers = type_ in (*INTEGERS, *FLOATS) or decimal_parts(type_)
    if numbers and (to in INTEGERS or to in FLOATS or decimal_parts(to)):
        return _number(column, type_)
    if to == "VARCHAR" and (type_.startswith("ENUM") or type_ == "UUID"):
        return _Conversion(f"{raw}::VARCHAR")
    if "(" in to or "[" in to:  # nested types: as DuckDB casts them, and back again
        cast = f"try_cast({raw} AS {to})"
        return _Conversion(cast, f"try_cast({cast} AS {type_}) IS DISTINCT FROM {raw}")
    return None


def _number(column: Column, type_: str) -> _Conversion:
    raw, to = quoted(column.name), column.physical
    cast = f"try_cast({raw} AS {to})"
    if to in FLOATS and type_ in FLOATS:
        if to == "DOUBLE":
            return _Conversion(f"{raw}::{to}")
        return _Conversion(cast, f"{cast}::DOUBLE IS DISTINCT FROM {raw}")
    if decimal_parts(to) and type_ in FLOATS:  # 12.34 is meant by the DOUBLE nearest to it
        cast = f"try_cast({raw}::VARCHAR AS {to})"
    wide = type_ if type_ in FLOATS or decimal_parts(type_) else "HUGEINT"
    return _Conversion(cast, f"try_cast({cast} AS {wide}) IS DISTINCT FROM {raw}::{wide}")


def _from_text(source: Source, column: Column) -> _Conversion:
    """By the rule that text in files is read by; an instant comes out in UTC, from the source's zone or its own."""
    raw, to = quoted(column.name), column.physical
    found = text_columns.value(raw, "TIMESTAMP" if to in (*NAIVE, ZONED) else to, source.timezone)
    if to == ZONED:
        found = f"({found}) AT TIME ZONE 'UTC'"
    elif to in NAIVE and to != "TIMESTAMP":
        found = f"({found})::{to}"
    return _Conversion(found, f"({found}) IS NULL")


def _instant(column: Column, type_: str, zone: str, *, is_local: bool) -> _Conversion:
    raw, to = quoted(column.name), column.physical
    if type_ == ZONED_NS and is_local:
        return _Conversion(floored(raw))
    if type_ == ZONED_NS:
        raw, type_ = f"(({floored(raw)}) AT TIME ZONE 'UTC')", ZONED
        if to == ZONED:
            return _Conversion(raw)
    if type_ == ZONED and is_local:  # never by way of local time, which has some instants twice
        return _Conversion(f"{raw} AT TIME ZONE 'UTC'")
    if type_ == ZONED:
        naive = f"{raw} AT TIME ZONE {zone}"
    elif type_ == "TIMESTAMP_NS" and to != "TIMESTAMP_NS":
        naive = f"CASE WHEN isfinite({raw}::TIMESTAMP) THEN {floored(raw)} ELSE {raw}::TIMESTAMP END"
    else:
        naive = f"{raw}::TIMESTAMP"
    if is_local:
        return _Conversion(f"({naive}) AT TIME ZONE {zone} AT TIME ZONE 'UTC'")
    if to == ZONED:
        return _Conversion(f"({naive}) AT TIME ZONE {zone}")
    if to in ("TIMESTAMP", "TIMESTAMP_NS"):
        return _Conversion(f"({naive})::{to}")
    return _Conversion(f"({naive})::{to}", f"({naive})::{to}::TIMESTAMP IS DISTINCT FROM ({naive})")


def content_digest(engine: Engine, source: Source) -> str:
    """A digest of the batch's rows, whatever order and form they came in.

    Columns without a value do not count, so that a column the source gains later changes no digest.
    """
    batch = pushed(source)
    columns = sorted(batch.columns, key=lambda c: c.name)
    items = [f"CASE WHEN {quoted(c.name)} IS NOT NULL THEN {_digested(batch, c)} END" for c in columns]
    row = f"md5(concat_ws(chr(10), {', '.join(items)}))"
    halves = [f"sum(('0x' || {row}[{start}:{start + 15}])::UBIGINT::HUGEINT)" for start in (1, 17)]
    return "-".join(map(str, engine.rows(f"SELECT count(*), {', '.join(halves)} FROM {BATCH}")[0]))


def _digested(batch: Source, column: Column) -> str:
    """Text that differs between different values: instants as they are normalised, −0.0 as 0.0."""
    value = quoted(column.name)
    if column.physical in _INSTANTS:
        value = normalised_batch_column(batch, column.name)
    elif column.physical in FLOATS:
        value = f"{value} + 0.0::{column.physical}"
    empty = "''"
    return f"{literal(column.name + ' ')} || hex({sort_key_sql([value, empty])})"


def rejected_rows(engine: Engine, source: Source, places: Iterable[int]) -> dict[int, str]:
    """The rows at these places of the batch, as JSON text, so that they can be looked at later."""
    wanted = list(places)
    if not wanted:
        return {}
    packed = ", ".join(f"{literal(c.name)}: {quoted(c.name)}" for c in source.columns)
    sql = f"SELECT _row, to_json({{{packed}}})::VARCHAR FROM {BATCH} WHERE _row IN (SELECT unnest($1::BIGINT[]))"
    return {int(place): str(text) for place, text in engine.rows(sql, [wanted])}

"""Lowering a source: raw rows → rows with their instants → versions (semantics.md, "Time", "Events and versions").

Both plans start here. `instants` normalises types and adds the columns below; `versions` adds `_superseded`. All
instants are BIGINT microseconds. The underscore names are featc's own and may not be source columns.

| column | meaning |
|---|---|
| `_time` | τ, when the event happened |
| `_arrival` | α, when serving can first know the row |
| `_enter` | max(τ, α); NULL when the row is never visible by itself |
| `_superseded` | α of the next version of the same event, NULL while it is the newest |
| `_deleted` | whether the row says that its event does not exist |
"""

from __future__ import annotations

from collections.abc import Iterable

from featc.lower import text_columns
from featc.lower.ctes import named
from featc.lower.text_columns import in_utc
from featc.resolve.model import Column, ColumnRef, Expr, Key, Location, Ref, Source, View
from featc.types import FLOATS, INTEGERS, family

TIME, ARRIVAL, ENTER, SUPERSEDED, DELETED = "_time", "_arrival", "_enter", "_superseded", "_deleted"

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_KEYWORDS = frozenset(  # reserved in DuckDB or in SQLite
    """
    add all alter analyse analyze and anti any array as asc asof asymmetric at authorization autoincrement between
    binary both by case cast check collate collation column columns commit concatenation concurrently constraint
    create cross default deferrable delete desc describe distinct do drop else end escape except exists false
    fetch for foreign freeze from full generated glob grant group having if ilike in index initially inner insert
    intersect interval into is isnull join lambda lateral leading left like limit map natural not notnull null
    offset on only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify
    references returning right row select semi set show similar some struct summarize symmetric table tablesample
    then to trailing transaction true try_cast tuple union unique unpack unpivot update using values variadic
    verbose when where window with
    """.split()  # noqa: SIM905
)


def quoted(name: str) -> str:
    """The name as an identifier of either SQL engine, in quotes only where they are needed."""
    if name and name[0] not in "0123456789" and set(name) <= _PLAIN and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def column_name(ref: Ref) -> str:
    """How a source column is spelled where rows of the source are at hand."""
    if not isinstance(ref, ColumnRef):
        raise TypeError(f"not a column of a source: {ref}")
    return quoted(ref.column)


def render(expr: Expr) -> str:
    """An expression over source columns as SQL text."""
    return expr.render(column_name)


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


_READERS = {
    **dict.fromkeys(("csv", "csv.gz", "tsv", "tsv.gz"), "read_csv"),
    **dict.fromkeys(("json", "jsonl", "ndjson", "json.gz", "jsonl.gz", "ndjson.gz"), "read_json"),
}


def relation_of(source: Source) -> str:
    """What to select from: a reader over files, a table, or a subquery.

    Paths are spelled as the author wrote them, relative to the project, so that artefacts are the same everywhere.
    Columns of CSV and JSON come as text, see `normalised_column`.
    """
    if source.members:
        from featc.lower.union import union_relation  # which reads the members' rows by this module

        return union_relation(source)
    return relation_at(source.location, source.columns)


def physical_relation(source: Source) -> str:
    """The same with columns in their physical types, also where they are text in the data."""
    relation = relation_of(source)
    if not any(is_text(source, c) for c in source.columns):
        return relation
    items = [named(held_column(source, c), quoted(c.name)) for c in source.columns]
    return f"(SELECT {', '.join(items)} FROM {relation})"


def held_column(source: Source, column: Column) -> str:
    """SQL over `relation_of` for a column in its physical type."""
    name = quoted(column.name)
    if not is_text(source, column):
        return name
    json = _reader(source) == "read_json"
    return text_columns.held(name, column.physical, _unheld(source, column), source.timezone, json=json)


def relation_at(location: Location, columns: tuple[Column, ...] = ()) -> str:
    """The same for a place whose columns may not be known yet; without them, readers of JSON guess."""
    where, value = location.kind, location.value
    if where == "table":
        return ".".join(quoted(part) for part in value.split("."))
    if where == "sql":
        query = value.strip().removesuffix(";")
        return f"({query}\n)" if "--" in query else f"({query})"
    reader = reader_of(location)
    if reader == "read_csv":
        return f"read_csv({literal(value)}, {csv_dialect(value)}, all_varchar = true)"
    if reader == "read_json" and columns:
        types = ", ".join(f"{literal(c.name)}: {literal(_json_type(c.physical))}" for c in columns)
        return f"read_json({literal(value)}, columns = {{{types}}})"
    return f"{reader}({literal(value)})"


def csv_dialect(path: str) -> str:
    """How a CSV or TSV is written, said outright: a sniffer reads a broken file its own way, without a word."""
    name = path.lower().removesuffix(".gz")
    delimiter = "\\t" if name.endswith(".tsv") else ","
    return f"header = true, delim = '{delimiter}', quote = '\"', escape = '\"'"


def reader_of(location: Location) -> str | None:
    """The table function that reads a path's files; None for other places."""
    if location.kind != "path":
        return None
    return next((r for ending, r in _READERS.items() if location.value.lower().endswith(f".{ending}")), "read_parquet")


def _reader(source: Source) -> str | None:
    return reader_of(source.location)


def is_text(source: Source, column: Column) -> bool:
    """Whether the data has the column as text, to be converted: all of a CSV's, the plain ones of JSON."""
    reader = _reader(source)
    return reader == "read_csv" or (reader == "read_json" and _json_type(column.physical) == "VARCHAR")


def _json_type(physical: str) -> str:
    return physical if family(physical) == "other" and physical != text_columns.ZONED else "VARCHAR"


def _unheld(source: Source, column: Column) -> str:
    """The error for text that is not of its column's type."""
    written = ""
    if column.type in ("TIMESTAMP", "DATE"):
        written = ", written as 2026-01-31" + (" 10:00:00" if column.type == "TIMESTAMP" else "")
    return f"F422: {source.name}.{column.name} is {column.type}{written}, and cannot hold "


def integral(raw: str, type_: str, problem: str) -> str:
    """A DOUBLE as an integer without loss; NaN is NULL, and any other value that would change is an error.

    `try_cast` on every branch, because the engine may evaluate a branch for rows another branch has taken.
    """
    whole = f"try_cast({raw} AS {type_})"
    seen = f"CASE WHEN {raw} IS NOT NULL THEN {raw} END"  # as in `normalised_batch_column`
    return (
        f"CASE WHEN {whole} = {raw} THEN {whole}"
        f" WHEN NOT isnan({seen}) THEN error({literal(problem)} || {raw}) END"
    )


def floored(nanoseconds: str) -> str:
    """An instant in nanoseconds as a naive TIMESTAMP, floored: a cast rounds toward zero, which is up before 1970."""
    return f"make_timestamp(epoch_ns({nanoseconds}) // 1000 - (epoch_ns({nanoseconds}) % 1000 < 0)::BIGINT)"


def normalised_column(source: Source, name: str) -> str:
    """SQL that turns a column of the source's data into what expressions see."""
    column = source.column(name)
    if is_text(source, column):
        json = _reader(source) == "read_json"
        return text_columns.seen(quoted(name), column.physical, _unheld(source, column), source.timezone, json=json)
    return normalised_batch_column(source, name)


def normalised_batch_column(source: Source, name: str) -> str:
    """The same where the column already has its physical type, as in a pushed batch.

    A DOUBLE of a parquet file, which a view may hide, goes through a CASE: parquet's column statistics leave NaN out,
    and DuckDB 2.0 trusts them when it folds `isnan(x)` and `x > 100`, through every function but this one, and `try`,
    which nested types go through. −0.0 becomes 0.0 on the way.
    """
    column = source.column(name)
    raw, physical = quoted(name), column.physical
    if source.members:
        return raw  # the members' rows were normalised, each by its own source
    match physical:
        case "TIMESTAMP WITH TIME ZONE":
            return f"nullif(nullif({raw}, 'infinity'), '-infinity') AT TIME ZONE 'UTC'"
        case "TIMESTAMPTZ_NS":
            return floored(f"CASE WHEN isfinite({raw}::TIMESTAMPTZ) THEN {raw} END")
        case "TIMESTAMP_NS":
            finite = f"CASE WHEN isfinite({raw}::TIMESTAMP) THEN {raw} END"
            return in_utc(floored(finite), source.timezone)
        case "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS":
            cast = raw if physical == "TIMESTAMP" else f"{raw}::TIMESTAMP"
            return in_utc(f"nullif(nullif({cast}, 'infinity'), '-infinity')", source.timezone)
        case "DATE":
            finite = f"nullif(nullif({raw}, 'infinity'), '-infinity')"
            return in_utc(f"{finite}::TIMESTAMP", source.timezone) if column.type == "TIMESTAMP" else finite
        case _ if physical in FLOATS and column.type in INTEGERS:
            problem = f"F420: {source.name}.{name} is declared {column.type}, and a value is not integral: "
            return integral(raw, column.type, problem)
        case "DOUBLE" | "FLOAT" if column.type == physical:
            return f"CASE WHEN {raw} IS NOT NULL THEN {raw} + 0.0::{physical} END"
        case _ if physical != column.type:
            return f"{raw}::{column.type}"
        case _ if any(f in physical for f in FLOATS):
            return f"try({raw})"
        case _:
            return raw


def micros(sql: str, type_: str) -> str:
    """An instant as BIGINT microseconds."""
    return f"epoch_us({sql}::TIMESTAMP)" if type_ == "DATE" else f"epoch_us({sql})"


def instant(source: Source, expr: Expr) -> str:
    """A time expression as BIGINT microseconds. A DATE of the data is its midnight in the source's zone."""
    if source.members:
        return render(expr)
    columns = [source.column(r.column) for r in expr.refs if isinstance(r, ColumnRef)]
    if expr.type == "DATE" and columns and all(c.type == "DATE" for c in columns):
        sql = f"({render(expr)})" if not expr.is_bare else render(expr)
        return micros(in_utc(f"{sql}::TIMESTAMP", source.timezone), "TIMESTAMP")
    return micros(render(expr), expr.type)


def instants_select(source: Source, columns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(SQL, name) of the time columns over rows whose columns are already normalised."""
    time = instant(source, source.time)
    if source.available_at is not None:
        arrival = instant(source, source.available_at)
    else:
        arrival = f"{TIME} + {source.delay}" if source.delay else TIME
    found = [(time, TIME), (arrival, ARRIVAL)]
    if source.deleted is not None:
        found.append((f"coalesce({render(source.deleted)}, false)", DELETED))
    return tuple(found)


def identity(source: Source, view: View) -> tuple[str, ...] | None:
    """SQL of what makes two rows versions of one event, or None when every row is an event of its own.

    A state source without `id` has the identity (key, τ); its key is the view's when the source names none.
    """
    if source.id:
        return tuple(quoted(c) for c in source.id)
    if source.kind == "state":
        keys = source.key or None
        if keys:
            return (*(quoted(c) for c in keys), TIME)
        return (*(render(k.expr) for k in view.keys if k.expr is not None), TIME)
    return None


def dump_order(source: Source) -> tuple[str, ...]:
    """What decides, last first, which row of a dump is a key's own: the order of versions."""
    return tuple(f"{c} DESC NULLS LAST" for c in version_order(source))


def place(source: Source, view: View) -> tuple[str, ...]:
    """SQL of what the row of a state source is about: of each, one row holds (semantics.md, "State and snapshot
    sources"). It is the source's key, or the view's where the source names none."""
    if source.key:
        return tuple(quoted(c) for c in source.key)
    return tuple(key_sql(k) for k in view.keys)


def place_conditions(source: Source, view: View) -> list[str]:
    """What a row needs to be about something: no part of its key is NULL or NaN."""
    floats = {quoted(c.name) for c in source.columns if c.type in FLOATS} if source.key else set()
    parts = place(source, view)
    return [f"{p} IS NOT NULL AND NOT isnan({p})" if p in floats else f"{p} IS NOT NULL" for p in parts]


def in_time(source: Source) -> str | None:
    """The condition that a row arrived within `final_after` of its own time; None where it may arrive at any time.

    It is necessary, and enough for a row that is an event of its own. A version also has to arrive within
    `final_after` of the least τ among the versions of its event that passed up to it: once one is later than that,
    all that follow are, so it does not matter that the least τ is taken over all that are in time by themselves.
    """
    if source.final_after is None:
        return None
    return f"({TIME} IS NULL OR {ARRIVAL} <= {TIME} + {source.final_after})"


def by_name(columns: Iterable[Column]) -> list[Column]:
    """Columns in the order of their names, whose letter case means nothing."""
    return sorted(columns, key=lambda c: ((c.stands_for or c.name).lower(), c.name))


def told_apart(source: Source) -> set[str]:
    """The columns by which versions are told apart, and that say when: all, but for what members of a union compute."""
    found = {c.name for c in source.columns if not c.computed} | {*source.told_by, *source.tie_break}
    exprs = [e for e in (source.time, source.available_at, source.deleted, source.valid_to) if e is not None]
    return found | {r.column for e in exprs for r in e.refs if isinstance(r, ColumnRef)}


def version_order(source: Source) -> tuple[str, ...]:
    """Columns that order versions of one event: α, tie_break, dead last, then all other columns by name."""
    named = (*source.tie_break,)
    rest = [c.name for c in by_name(source.columns) if c.name not in named and not c.computed]
    dead = (DELETED,) if source.deleted is not None else ()
    return (ARRIVAL, *(quoted(c) for c in named), *dead, *(quoted(c) for c in rest))


def state_order(source: Source) -> tuple[str, ...]:
    """Columns that order the rows of which the last is the one that a lookup takes: τ, then the version order of a
    state source, the event order of events (semantics.md, "State and snapshot sources", "Enrichment joins")."""
    if source.kind == "state":
        return (TIME, *version_order(source))
    order = event_order(source)
    return (*order, *(c for c in version_order(source) if c not in order))


def event_order(source: Source) -> tuple[str, ...]:
    """Columns of the event order that do not depend on a feature: τ, tie_break, α, id (of a union, the source too)."""
    return (TIME, *(quoted(c) for c in source.tie_break), ARRIVAL, *(quoted(c) for c in source.told_by))


def key_sql(key: Key) -> str:
    """The key of a row as the view computes it; NaN counts as NULL by the resolver's types (no DOUBLE keys)."""
    if key.expr is None:
        raise TypeError(f"key {key.name} has no expression: the view has no source")
    text = render(key.expr)
    return text if key.expr.type == key.type else f"{text}::{key.type}"

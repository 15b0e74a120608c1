"""Materialize: DuckDB SQL from a source's own data to the rows of a batch, in order of arrival.

The data is read twice. First it is counted, by the intervals of arrival that the store has taken in: an interval whose
number of rows and sum of digests are as they were has nothing new. Then the rows of the others, and those that arrived
later, are set aside in `featc_staged`, in the types a batch has (`online_lift.pushed`), from which batches are cut.

| column of `featc_staged` | meaning |
|---|---|
| `_until` | the interval the row belongs to, by its end; `BEYOND` where it arrived after all of them |
| `_arrival` | α in µs, NULL where the row has none |
| `_digest` | 64 bits of an md5 over what makes the row different from others |
| `_anonymous` | whether nothing tells a second copy of the row from the row: it has no identity |
| `_held_<n>` | the n-th column of the source |

An interval is known by its greatest α and reaches down to the one before it. Rows without α are an interval of their
own, `NEVER`.
"""

from __future__ import annotations

from collections.abc import Sequence

from featc.encoding import sort_key_sql
from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.online_layout import Layout, Stream
from featc.lower.online_lift import BATCH, pushed, view_columns
from featc.lower.source import ARRIVAL, DELETED, quoted
from featc.resolve.model import Source

STAGED, INTERVALS, CHANGED, COPIES = "featc_staged", "featc_intervals", "featc_changed", "featc_copies"
NEVER = -(2**63)
BEYOND = 2**63 - 1
WAITING = 2**63 - 2
_SIGN = 2**63


def told_apart_by(source: Source, layouts: Sequence[Layout], *, united: bool = False) -> tuple[tuple[str, str], ...]:
    """(name, type in the data) of the columns by which two rows differ, by name.

    All of them where they order versions, or where the rows are part of a union (`united`); else those that a view
    reads, since nothing comes of the others.
    """
    used = set().union(*(view_columns(layout) for layout in layouts))
    versions = united or any(layout.superseded is not None for layout in layouts)
    return tuple(sorted((c.name, c.physical) for c in source.columns if versions or c.name in used))


def _held(source: Source) -> list[str]:
    return [f"_held_{n}" for n in range(len(source.columns))]


def _batch_columns(source: Source) -> list[str]:
    """The data's columns as a batch has them: local times are in UTC, text is in its column's type."""
    items = []
    for column, batch in zip(source.columns, pushed(source).columns, strict=True):
        local = batch is not column
        sql = src.normalised_column(source, column.name) if local else src.held_column(source, column)
        items.append(named(sql, quoted(column.name)))
    return items


def _rows(ctes: Ctes, source: Source, streams: Sequence[Stream], columns: Sequence[str]) -> str:
    """The CTE of the source's rows with `_arrival`, `_digest`, `_anonymous` and `_held_<n>`."""
    batch = pushed(source)
    held = _held(source)
    given = ctes.add("given", select(_batch_columns(source), f"FROM {src.relation_of(source)}"), "as a batch has them")
    used = [n for n in (c.name for c in source.columns) if n in set(columns) | _instant_columns(source)]
    seen = [f"{quoted(c.name)} AS {h}" for c, h in zip(source.columns, held, strict=True)]
    seen += [named(src.normalised_batch_column(batch, n), quoted(n)) for n in used]
    normalised = ctes.add("seen", select(seen, f"FROM {given}"), "and as expressions see them")
    times = [f"{sql} AS {name}" for sql, name in src.instants_select(source, tuple(used)) if name != DELETED]
    parts = list(dict.fromkeys(sql for s in streams for _, sql, _ in s.identity))
    whole = " AND ".join(f"{sql} IS NOT NULL" for sql in [ARRIVAL, *parts])
    key = sort_key_sql([*(quoted(n) for n in columns), "''"])
    items = [
        *held,
        *times,
        f"(('0x' || md5({key})[1:16])::UBIGINT::HUGEINT - {_SIGN})::BIGINT AS _digest",
        f"NOT ({whole}) AS _anonymous" if streams else "true AS _anonymous",
    ]
    return ctes.add("arrived", select(items, f"FROM {normalised}"), "with what is asked of them")


def _instant_columns(source: Source) -> set[str]:
    return {r.column for e in (source.time, source.available_at) if e for r in e.refs if hasattr(r, "column")}


def _placed(rows: str) -> str:
    return f"FROM {rows} ASOF LEFT JOIN {INTERVALS} ON {rows}.{ARRIVAL} <= {INTERVALS}._until"


def _place(until: int | None) -> str:
    beyond = f"CASE WHEN {ARRIVAL} > {until} THEN {WAITING} ELSE {BEYOND} END" if until is not None else str(BEYOND)
    return f"CASE WHEN {ARRIVAL} IS NULL THEN {NEVER} ELSE coalesce({INTERVALS}._until, {beyond}) END"


def census_sql(source: Source, streams: Sequence[Stream], columns: Sequence[str], until: int | None) -> str:
    """(interval, rows, sum of digests as text, least and greatest α) of all that lies in the source, by the ends in
    `featc_intervals`.

    Rows beyond the last one are at `BEYOND`, those later than `until` (µs) at `WAITING`.
    """
    ctes = Ctes()
    rows = _rows(ctes, source, streams, columns)
    items = [f"{_place(until)} AS place", "count(*)", "sum(_digest)::VARCHAR", f"min({ARRIVAL})", f"max({ARRIVAL})"]
    return ctes.query(select(items, f"{_placed(rows)}\nGROUP BY place")) + ";\n"


def stage_sql(source: Source, streams: Sequence[Stream], columns: Sequence[str], until: int | None) -> str:
    """Makes `featc_staged` of the rows of the intervals in `featc_changed`, in an order that the rows decide."""
    ctes = Ctes()
    rows = _rows(ctes, source, streams, columns)
    items = [f"{_place(until)} AS _until", ARRIVAL, "_digest", "_anonymous", *_held(source)]
    placed = ctes.add("placed", select(items, _placed(rows)), "by the intervals that the store knows")
    wanted = f"FROM {placed}\nWHERE _until IN (SELECT _until FROM {CHANGED})\nORDER BY _until, {ARRIVAL}, _digest"
    return f"CREATE OR REPLACE TEMP TABLE {STAGED} AS\n" + ctes.query(select(["*"], wanted)) + ";\n"


def batch_sql(source: Source) -> str:
    """Makes the batch of the staged rows from place $1 to before place $2, leaving out copies that are there.

    `featc_copies` says how many copies of a row without identity (`_arrival`, `_digest`, `_copies`) the store has.
    """
    columns = [f"{h} AS {quoted(c.name)}" for c, h in zip(source.columns, _held(source), strict=True)]
    numbered = select(
        ["*", "rowid AS _place", f"row_number() OVER (PARTITION BY {ARRIVAL}, _digest ORDER BY rowid) AS _copy"],
        f"FROM {STAGED}\nWHERE rowid >= $1 AND rowid < $2",
    )
    ctes = Ctes()
    staged = ctes.add("numbered", numbered, "copies of a row count from 1")
    known = f"k.{ARRIVAL} = coalesce({staged}.{ARRIVAL}, {NEVER}) AND k._digest = {staged}._digest"
    fresh = select(
        ["row_number() OVER (ORDER BY _place) - 1 AS _row", *columns],
        f"FROM {staged} LEFT JOIN {COPIES} k ON {known}\n"
        + conjunction(["(NOT _anonymous OR _copy > coalesce(_copies, 0))"])
        + "\nORDER BY _place",
    )
    return f"CREATE OR REPLACE TEMP TABLE {BATCH} AS\n" + ctes.query(fresh) + ";\n"


def copies_sql() -> str:
    """(`_arrival`, `_digest`, copies) of the staged rows without identity from place $1 to before place $2."""
    return (
        f"SELECT coalesce({ARRIVAL}, {NEVER}), _digest, count(*) FROM {STAGED}"
        " WHERE rowid >= $1 AND rowid < $2 AND _anonymous GROUP BY ALL;\n"
    )

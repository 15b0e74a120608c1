"""Joins in the online store: rows kept as they came, looked up for, and lifted again when an answer changes.

A row of a view with joins is lifted from what it brought itself and from what other sources hold at its τ, by what was
known when it entered (semantics.md, "Enrichment joins"). A row of another source may be pushed late although its α was
not: the events that it should have reached are lifted anew. So the store keeps, beside the lifted rows,

* each row of the source as it came (`<view>…__raw`), under its number, with the keys it looks up, and
* for each join with a source its rows as those of a state view (`Join.rows`).

A join with another view reads that view as a request does, at (τ, enter) of each row.

In DuckDB lie two tables while rows are lifted: `featc_raw`, the rows as they came, and `featc_beside`, with the
columns of the joins made so far; both go by `_row`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from featc.encoding import encoded_sql, storage
from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.online_layout import Layout
from featc.lower.online_lift import batch_rows, row_conditions, view_columns
from featc.lower.online_matches import following_sql, reached_sql
from featc.lower.online_store import key_parameters
from featc.lower.source import ARRIVAL, TIME, quoted
from featc.resolve.model import Column, ColumnRef, Join, Key, Project, Source, View, ViewJoin
from featc.resolve.upstream import reach, read_beside, read_sources, readers


@dataclass(frozen=True, slots=True)
class Hop:
    """One join of a view. `keys_sql` (DuckDB) gives `_row`, τ, enter and the encoded keys of each row; `find_sql` (the
    store) the row of `rows` that held at `:t` by what was known at `:k`, or all that may match; `note_sql` keeps the
    keys with the row, and `reached_sql` gives the numbers of the rows that look up a key from an instant on."""

    join: Join
    rows: Layout
    keys_sql: str
    find_sql: str
    note_sql: str
    reached_sql: str

    @property
    def parameters(self) -> tuple[str, ...]:
        return key_parameters(self.rows)


@dataclass(frozen=True, slots=True)
class Reach:
    """How rows of a view that a join with another one reads reach rows that look up their key. `sql` takes the key's
    values at `places` among those of the join, then the least τ and the least instant at which what changed is known,
    and where the longest window ends the greatest τ. `types` are each value's (in the view's rows, in the join)."""

    view: str
    places: tuple[int, ...]
    types: tuple[tuple[str, str], ...]
    bounded: bool
    sql: str


@dataclass(frozen=True, slots=True)
class ViewHop:
    """A join of a view with another one: what is asked of it is read as a request at (τ, enter) of each row. `keys_sql`
    and `note_sql` as those of a `Hop`; `reached` for each view whose rows are read. `sources` are all behind them."""

    join: ViewJoin
    keys_sql: str
    note_sql: str
    reached: tuple[Reach, ...]
    sources: tuple[str, ...]
    beside: tuple[str, ...]
    """The views whose rows are read, those behind other joins included."""


@dataclass(frozen=True, slots=True)
class JoinsPlan:
    """What keeps the rows of a view with joins. `columns` are those of the source that are kept, with their columns in
    the store; `raw_sql` (DuckDB) lifts them from a batch: `_row`, τ, enter, columns."""

    table: str
    columns: tuple[tuple[Column, str], ...]
    schema_sql: str
    raw_sql: str
    insert_sql: str
    load_sql: str
    drop_sql: str
    drop_superseded_sql: str | None
    drop_settled_sql: str
    hops: tuple[Hop | ViewHop, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources whose rows the joins find, those behind other joins included."""
        found = ((h.rows.source.name,) if isinstance(h, Hop) else h.sources for h in self.hops)
        return tuple(dict.fromkeys(name for names in found for name in names))

    @property
    def beside(self) -> tuple[str, ...]:
        """The views whose rows the joins find, those behind other joins included."""
        found = ((h.rows.view.name,) if isinstance(h, Hop) else h.beside for h in self.hops)
        return tuple(dict.fromkeys(name for names in found for name in names))


KEPT = "__raw"
"""What follows the name of a view's table in that of the rows it keeps as they came: all views with joins have one."""


def raw_table(layout: Layout) -> str:
    return quoted(layout.events.strip('"') + KEPT)


def raw_columns(layout: Layout) -> tuple[tuple[Column, str], ...]:
    """The source's columns that a view's rows are lifted from, and what they are called in the store."""
    needed = view_columns(layout) - layout.view.joined
    kept = [c for c in layout.source.columns if c.name in needed]
    return tuple((c, quoted(f"raw_{c.name}")) for c in kept)


def as_kept(source: Source) -> Source:
    """The source as its rows lie in `featc_raw`: normalised."""
    return replace(source, timezone=None, columns=tuple(replace(c, physical=c.type) for c in source.columns))


def joins_plan(project: Project, layout: Layout, lookups: Mapping[str, Layout]) -> JoinsPlan:
    """The texts of a view with joins. `lookups` are the layouts of the joins' rows, by view name."""
    table, columns = raw_table(layout), raw_columns(layout)
    hops: list[Hop | ViewHop] = []
    for n, join in enumerate(layout.view.joins):
        if isinstance(join, Join):
            hops.append(_hop(layout, join, n, lookups[join.rows.name]))
        else:
            hops.append(_view_hop(project, layout, join, n))
    stored = [f"{column} {storage(c.type)}" for c, column in columns]
    for n, hop in enumerate(hops):
        stored += [f"{c} {storage(k.type)}" for c, k in zip(_keys(hop, n), keys_asked(hop), strict=True)]
    fixed = ["_seq INTEGER PRIMARY KEY", "_tau INTEGER", "_enter INTEGER"]
    listed = ",\n".join(f"    {column}" for column in (*fixed, *stored))
    schema = f"CREATE TABLE IF NOT EXISTS {table} (\n{listed}\n) STRICT;\n"
    for n, hop in enumerate(hops):
        for m, by in enumerate(indexed(hop, n)):
            index = quoted(f"{table.strip(chr(34))}__{n}{f'_{m}' if m else ''}")
            schema += f"CREATE INDEX IF NOT EXISTS {index} ON {table} ({', '.join([*by, '_tau'])});\n"
    names = ["_seq", "_tau", "_enter", *(column for _, column in columns)]
    return JoinsPlan(
        table=table,
        columns=columns,
        schema_sql=schema,
        raw_sql=_raw_sql(layout, columns),
        insert_sql=f"INSERT INTO {table} ({', '.join(names)})\nVALUES ({', '.join('?' * len(names))});\n",
        load_sql=f"SELECT {', '.join(['_seq', *(c for _, c in columns)])} FROM {table} WHERE _seq IN ({{}});\n",
        drop_sql=f"DELETE FROM {layout.events} WHERE _seq = ?;\n",
        drop_superseded_sql=_drop_superseded_sql(layout, table, {c.name: n for c, n in columns}),
        drop_settled_sql=f"DELETE FROM {table} WHERE _enter < :settled;\n",
        hops=tuple(hops),
    )


def _drop_superseded_sql(layout: Layout, table: str, columns: Mapping[str, str]) -> str | None:
    """Drops the rows of versions that went. A row without an id is no version, and no other supersedes it."""
    if layout.stream is None:
        return None
    named = [f"{columns[c]} IS NOT NULL" for c in layout.source.id]
    conditions = conjunction([*named, f"_seq NOT IN (SELECT _seq FROM {layout.stream.table})"])
    return f"DELETE FROM {table}\n{conditions};\n"


def keys_asked(hop: Hop | ViewHop) -> tuple[Key, ...]:
    """The keys that a row looks up in a join."""
    return hop.join.rows.keys if isinstance(hop, Hop) else hop.join.keys_of


def _keys(hop: Hop | ViewHop, number: int) -> list[str]:
    """The columns of `raw_table` with the keys that a row looks up in a join."""
    return [quoted(f"join_{number}_{n}") for n in range(len(keys_asked(hop)))]


def indexed(hop: Hop | ViewHop, number: int) -> list[list[str]]:
    """The lists of those columns by which rows are found."""
    columns = _keys(hop, number)
    if isinstance(hop, Hop):
        return [columns]
    return [[columns[n] for n in places] for places in dict.fromkeys(r.places for r in hop.reached)]


def _hop(layout: Layout, join: Join, number: int, rows: Layout) -> Hop:
    table = raw_table(layout)
    match = join.match
    found = find_sql(rows) if match is None else following_sql(rows, match)
    hop = Hop(join, rows, _keys_sql(layout, join, join.rows.keys), found, "", "")
    keys = _keys(hop, number)
    same = [f"{c} = ?" for c in keys]
    note = f"UPDATE {table} SET {', '.join(same)} WHERE _seq = ?;\n"
    if match is not None:
        return replace(hop, note_sql=note, reached_sql=reached_sql(table, same, match))
    within = [] if join.rows.ttl is None else [f"_tau <= ? + {join.rows.ttl}"]
    return replace(
        hop,
        note_sql=note,
        reached_sql=f"SELECT _seq FROM {table}\n{conjunction([*same, '_tau >= ?', *within])};\n",
    )


def _view_hop(project: Project, layout: Layout, join: ViewJoin, number: int) -> ViewHop:
    read = readers(project, join.pairs)
    beside = dict.fromkeys(v.name for r in read for v in (*read_beside(project, r), r))
    sources = dict.fromkeys(s for r in read for s in read_sources(project, r))
    hop = ViewHop(join, _keys_sql(layout, join, join.keys_of), "", (), tuple(sources), tuple(beside))
    columns = _keys(hop, number)
    # a view of everything has no key to keep, and the statement needs something to set
    same = ", ".join(f"{c} = ?" for c in columns) or "_seq = _seq"
    spans = {reader.name: reach(project, join.pairs, reader) for reader in read}
    reached = tuple(_reach(raw_table(layout), join, reader, columns, spans[reader.name]) for reader in read)
    return replace(hop, note_sql=f"UPDATE {raw_table(layout)} SET {same} WHERE _seq = ?;\n", reached=reached)


def _reach(table: str, join: ViewJoin, reader: View, columns: Sequence[str], span: int | None) -> Reach:
    names = [k.name for k in join.keys_of]
    places = tuple(names.index(k.name) for k in reader.keys)
    types = tuple((k.type, join.keys_of[n].type) for k, n in zip(reader.keys, places, strict=True))
    within = [] if span is None else [f"_tau <= ? + {span}"]
    same = [f"{columns[n]} = ?" for n in places]
    sql = f"SELECT _seq FROM {table}\n{conjunction([*same, '_tau >= ?', '_enter >= ?', *within])};\n"
    return Reach(reader.name, places, types, span is not None, sql)


def _raw_sql(layout: Layout, columns: tuple[tuple[Column, str], ...]) -> str:
    """The rows of a batch that a view's joins are made for, as they are kept."""
    source = layout.source
    ctes = Ctes()
    rows = batch_rows(ctes, source, {c.name for c, _ in columns} | _instants(source))
    enter = f"greatest({TIME}, {ARRIVAL})"
    items = ["_row", "NULL AS _fault", f"{TIME} AS _tau", f"{enter} AS _enter"]
    items += [named(encoded_sql(quoted(c.name), c.type), column) for c, column in columns]
    return ctes.query(select(items, f"FROM {rows}\n{conjunction(row_conditions(source))}\nORDER BY _row")) + ";\n"


def _instants(source: Source) -> set[str]:
    expressions = (source.time, source.available_at, source.deleted)
    return {r.column for e in expressions if e is not None for r in e.refs if isinstance(r, ColumnRef)}


def _keys_sql(layout: Layout, join: Join | ViewJoin, keys: Sequence[Key]) -> str:
    source = layout.source
    ctes = Ctes()
    rows = batch_rows(ctes, source, {c.name for c, _ in raw_columns(layout)}, kept=True)
    enter = f"greatest({TIME}, {ARRIVAL})"
    items = ["_row", f"{TIME} AS _tau", f"{enter} AS _enter"]
    for number, (expr, key) in enumerate(zip(join.keys, keys, strict=True)):
        items.append(f"{encoded_sql(f'({src.render(expr)})', key.type)} AS key_{number}")
    return ctes.query(select(items, f"FROM {rows}\nORDER BY _row")) + ";\n"


def find_sql(rows: Layout) -> str:
    """(holds, τ, valid_to, columns …) of the newest row of a key with `τ <= :t`, by what was known at `:k`."""
    known = [f"{rows.enter} <= :k"]
    if rows.superseded:
        known.append(f"({rows.superseded} IS NULL OR {rows.superseded} > :k)")
    same = [f"{c} = :{p}" for (_, c, _), p in zip(rows.keys, key_parameters(rows), strict=True)]
    valid_to = "_valid_to" if rows.source.valid_to is not None else "NULL"
    order = ["_tau DESC", *(["_version DESC"] if rows.versioned else [])]
    items = ", ".join(["_holds", "_tau", valid_to, *rows.states.values()])
    where = conjunction([*same, "_tau <= :t", *known])
    return f"SELECT {items}\nFROM {rows.events}\n{where}\nORDER BY {', '.join(order)}\nLIMIT 1;\n"

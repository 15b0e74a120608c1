"""What a view costs online: bytes per entity, rows and tiles per read (`featc explain`).

From the online store's own contents where it has rows of the view, else from the source's: how many rows, entities
and instants there are. What a read touches follows from the windows' edges and from rows that lie evenly in time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path

import duckdb

from featc.encoding import storage
from featc.lower.online import ViewPlan
from featc.lower.online_joins import keys_asked
from featc.lower.online_lift import event_columns
from featc.lower.online_read import ReadPlan
from featc.lower.online_store import key_columns, tile_columns
from featc.lower.source import key_sql, quoted, version_order
from featc.lower.training.census import census_sql
from featc.resolve.model import Source
from featc.runtime.online.calendars import begins
from featc.visibility import edges

_FILL = 1.35
"""A page's bytes to those of the rows on it: rows of many entities come in turn, which splits pages."""
_ROW = 6
"""Bytes of a row beside its columns: its place on the page and the length of its header."""
_SIZES = {"INTEGER": 5, "REAL": 8, "BLOB": 12}


@dataclass(frozen=True, slots=True)
class Amounts:
    """What there is of a view: entities, rows, the most rows of one entity, first and last τ in µs, and tiles; how
    long texts are. `bytes`, and those of the versions of its source, are None where they have to be estimated;
    `counted` says in words where all this is from."""

    counted: str
    entities: int
    rows: int
    most: int
    first: int
    last: int
    tiles: float
    text: float
    bytes: int | None = None
    version_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Averages over a view's entities. `rows_per_read` and `tiles_per_read` are what one read at the newest instant
    takes, all windows together."""

    counted: str
    entities: int
    rows_per_entity: float
    most_rows: int
    tiles_per_entity: float
    bytes_per_entity: float
    version_bytes_per_entity: float
    measured: bool
    rows_per_read: float
    tiles_per_read: float


def cost_of(plan: ViewPlan, read: ReadPlan, amounts: Amounts) -> Cost | None:
    """The cost of a view of which there is so much; None where there is nothing."""
    if not amounts.entities or not amounts.rows:
        return None
    each = amounts.rows / amounts.entities
    total = amounts.bytes if amounts.bytes is not None else estimated_bytes(plan, amounts)
    held = amounts.version_bytes
    versions = held if held is not None else _version_bytes(plan, amounts)
    rows, tiles = _per_read(read, amounts, each)
    return Cost(
        amounts.counted,
        amounts.entities,
        each,
        amounts.most,
        amounts.tiles / amounts.entities,
        total / amounts.entities,
        versions / amounts.entities,
        amounts.bytes is not None,
        rows,
        tiles,
    )


# ── what there is ─────────────────────────────────────────────────────────────────────────────────────────────────


def store_amounts(path: Path, plan: ViewPlan) -> Amounts | None:
    """What the store at `path` holds of a view; None where it holds nothing."""
    if not path.exists():
        return None
    layout = plan.layout
    keys = ", ".join(key_columns(layout)) or "''"
    per_entity = f"SELECT count(*) AS n, min(_tau) AS first, max(_tau) AS last FROM {layout.events} GROUP BY {keys}"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        try:
            found = store.execute(f"SELECT count(*), sum(n), max(n), min(first), max(last) FROM ({per_entity})")
            entities, rows, most, first, last = found.fetchone()
            if not entities:
                return None
            tiles = store.execute(f"SELECT count(*) FROM {layout.tiles}").fetchone()[0] if layout.tiled else 0
            text = _text_length(store, plan)
        except sqlite3.Error:
            return None  # no tables of the view as it is defined now
        kept = [plan.joins.table] if plan.joins else []
        used = _pages(store, [layout.events, *([layout.tiles] if layout.tiled else []), *kept])
        versions = _pages(store, [layout.stream.table]) if layout.stream else 0
    return Amounts("the online store", entities, rows, most, first, last, tiles, text, used, versions)


def _text_length(store: sqlite3.Connection, plan: ViewPlan) -> float:
    texts = [name for name, type_ in event_columns(plan.layout) if type_ == "TEXT"]
    if not texts:
        return 0.0
    lengths = " + ".join(f"coalesce(length({name}), 0)" for name in texts)
    found = store.execute(f"SELECT avg({lengths}) FROM (SELECT * FROM {plan.layout.events} LIMIT 1000)").fetchone()[0]
    return float(found or 0) / len(texts)


def _pages(store: sqlite3.Connection, tables: Sequence[str]) -> int | None:
    """Bytes of the tables' and their indexes' pages; None where this SQLite was built without `dbstat`."""
    listed = ", ".join("?" * len(tables))
    names = f"SELECT name FROM sqlite_schema WHERE tbl_name IN ({listed})"
    try:
        bare = [table.strip('"') for table in tables]
        found = store.execute(f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({names})", bare).fetchone()[0]
    except sqlite3.Error:
        return None
    return None if found is None else int(found)


def source_amounts(connection: duckdb.DuckDBPyConnection, source: Source, plan: ViewPlan) -> Amounts | None:
    """What the source's data would make of a view in an online store; None where it cannot be read or is empty."""
    keys = [key_sql(k) for k in plan.layout.view.keys]
    texts = [quoted(c.name) for c in source.columns if c.type == "VARCHAR"]
    try:
        entities, rows, most, first, last, text = connection.execute(census_sql(source, keys, texts)).fetchall()[0]
    except duckdb.Error:
        return None
    if not entities:
        return None
    width = plan.layout.width
    tiles = 0.0
    if plan.layout.tiled and width is not None:
        tiles = entities * _occupied(rows / entities, max(last - first, 1), width, (last - first) / width)
    return Amounts("the source", entities, rows, most, first, last, tiles, float(text or 0))


def _occupied(rows: float, span: float, width: int, buckets: float) -> float:
    """How many of an entity's buckets hold a row, when its rows lie evenly in time."""
    return buckets * (1 - exp(-rows * min(width / span, 1)))


# ── bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def estimated_bytes(plan: ViewPlan, amounts: Amounts) -> float:
    """Bytes of a view's tables and indexes, by the sizes of their columns."""
    layout = plan.layout

    def size(columns: Sequence[tuple[str, str]]) -> float:
        return sum(1 + _column_size(layout.source, name, type_, amounts.text) for name, type_ in columns)

    own = event_columns(layout)
    numbers = [("_seq", "INTEGER"), *([("_superseded", "INTEGER")] if layout.stream else [])]
    row = _ROW + size([*own, *numbers])
    if layout.stream:  # the index by number repeats the table's own key
        keyed = [(column, storage(type_)) for _, column, type_ in layout.keys]
        order = [("_order", "BLOB")] if layout.ordered else []
        row += _ROW + size([("_seq", "INTEGER"), *keyed, ("_tau", "INTEGER"), *order])
    if plan.joins:  # the rows as they came, with what they look up, and an index for each join
        came = [("_seq", "INTEGER"), ("_tau", "INTEGER"), ("_enter", "INTEGER")]
        came += [(name, storage(column.type)) for column, name in plan.joins.columns]
        asked = [("key", storage(k.type)) for hop in plan.joins.hops for k in keys_asked(hop)]
        row += _ROW + size([*came, *asked]) + size([*asked, *[("_tau", "INTEGER")] * len(plan.joins.hops)])
    tiles = amounts.tiles * (_ROW + size(tile_columns(layout))) if layout.tiled else 0.0
    return _FILL * (amounts.rows * row + tiles)


def _version_bytes(plan: ViewPlan, amounts: Amounts) -> float:
    """Bytes of the versions behind a view: each lies in a table and once more in the index of identities."""
    stream, source = plan.layout.stream, plan.layout.source
    if stream is None:
        return 0.0
    identity = sum(amounts.text if storage(type_) == "TEXT" else 5 for _, _, type_ in stream.identity)
    each = identity + _column_size(source, "_version", "BLOB", amounts.text) + _ROW
    return _FILL * amounts.rows * (2 * each + 16)


def _column_size(source: Source, name: str, type_: str, text: float) -> float:
    if name in ("_tau", "_alpha", "_enter", "_start", "_settled_at", "_valid_to"):
        return 8
    if name == "_superseded":
        return 2  # mostly NULL
    if name == "_place":
        return 1 + sum(text + 2 if source.column(c).type == "VARCHAR" else 9 for c in source.key)
    if name == "_order":  # a sort key of tie_break…, α, id
        ordered = [source.column(c).type for c in (*source.tie_break, *source.told_by)]
        return 9 + sum(text + 2 if t == "VARCHAR" else 9 for t in ordered)
    if name == "_version":
        return sum(text + 2 if source_type == "VARCHAR" else 9 for source_type in _version_types(source))
    return text if type_ == "TEXT" else _SIZES.get(type_, 8)


def _version_types(source: Source) -> list[str]:
    types = {quoted(c.name): c.type for c in source.columns}
    return [types.get(column, "BIGINT") for column in version_order(source)]


# ── a read ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _per_read(read: ReadPlan, amounts: Amounts, each: float) -> tuple[float, float]:
    """(rows, tiles) that a read just after the newest row takes, of an entity with average rows."""
    spread = _Spread(amounts.first, amounts.last, each)
    t = amounts.last + 2  # sees the newest row, whatever is open
    closed = read.layout.view.closed
    rows = float(len(read.picks)) + (1.0 if read.lookup_sql else 0.0)
    for members in read.members:
        edge = edges(members.window, t, closed, begins)
        found = spread.rows(edge.after, edge.upto)
        rows += found if members.window.rows is None else min(found, members.window.rows)
    both = [edges(window, t, closed, begins) for window in read.windows]
    cuts = {amounts.first - 1 if e.after is None else e.after for e in both} | {e.upto for e in both}
    bands = list(pairwise(sorted(cuts)))
    if read.sets and bands:
        rows += len(read.sets) * spread.rows(bands[0][0], bands[-1][1])
    tiles = 0.0
    width = read.layout.width if read.tiled else None
    for after, upto in bands if read.bands_sql else ():
        raw, whole = spread.band(after, upto, width)
        rows, tiles = rows + raw, tiles + whole
    return rows, min(tiles, amounts.tiles / amounts.entities)


@dataclass(frozen=True, slots=True)
class _Spread:
    """An entity's rows, evenly from the first to the last instant."""

    first: int
    last: int
    each: float

    def rows(self, after: int | None, upto: int) -> float:
        """How many lie in (after, upto]."""
        low = self.first - 1 if after is None else max(after, self.first - 1)
        return self.each * max(min(upto, self.last) - low, 0) / (self.last - self.first + 1)

    def band(self, after: int, upto: int, width: int | None) -> tuple[float, float]:
        """(rows, tiles) read for a band: its whole tiles but the newest, which is open, and the rows beside them."""
        if width is None:
            return self.rows(after, upto), 0.0
        low = max(-(-(after + 1) // width), self.first // width) * width
        high = min((upto + 1) // width, self.last // width) * width
        if low >= high:
            return self.rows(after, upto), 0.0
        tiles = _occupied(self.each, max(self.last - self.first, 1), width, (high - low) / width)
        return self.rows(after, low - 1) + self.rows(high - 1, upto), tiles

"""Online eviction: SQLite SQL that drops what no read at or after the store's horizon H can see (semantics.md, "Events
and versions").

What goes never changes a value at `t >= H`:

* Versions superseded before every such `t`, and the rows they brought.
* Where the source says `final_after: D`, the rows with `τ < H - D`, as far as no window that begins in them can still
  be asked for. Nothing can change these rows any more: a version that arrives at H or later is too late for them. So
  all of them have entered, none is superseded, and every window of `t >= H` holds all of them or none. Their tiles
  become one tile per entity, for the windows that hold all; order-dependent states and sets keep the rows that answer
  for the others, and a state view keeps the row that holds.

Parameters: `:gone`, the greatest α of a successor that every read sees; `:before`, the first τ whose rows stay;
`:horizon`, H.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featc.algebra import Kind
from featc.decompose import Cell
from featc.lower.ctes import select
from featc.lower.online_layout import Layout, Stream, is_banded
from featc.lower.online_store import compacted_sql, key_columns, merged_states, tile_insert
from featc.lower.source import literal
from featc.resolve.model import StateRef, Window
from featc.visibility import Begins, edges, horizon

_ORDERED = (Kind.FIRST, Kind.LAST, Kind.PICK_MIN, Kind.PICK_MAX)
BOUNDARY_SQL = "INSERT OR REPLACE INTO featc_compacted (name, before) VALUES (:name, :before);\n"


@dataclass(frozen=True, slots=True)
class EvictPlan:
    """The texts that evict one view, in the order they run; None where there is nothing of the kind.

    `open_sql` gives (key …, start) of the tiles to be built first (`seal_sql`): the newest ones of entities all of
    whose rows go. `kept` says in words why rows before `:before` stay, or is None where they can go.
    """

    superseded_sql: str | None
    reopened_sql: str | None
    open_sql: str | None
    merge_sql: str | None
    tiles_sql: str | None
    rows_sql: str | None
    empty_sql: str | None
    kept: str | None


def looks_up(layout: Layout) -> bool:
    """Whether a feature of the view, or an event that joins it, needs the state row that holds."""
    return layout.view.beside or any(isinstance(r, StateRef) for f in layout.view.features for r in f.expr.refs)


def unbounded(layout: Layout) -> str | None:
    """Why a view needs all its rows for ever, in words; None where rows can go once they are final."""
    if layout.looked_into:
        return "an event of any age may still come that joins it"
    if layout.view.attributed is not None:
        return "what matches them may still change"
    if layout.view.joins:
        return "what its joins look up may still change"
    if layout.source.final_after is None:
        what = "a version of any event" if layout.stream is not None else "a row of any age"
        return f"{layout.source.name} has no final_after, so {what} may still come"
    if layout.source.in_dumps:
        return "the dump in force may be of any age"
    if layout.placed:
        return "a row of any age may hold until the next of its key comes"
    for cell in layout.parts.cells:
        if cell.window.since is not None:
            return f"{cell.window.name} begins with an event that may be any distance back"
        if _is_lifetime(cell.window) and not (_is_tiled(layout, cell) or cell.window.rows or _picked(cell)):
            return f"{cell.partial.name} over {cell.window.name} is folded from all its rows"
    return None


def _is_lifetime(window: Window) -> bool:
    return not window.bounded


def _is_tiled(layout: Layout, cell: Cell) -> bool:
    return is_banded(cell) and cell.partial in layout.tiled


def _picked(cell: Cell) -> bool:
    """Whether a few rows of a state's answer for the others."""
    return cell.partial.kind in (*_ORDERED, Kind.DISTINCT)


def gone(layout: Layout, at: int) -> int:
    """The greatest α of a successor that every read at or after `at` sees."""
    return horizon(at, layout.view.closed)


def first_kept(layout: Layout, at: int, begins: Begins) -> int | None:
    """The first τ whose rows stay under the horizon `at`; None where all do. The start of a tile, where there are
    tiles."""
    if unbounded(layout) is not None or layout.source.final_after is None:
        return None
    closed = layout.view.closed
    bounds = [at - layout.source.final_after]
    for window in layout.parts.windows:
        edge = edges(window, at, closed, begins)
        bounds.append((edge.upto if edge.after is None else edge.after) + 1)
    if looks_up(layout) and layout.view.ttl is not None:
        after = edges(Window("ttl", layout.view.ttl), at, closed).after
        bounds += [] if after is None else [after + 1]
    found = min(bounds)
    return found // layout.width * layout.width if layout.tiled and layout.width else found


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def evict_plan(layout: Layout) -> EvictPlan:
    """The texts that evict a view."""
    kept = unbounded(layout)
    tiled = kept is None and bool(layout.tiled)
    lifetime = any(_is_lifetime(c.window) and _is_tiled(layout, c) for c in layout.parts.cells)
    superseded = f"DELETE FROM {layout.events} WHERE _superseded <= :gone;\n" if layout.superseded else None
    empty = f"DELETE FROM {layout.tiles} WHERE _rows = 0 AND _settled_at <= :gone;\n"
    return EvictPlan(
        superseded_sql=superseded,
        reopened_sql=reopened_sql(layout) if layout.tiled and layout.superseded else None,
        open_sql=open_sql(layout) if tiled else None,
        merge_sql=merge_sql(layout) if tiled and lifetime else None,
        tiles_sql=tiles_sql(layout, merged=lifetime) if tiled else None,
        rows_sql=rows_sql(layout) if kept is None else None,
        empty_sql=empty if layout.tiled and layout.superseded else None,
        kept=kept,
    )


def _grouped(layout: Layout) -> str:
    """The keys to group or partition by; a view of one entity has none, and SQLite wants something."""
    return ", ".join(key_columns(layout)) or "''"


def reopened_sql(layout: Layout) -> str:
    """Drops the tiles from the newest row's on: the newest one is open, and superseded rows that went may have been
    the newest before."""
    same = [f"e.{k} = {layout.tiles}.{k}" for k in key_columns(layout)]
    begins = compacted_sql(layout)
    if layout.source.final_after is not None:
        same.append(f"e._tau >= {begins}")
    where = f" WHERE {' AND '.join(same)}" if same else ""
    newest = f"SELECT max(e._tau) FROM {layout.events} e{where}"
    return f"DELETE FROM {layout.tiles} WHERE _start > coalesce(({newest}) - {layout.width}, {begins} - 1);\n"


def open_sql(layout: Layout) -> str:
    """(key …, start) of the tile of the newest row, where that lies before `:before`: it was never built."""
    width = layout.width
    start = f"max(_tau) - ((max(_tau) % {width}) + {width}) % {width}"
    return (
        select([*key_columns(layout), start], f"FROM {layout.events}\nWHERE _tau >= {compacted_sql(layout)}")
        + f"\nGROUP BY {_grouped(layout)}\nHAVING max(_tau) < :before;\n"
    )


def merge_sql(layout: Layout) -> str:
    """Puts one tile in the place of an entity's first: the union of all before `:before`."""
    keys = key_columns(layout)
    lead = [*keys, "min(_start)", "max(_settled_at)", "sum(_rows)"]
    old = f"(SELECT * FROM {layout.tiles} WHERE _start < :before)"
    states = merged_states(layout, lead, old, keys)
    return tile_insert(layout, f"{states}\nGROUP BY {_grouped(layout)}\nHAVING count(*) > 1")


def tiles_sql(layout: Layout, *, merged: bool) -> str:
    """Drops the tiles before `:before`; where they are merged, all but an entity's first."""
    text = f"DELETE FROM {layout.tiles} WHERE _start < :before"
    if merged:
        same = " AND ".join(["o._start < :before", *(f"o.{k} = {layout.tiles}.{k}" for k in key_columns(layout))])
        text += f" AND _start > (SELECT min(o._start) FROM {layout.tiles} o WHERE {same})"
    return text + ";\n"


def rows_sql(layout: Layout) -> str:
    """Drops the rows before `:before`, but for those that answer for all of them."""
    text = f"DELETE FROM {layout.events} WHERE _tau < :before"
    for witness in _witnesses(layout):
        text += f"\n  AND _seq NOT IN ({witness})"
    return text + ";\n"


def _witnesses(layout: Layout) -> tuple[str, ...]:
    """SELECTs of the `_seq` of rows that stay: for states over a lifetime that tiles do not hold, and the row that
    holds."""
    order = ["_tau", *(["_order"] if layout.ordered else [])]
    holds = ["_holds"] if layout.is_state else []
    found: dict[str, None] = {}
    for cell in layout.parts.cells:
        if not _is_lifetime(cell.window) or _is_tiled(layout, cell):
            continue
        slots = [layout.slots[s].column for s in cell.partial.slots]
        present = [f"{c} IS NOT NULL" for c in slots]
        match cell.partial.kind:
            case _ if cell.window.rows is not None:
                newest = [f"{c} DESC" for c in (*order, *slots)]
                found[_first_rows(layout, newest, holds, cell.window.rows)] = None
            case Kind.DISTINCT:
                found[_first_rows(layout, ["_seq"], [*holds, *present], 1, slots)] = None
            case Kind.FIRST | Kind.LAST as kind:
                way = "DESC" if kind is Kind.LAST else "ASC"
                found[_first_rows(layout, [f"{c} {way}" for c in (*order, *slots)], [*holds, *present], 1)] = None
            case kind:
                best = f"{slots[1]} {'DESC' if kind is Kind.PICK_MAX else 'ASC'}"
                ordering = [best, *(f"{c} ASC" for c in (*order, slots[0]))]
                found[_first_rows(layout, ordering, [*holds, *present], 1)] = None
    if looks_up(layout) and layout.view.ttl is None:
        newest = ["_tau DESC", *(["_version DESC"] if layout.versioned else [])]
        found[_first_rows(layout, newest, [], 1)] = None
    return tuple(found)


def _first_rows(
    layout: Layout, ordering: Sequence[str], conditions: Sequence[str], rows: int, apart: Sequence[str] = ()
) -> str:
    """The `_seq` of an entity's first rows, among those before `:before`, in an order; `apart` for each value too."""
    parts = ", ".join([*key_columns(layout), *apart])
    over = f"{f'PARTITION BY {parts} ' if parts else ''}ORDER BY {', '.join(ordering)}"
    where = " AND ".join(["_tau < :before", *conditions])
    return (
        f"SELECT _seq FROM (SELECT _seq, row_number() OVER ({over}) AS n FROM {layout.events} WHERE {where})"
        f" WHERE n <= {rows}"
    )


def carry_sql(stream: Stream) -> str | None:
    """Notes with the versions that stay the least τ of those before them that go: it still says what is too late."""
    if stream.final_after is None:
        return None
    same = " AND ".join(f"p.{c} = {stream.table}.{c}" for c, _, _ in stream.identity)
    before = f"FROM {stream.table} p WHERE {same} AND p._version"
    return (
        f"UPDATE {stream.table}\nSET _first = (SELECT min(p._first) {before} <= {stream.table}._version)\n"
        f"WHERE (_superseded IS NULL OR _superseded >= :horizon)\n"
        f"  AND EXISTS (SELECT 1 {before} < {stream.table}._version AND p._superseded < :horizon);\n"
    )


def versions_sql(stream: Stream) -> str:
    """Drops the versions that were superseded before the horizon. The newest of an event stays, whatever its age."""
    return f"DELETE FROM {stream.table} WHERE _superseded < :horizon AND _arrival < :horizon;\n"


def sections(layout: Layout, plan: EvictPlan, seal_sql: str | None) -> list[tuple[str, str]]:
    """(title, text) of a view's eviction, in the order it runs."""
    listed: list[tuple[str, str | None]] = [
        ("rows: superseded before every read", plan.superseded_sql),
        ("tiles: open again", plan.reopened_sql),
        ("tiles: open ones whose rows go", plan.open_sql),
        ("tiles: build", seal_sql if plan.open_sql else None),
        ("tiles: merge into one", plan.merge_sql),
        ("tiles: drop", plan.tiles_sql),
        ("rows: final, and behind every window that does not hold all of them", plan.rows_sql),
        ("tiles: empty", plan.empty_sql),
    ]
    found = [(title, text) for title, text in listed if text is not None]
    if plan.rows_sql is not None:
        found.append((f"where rows begin, as {literal(layout.events)}", BOUNDARY_SQL))
    if layout.stream is not None:
        carried = carry_sql(layout.stream)
        found += [("versions: the least time of what goes", carried)] if carried else []
        found.append(("versions: superseded before the horizon", versions_sql(layout.stream)))
    return found

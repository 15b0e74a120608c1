"""Online read: SQLite SQL that brings the raw states of a view's windows at one instant, in one statement per kind.

`bands`: all edges of the view's windows, sorted, cut time into disjoint bands, and every window is some of them. A
band's states come from whole, settled tiles inside it and from the rows at its edges; the algebra merges them.
`picks`, `sets`, `members`: what depends on event order or is a set is read from the rows themselves.
`lookup`: the state row that holds.
`history`: every visible row of the widest window in event order, which is what `bands` is tested against.

Parameters: the keys, `:t` and `:k` in µs, and per band and window the edges `featc.visibility` gives. Rows count by
what was known at `:k`, which is `:t` but where features are joined onto events, and then no earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

from featc.algebra import Kind
from featc.decompose import Cell, Partial, Parts
from featc.lower.ctes import conjunction, indent, select
from featc.lower.online_layout import Layout, is_banded
from featc.lower.online_store import (
    key_conditions,
    merged_fields,
    merged_means,
    newest_conditions,
    raw_fields,
    raw_means,
    tile_fields,
)
from featc.resolve.model import Window
from featc.visibility import edges, horizon_sql, visible_sql
from featc_dialects.sqlite import MOST_TERMS, SPELLINGS


@dataclass(frozen=True, slots=True)
class Pick:
    """A state of one row in event order. The statement gives (pick's number, what the algebra's state holds …)."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Members:
    """Rows for states that are folded in process: of one window, with the slots they need."""

    window: Window
    slots: tuple[str, ...]
    cells: tuple[Cell, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Sets:
    """The distinct values of a slot per band."""

    partial: Partial
    cells: tuple[Cell, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What a read of some of a view's aggregations executes.

    `windows` are those read by bands; `bands` how many there can be; `partials` the columns of a band's row after
    (band, rows).
    """

    layout: Layout
    parts: Parts
    windows: tuple[Window, ...]
    bands: int
    partials: tuple[Partial, ...]
    cells: tuple[Cell, ...]
    bands_sql: str | None
    picks: tuple[Pick, ...]
    picks_sql: tuple[str, ...]
    sets: tuple[Sets, ...]
    members: tuple[Members, ...]
    lookup_sql: str | None

    @property
    def tiled(self) -> bool:
        """Whether the bands' parameters say which whole tiles they hold."""
        return self.bands_sql is not None and bool(self.layout.tiled)


_ORDERED = (Kind.FIRST, Kind.LAST, Kind.PICK_MIN, Kind.PICK_MAX)


def seen_conditions(layout: Layout) -> list[str]:
    # the plus keeps SQLite from taking this bound on τ for the scan instead of the window's own, nearer one
    enter = "+_tau" if layout.enter == "_tau" else layout.enter
    visible = visible_sql(enter, layout.superseded, ":k", layout.view.closed)
    return [*key_conditions(layout), *(["_holds"] if layout.is_state else []), visible]


def _seen(layout: Layout) -> str:
    """The CTE of the rows known at `:k`; the store reads it where it is used, by the clustered key."""
    body = f"SELECT * FROM {layout.events}\n{conjunction(seen_conditions(layout))}"
    return f"WITH seen AS NOT MATERIALIZED (\n{indent(body)}\n)\n"


def _order(layout: Layout) -> list[str]:
    return ["_tau", *(["_order"] if layout.ordered else [])]


# ── bands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def count_bands(windows: tuple[Window, ...], layout: Layout) -> int:
    """The most bands the windows' edges can make: one less than the cuts they can make in time.

    Edges without a hop move with `t`, so that two of them are one cut always or never; an edge with a hop, or of a
    calendar, may fall together with another at some instants, and counts for itself.
    """
    cuts: set[object] = set()
    for window in windows:
        if window.hop is None and window.calendar is None:
            at_zero = edges(window, 0, layout.view.closed)
            cuts |= {at_zero.after, at_zero.upto}
        else:
            cuts |= {("after", window), ("upto", window)}
    return max(len(cuts) - 1, 1)  # a window that is always empty still needs a band to be empty in


def _floor(value: str, width: int) -> str:
    return f"{value} - (({value} % {width}) + {width}) % {width}"


def band_values(layout: Layout, bands: int) -> str:
    """The bands as a table: (after, upto] of each, and with tiles [first, end), the whole tiles inside it."""
    names = ["after", "upto", *(["first", "past"] if layout.tiled else [])]
    columns = ", ".join(f"_{name}" for name in names)
    rows = ", ".join(f"({', '.join([str(n), *(f':{name}_{n}' for name in names)])})" for n in range(bands))
    return f"band (_band, {columns}) AS (VALUES {rows})"


def tile_ctes(layout: Layout, partials: tuple[Partial, ...]) -> list[str]:
    """`tile`: the whole tiles inside each band. `stretch`: what has to be read row by row, the edges of the bands,
    the tiles that are not settled at `:k`, and the entity's newest tile, which is never built."""
    keys = " AND ".join(key_conditions(layout)) or "true"
    width = layout.width or 1
    unsettled = f"_settled_at > {horizon_sql(':k', layout.view.closed)}"
    # on its own, max is one step down the clustered key
    newest = f"SELECT max(_tau) AS tau FROM {layout.events} WHERE {' AND '.join(newest_conditions(layout)) or 'true'}"
    columns = [
        "_band",
        "_start",
        "_settled_at",
        "_rows",
        *(name for p in partials for name, _ in tile_fields(p)),
    ]
    tile = (
        f"tile AS (\n    SELECT {', '.join(columns)}\n    FROM band CROSS JOIN {layout.tiles}\n"
        f"    WHERE {keys} AND _start >= _first AND _start < _past\n)"
    )
    newest_tile = f"newest AS (\n    SELECT {_floor('tau', width)} AS start FROM ({newest})\n)"
    stretch = (
        "stretch (_band, _after, _upto) AS (\n"
        "    SELECT _band, _after, _first - 1 FROM band\n"
        "    UNION ALL SELECT _band, _past - 1, _upto FROM band\n"
        f"    UNION ALL SELECT _band, _start - 1, _start + {width - 1} FROM tile WHERE {unsettled}\n"
        f"    UNION ALL SELECT _band, start - 1, start + {width - 1}"
        " FROM newest JOIN band ON start >= _first AND start < _past\n)"
    )
    return [tile, newest_tile, stretch]


def _from_rows(layout: Layout, partials: tuple[Partial, ...]) -> tuple[list[str], str]:
    """(CTEs, SELECT) of the states of the rows, band by band."""
    seen = " AND ".join(seen_conditions(layout))
    columns = {s: layout.slots[s] for p in partials for s in p.slots}
    kept = ["_band", *(c for slot in columns.values() for c in (slot.column, slot.real) if c)]
    stretches = "stretch" if layout.tiled else "band"
    rows = (
        f"seen AS {'' if _centred(partials) else 'NOT '}MATERIALIZED (\n    SELECT {', '.join(kept)}\n"
        f"    FROM {stretches} CROSS JOIN {layout.events}\n"
        f"    WHERE {seen}\n      AND _tau > _after AND _tau <= _upto\n)"
    )
    ctes, origin = [rows], "FROM seen"
    means = raw_means(layout, partials)
    if means:
        ctes.append(f"mean AS (\n    SELECT _band, {', '.join(means)} FROM seen GROUP BY _band\n)")
        origin = "FROM seen JOIN mean USING (_band)"
    items = ["_band", "count(*)", *(f for p in partials for f in raw_fields(layout, p))]
    return ctes, select(items, f"{origin}\nGROUP BY _band")


def _centred(partials: tuple[Partial, ...]) -> bool:
    """Whether a state is computed around a mean, so that its rows are read twice."""
    return any(SPELLINGS[p.kind].raw_mean for p in partials)


def _from_tiles(layout: Layout, partials: tuple[Partial, ...]) -> tuple[list[str], str]:
    """(CTEs, SELECT) of the states of the settled tiles, band by band."""
    items = ["_band", "sum(_rows)", *(f for p in partials for f in merged_fields(p))]
    means = merged_means(partials)
    settled = f"WHERE _settled_at <= {horizon_sql(':k', layout.view.closed)}"
    ctes, origin = [], "FROM tile"
    if means:
        ctes.append(f"tile_mean AS (\n    SELECT _band, {', '.join(means)} FROM tile\n    {settled} GROUP BY _band\n)")
        origin = "FROM tile JOIN tile_mean USING (_band)"
    return ctes, select(items, f"{origin}\n{settled}\nGROUP BY _band")


def bands_sql(layout: Layout, partials: tuple[Partial, ...], bands: int) -> str:
    """(band, rows, fields of each partial state …), up to two rows a band: its tiles and its other rows."""
    ctes, rows = _from_rows(layout, partials)
    found = [band_values(layout, bands), *(tile_ctes(layout, partials) if layout.tiled else []), *ctes]
    text = rows
    if layout.tiled:
        ctes, tiles = _from_tiles(layout, partials)
        found += ctes
        text = f"{rows}\nUNION ALL\n{tiles}"
    return "WITH\n" + ",\n".join(found) + f"\n{text};\n"


# ── picks, sets, members ──────────────────────────────────────────────────────────────────────────────────────────


def _within(number: int, window: Window) -> str:
    after = f"_tau > :pick_after_{number} AND " if window.bounded else ""
    return f"{after}_tau <= :pick_upto_{number}"


def pick_sql(layout: Layout, number: int, cell: Cell) -> str:
    """The one row an order-dependent state is about: (number, τ, order, value, by)."""
    x = layout.slots[cell.partial.slots[0]].column
    order = _order(layout)
    placed = ["_tau", "_order" if layout.ordered else "NULL"]
    within = [_within(number, cell.window), f"{x} IS NOT NULL"]
    kind = cell.partial.kind
    if kind is Kind.FIRST or kind is Kind.LAST:
        way = "DESC" if kind is Kind.LAST else "ASC"
        by, ordering = "NULL", [f"{c} {way}" for c in (*order, x)]
    else:
        y = layout.slots[cell.partial.slots[1]].column
        within.append(f"{y} IS NOT NULL")
        by, ordering = (
            y,
            [f"{y} {'DESC' if kind is Kind.PICK_MAX else 'ASC'}", *(f"{c} ASC" for c in (*order, x))],
        )
    items = ", ".join([str(number), *placed, x, by])
    return (
        f"SELECT * FROM (SELECT {items} FROM seen WHERE {' AND '.join(within)} ORDER BY {', '.join(ordering)} LIMIT 1)"
    )


def sets_sql(layout: Layout, partial: Partial, bands: int) -> str:
    """(band, value) of every different value in each band."""
    x = layout.slots[partial.slots[0]].column
    rows = ", ".join(f"({n}, :after_{n}, :upto_{n})" for n in range(bands))
    seen = " AND ".join(seen_conditions(layout))
    return (
        f"WITH band (_band, _after, _upto) AS (VALUES {rows})\n"
        f"SELECT DISTINCT _band, {x}\nFROM band CROSS JOIN {layout.events}\n"
        f"WHERE {seen}\n  AND _tau > _after AND _tau <= _upto AND {x} IS NOT NULL;\n"
    )


def members_sql(layout: Layout, window: Window, slots: tuple[str, ...]) -> str:
    """(τ, order, each slot …) of a window's rows, newest first, the last `rows` only where the window says so.

    Of a `since` window these are all rows, with one column more: what is not NULL where the window begins. Among equal
    rows such a one is the newest.
    """
    columns = [layout.slots[s].column for s in (*slots, *([window.since] if window.since else []))]
    after = "_tau > :after AND " if window.bounded else ""
    items = ", ".join(["_tau", "_order" if layout.ordered else "NULL", *columns])
    text = f"{_seen(layout)}SELECT {items} FROM seen WHERE {after}_tau <= :upto"
    ordering = ", ".join(f"{c} DESC" for c in (*_order(layout), *columns))
    text += f"\nORDER BY {ordering}"
    return text + (f"\nLIMIT {window.rows};\n" if window.rows is not None else ";\n")


def current_sql(layout: Layout, slots: tuple[str, ...]) -> str:
    """(τ, order, each slot …) of the rows that hold, newest first: those of the entity whose key has no newer visible
    row, of whichever entity that is; of dumps the visible ones, which are those of the dump in force."""
    closed = layout.view.closed
    columns = [f"e.{layout.slots[s].column}" for s in slots]
    order = ["_tau", *(["_version"] if layout.versioned else []), "_seq"]
    mine, other = (", ".join(f"{alias}.{c}" for c in order) for alias in ("e", "n"))
    conditions = [f"e.{c}" for c in key_conditions(layout)] + ["e._holds", _visible_as("e", layout)]
    if layout.source.valid_to is not None:
        conditions.append(f"(e._valid_to IS NULL OR e._valid_to > {horizon_sql(':t', closed)})")
    if layout.view.ttl is not None:
        conditions.append("e._tau > :after")
    if layout.placed:
        others = [f"n._place = e._place AND ({other}) > ({mine})", _visible_as("n", layout)]
        newer = select(["1"], f"FROM {layout.events} n\n{conjunction(others)}")
        conditions += ["e._place IS NOT NULL", f"NOT EXISTS (\n{indent(newer)}\n)"]
    items = ", ".join(["e._tau", "e._order" if layout.ordered else "NULL", *columns])
    ordering = ", ".join(f"{c} DESC" for c in ("e._tau", *(["e._order"] if layout.ordered else []), *columns))
    return f"SELECT {items}\nFROM {layout.events} e\n{conjunction(conditions)}\nORDER BY {ordering};\n"


def _visible_as(alias: str, layout: Layout) -> str:
    """Whether a row under an alias is visible at `:t`."""
    superseded = f"{alias}.{layout.superseded}" if layout.superseded else None
    return visible_sql(f"{alias}.{layout.enter}", superseded, ":t", layout.view.closed)


def lookup_sql(layout: Layout) -> str:
    """The newest visible state row: (holds, τ, valid_to, columns …). No older row resurfaces under it."""
    view = layout.view
    before = f"_tau <= {horizon_sql(':t', view.closed)}"  # what is known later may also lie later
    visible = visible_sql(layout.enter, layout.superseded, ":k", view.closed)
    valid_to = "_valid_to" if layout.source.valid_to is not None else "NULL"
    items = ["_holds", "_tau", valid_to, *layout.states.values()]
    order = ["_tau DESC", *(["_version DESC"] if layout.versioned else [])]
    where = conjunction([*key_conditions(layout), before, visible])
    return f"SELECT {', '.join(items)}\nFROM {layout.events}\n{where}\nORDER BY {', '.join(order)}\nLIMIT 1;\n"


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_plan(layout: Layout, parts: Parts, *, lookup: bool, banded: bool = True) -> ReadPlan:
    """How to read the aggregations of `parts`, and the state row if `lookup`.

    With `banded` False everything is folded in process from the visible rows: the reference for the rest.
    """
    cells = tuple(c for c in parts.cells if banded and is_banded(c))
    picked = tuple(c for c in parts.cells if banded and c.partial.kind in _ORDERED and c.window.by_time)
    unions = tuple(c for c in parts.cells if banded and c.partial.kind is Kind.DISTINCT and c.window.by_time)
    windows = tuple(dict.fromkeys(c.window for c in (*cells, *unions)))
    bands = count_bands(windows, layout) if windows else 0
    partials = tuple(dict.fromkeys(c.partial for c in cells))
    rest = [c for c in parts.cells if c not in (*cells, *picked, *unions)]
    picks = [pick_sql(layout, n, c) for n, c in enumerate(picked)]
    return ReadPlan(
        layout=layout,
        parts=parts,
        windows=windows,
        bands=bands,
        partials=partials,
        cells=cells,
        bands_sql=bands_sql(layout, partials, bands) if cells else None,
        picks=tuple(map(Pick, picked)),
        picks_sql=tuple(
            _seen(layout) + "\nUNION ALL\n".join(picks[n : n + MOST_TERMS]) + ";\n"
            for n in range(0, len(picks), MOST_TERMS)
        ),
        sets=_sets(layout, unions, bands),
        members=_members(layout, rest),
        lookup_sql=lookup_sql(layout) if lookup else None,
    )


def _sets(layout: Layout, cells: tuple[Cell, ...], bands: int) -> tuple[Sets, ...]:
    found = []
    for partial in dict.fromkeys(c.partial for c in cells):
        mine = tuple(c for c in cells if c.partial == partial)
        found.append(Sets(partial, mine, sets_sql(layout, partial, bands)))
    return tuple(found)


def _members(layout: Layout, cells: list[Cell]) -> tuple[Members, ...]:
    """One statement per window and slots: which rows are the last n can depend on the slots' values."""
    groups: dict[tuple[Window, tuple[str, ...]], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.window, cell.partial.slots), []).append(cell)
    return tuple(
        Members(
            window,
            slots,
            tuple(mine),
            current_sql(layout, slots) if window.current else members_sql(layout, window, slots),
        )
        for (window, slots), mine in groups.items()
    )


def sections(plan: ReadPlan) -> tuple[tuple[str, str], ...]:
    """(name, text) of the statements of a read, in the order they run."""
    found: list[tuple[str, str | None]] = [
        ("lookup: the state row that holds", plan.lookup_sql),
        ("bands: states per band", plan.bands_sql),
    ]
    found += [("picks: first, last and the like", sql) for sql in plan.picks_sql]
    found += [(f"sets: values of {s.partial.slots[0]}", s.sql) for s in plan.sets]
    found += [(f"members: rows of {m.window.name}, folded in process", m.sql) for m in plan.members]
    return tuple((name, sql) for name, sql in found if sql is not None)

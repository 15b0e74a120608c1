"""Online read: SQLite SQL that brings the raw states of a view's windows at one instant, in one statement per kind.

`bands`: all edges of the view's windows, sorted, cut time into disjoint bands, and every window is some of them. A
band's states come from whole, settled tiles inside it and from the rows at its edges; the algebra merges them.
`settled` says which tiles may not be used at `:t` and where the entity's open tile begins.
`picks`, `sets`, `members`: what depends on event order or is a set is read from the rows themselves.
`lookup`: the state row that holds.
`history`: every visible row of the widest window in event order, which is what `bands` is tested against.

Parameters: the keys, `:t` in µs, and per band and window the edges `featc.visibility` gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from featc.algebra import Kind
from featc.decompose import Cell, Partial, Parts
from featc.lower.ctes import conjunction, indent
from featc.lower.online_layout import Layout, is_banded
from featc.lower.online_store import key_conditions, mean_name, raw_fields, raw_means, tile_fields
from featc.resolve.model import Window
from featc.visibility import edges, horizon_sql, visible_sql
from featc_dialects.sqlite import SPELLINGS

# instants at which hops and their multiples fall apart, to count how many bands a view's windows can make
_SAMPLES = (0, 1, 59_999_999, 1_704_067_200_000_001, 1_709_251_199_999_999, -1_234_567_890_123_457)


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
    settled_sql: str | None
    bands_sql: str | None
    range_sql: str | None
    picks: tuple[Pick, ...]
    picks_sql: str | None
    sets: tuple[Sets, ...]
    members: tuple[Members, ...]
    lookup_sql: str | None

    @property
    def tiled(self) -> bool:
        return self.settled_sql is not None


_ORDERED = (Kind.FIRST, Kind.LAST, Kind.PICK_MIN, Kind.PICK_MAX)


def _seen_conditions(layout: Layout) -> list[str]:
    visible = visible_sql(layout.enter, layout.superseded, ":t", layout.view.closed)
    return [*key_conditions(layout), *(["_holds"] if layout.is_state else []), visible]


def _seen(layout: Layout) -> str:
    """The CTE of the rows visible at `:t`; the store reads it where it is used, by the clustered key."""
    body = f"SELECT * FROM {layout.events}\n{conjunction(_seen_conditions(layout))}"
    return f"WITH seen AS NOT MATERIALIZED (\n{indent(body)}\n)\n"


def _order(layout: Layout) -> list[str]:
    return ["_tau", *(["_order"] if layout.ordered else [])]


# ── bands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def count_bands(windows: tuple[Window, ...], layout: Layout) -> int:
    """The most bands the windows' edges can make: one less than the different functions of `t` among them."""
    found = set()
    for window in windows:
        at = [edges(window, t, layout.view.closed) for t in _SAMPLES]
        found.add(tuple(e.after for e in at))
        found.add(tuple(e.upto for e in at))
    return len(found) - 1


def _raw_arm(layout: Layout, partials: tuple[Partial, ...], band: str, after: str, upto: str) -> str:
    where = f"WHERE _tau > {after} AND _tau <= {upto}"
    items = [band, "count(*)", *(f for p in partials for f in raw_fields(layout, p))]
    means = raw_means(layout, partials)
    around = f", (SELECT {', '.join(means)} FROM seen {where})" if means else ""
    return f"SELECT {', '.join(items)} FROM seen{around} {where}"


def _tile_arm(layout: Layout, partials: tuple[Partial, ...], band: int) -> str:
    items, means = [str(band), "coalesce(sum(_rows), 0)"], []
    for partial in partials:
        spelling = SPELLINGS[partial.kind]
        columns = [name for name, _ in tile_fields(partial)]
        items += [text.format(*columns, m=mean_name(partial)) for text in spelling.merge]
        if spelling.merge_mean:
            means.append(f"{spelling.merge_mean.format(*columns)} AS {mean_name(partial)}")
    where = f"WHERE _start >= :first_{band} AND _start < :end_{band}"
    around = f", (SELECT {', '.join(means)} FROM settled {where})" if means else ""
    return f"SELECT {', '.join(items)} FROM settled{around} {where}"


def bands_sql(layout: Layout, partials: tuple[Partial, ...], bands: int) -> str:
    """(band, rows, fields of each partial state …), several rows a band where it takes tiles and rows."""
    if not layout.tiled:
        arms = [_raw_arm(layout, partials, str(n), f":after_{n}", f":upto_{n}") for n in range(bands)]
        return _seen(layout) + "\nUNION ALL\n".join(arms) + ";\n"
    arms = []
    for n in range(bands):
        arms.append(_raw_arm(layout, partials, str(n), f":after_{n}", f":first_{n} - 1"))
        arms.append(_tile_arm(layout, partials, n))
        arms.append(_raw_arm(layout, partials, str(n), f":end_{n} - 1", f":upto_{n}"))
    usable = conjunction([*key_conditions(layout), f"_settled_at <= {horizon_sql(':t', layout.view.closed)}"])
    settled = f"SELECT * FROM {layout.tiles}\n{usable}"
    head = _seen(layout).rstrip() + f",\nsettled AS NOT MATERIALIZED (\n{indent(settled)}\n)\n"
    return head + "\nUNION ALL\n".join(arms) + ";\n"


def range_sql(layout: Layout, partials: tuple[Partial, ...]) -> str:
    """The states of the rows in one stretch of a band whose tile is open or not settled."""
    return _seen(layout) + _raw_arm(layout, partials, ":band", ":after", ":upto") + ";\n"


def settled_sql(layout: Layout) -> str:
    """The newest τ of the key, then the tiles from `:first` to `:end` that are not settled at `:t`."""
    keys = conjunction(key_conditions(layout))
    unsettled = conjunction([
        *key_conditions(layout), "_start >= :first", "_start < :end",
        f"_settled_at > {horizon_sql(':t', layout.view.closed)}",
    ])
    return f"SELECT max(_tau) FROM {layout.events}\n{keys}\nUNION ALL\nSELECT _start FROM {layout.tiles}\n{unsettled};\n"


# ── picks, sets, members ──────────────────────────────────────────────────────────────────────────────────────────


def _within(number: int, window: Window) -> str:
    after = f"_tau > :pick_after_{number} AND " if window.length is not None else ""
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
        by, ordering = y, [f"{y} {'DESC' if kind is Kind.PICK_MAX else 'ASC'}", *(f"{c} ASC" for c in (*order, x))]
    items = ", ".join([str(number), *placed, x, by])
    return f"SELECT * FROM (SELECT {items} FROM seen WHERE {' AND '.join(within)} ORDER BY {', '.join(ordering)} LIMIT 1)"


def sets_sql(layout: Layout, partial: Partial, bands: int) -> str:
    """(band, value) of every different value in each band."""
    x = layout.slots[partial.slots[0]].column
    arms = [
        f"SELECT DISTINCT {n}, {x} FROM seen WHERE _tau > :after_{n} AND _tau <= :upto_{n} AND {x} IS NOT NULL"
        for n in range(bands)
    ]
    return _seen(layout) + "\nUNION ALL\n".join(arms) + ";\n"


def members_sql(layout: Layout, window: Window, slots: tuple[str, ...]) -> str:
    """(τ, order, each slot …) of a window's rows, newest first, the last `rows` only where the window says so."""
    columns = [layout.slots[s].column for s in slots]
    after = "_tau > :after AND " if window.length is not None else ""
    items = ", ".join(["_tau", "_order" if layout.ordered else "NULL", *columns])
    text = f"{_seen(layout)}SELECT {items} FROM seen WHERE {after}_tau <= :upto"
    ordering = ", ".join(f"{c} DESC" for c in (*_order(layout), *columns))
    text += f"\nORDER BY {ordering}"
    return text + (f"\nLIMIT {window.rows};\n" if window.rows is not None else ";\n")


def lookup_sql(layout: Layout) -> str:
    """The newest visible state row: (holds, τ, valid_to, columns …). No older row resurfaces under it."""
    view = layout.view
    visible = visible_sql(layout.enter, layout.superseded, ":t", view.closed)
    valid_to = "_valid_to" if layout.source.valid_to is not None else "NULL"
    items = ["_holds", "_tau", valid_to, *layout.states.values()]
    order = ["_tau DESC", *(["_version DESC"] if layout.versioned else [])]
    where = conjunction([*key_conditions(layout), visible])
    return f"SELECT {', '.join(items)}\nFROM {layout.events}\n{where}\nORDER BY {', '.join(order)}\nLIMIT 1;\n"


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_plan(layout: Layout, parts: Parts, *, lookup: bool, banded: bool = True) -> ReadPlan:
    """How to read the aggregations of `parts`, and the state row if `lookup`.

    With `banded` False everything is folded in process from the visible rows: the reference for the rest.
    """
    cells = tuple(c for c in parts.cells if banded and is_banded(c))
    picked = tuple(
        c for c in parts.cells if banded and c.partial.kind in _ORDERED and c.window.rows is None
    )
    unions = tuple(c for c in parts.cells if banded and c.partial.kind is Kind.DISTINCT and c.window.rows is None)
    windows = tuple(dict.fromkeys(c.window for c in (*cells, *unions)))
    bands = count_bands(windows, layout) if windows else 0
    partials = tuple(dict.fromkeys(c.partial for c in cells))
    rest = [c for c in parts.cells if c not in (*cells, *picked, *unions)]
    picks = [pick_sql(layout, n, c) for n, c in enumerate(picked)]
    tiled = bool(cells and layout.tiled)
    return ReadPlan(
        layout=layout, parts=parts, windows=windows, bands=bands, partials=partials, cells=cells,
        settled_sql=settled_sql(layout) if tiled else None,
        bands_sql=bands_sql(layout, partials, bands) if cells else None,
        range_sql=range_sql(layout, partials) if tiled else None,
        picks=tuple(map(Pick, picked)),
        picks_sql=_seen(layout) + "\nUNION ALL\n".join(picks) + ";\n" if picks else None,
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
        Members(window, slots, tuple(mine), members_sql(layout, window, slots))
        for (window, slots), mine in groups.items()
    )


def sections(plan: ReadPlan) -> tuple[tuple[str, str], ...]:
    """(name, text) of the statements of a read, in the order they run."""
    found: list[tuple[str, str | None]] = [
        ("lookup: the state row that holds", plan.lookup_sql),
        ("settled: the open tile and those not settled at :t", plan.settled_sql),
        ("bands: states per band", plan.bands_sql),
        ("range: states of the rows of one open or unsettled tile", plan.range_sql),
        ("picks: first, last and the like", plan.picks_sql),
    ]
    found += [(f"sets: values of {s.partial.slots[0]}", s.sql) for s in plan.sets]
    found += [(f"members: rows of {m.window.name}, folded in process", m.sql) for m in plan.members]
    return tuple((name, sql) for name, sql in found if sql is not None)

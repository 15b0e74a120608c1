"""The tiles shape: windows as whole days of backfilled states, and rows at their ends and where a day was not settled.

A tile holds what is final of a day. A reader at `t` takes it when its membership last changed `⊲ t` and the window
holds the whole day; every other day that the window touches is read row by row (semantics.md, "Observation"). So the
shape is exact at any instant, past ones included, as long as the tiles are those of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featc.algebra import LAWS
from featc.decompose import Cell, window_suffix
from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.source import ARRIVAL, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.tile_table import SETTLED, START, TileTable
from featc.lower.training.cells import ROW, Cells
from featc.lower.training.pairs import inside_sql
from featc.lower.training.rows import event_conditions, slot_columns, slot_sql, versions
from featc.resolve.model import Closed, Window
from featc.visibility import AS_OF, after_sql, begin_columns, floor_to_sql, horizon_sql, upto_sql, visible_sql
from featc_dialects import duckdb as engine

WHOLE, ENDS, DAY = "d", "x", "_day"


def is_tiled(cell: Cell, width: int) -> bool:
    """Whether a cell's window is long enough for tiles, and its state one that tiles hold and the engine unites."""
    return why_rows(cell, width) is None


def why_rows(cell: Cell, width: int) -> str | None:
    """Why a cell can only come from rows, whatever is backfilled; None where it may come from tiles `width` µs long."""
    window, law = cell.window, LAWS[cell.partial.kind]
    if window.current:
        return "it is of the rows that hold, which the next row of a key ends on any later day"
    if window.rows is not None:
        return "its window counts rows, and a tile holds all of its day"
    if window.since is not None:
        return "its window begins with one of its rows, and a tile holds all of its day"
    if law.ordered:
        return "it is the value of one row, and a tile knows no order of rows"
    if not law.tiled:
        return "it is a set of values, which grows with its rows"
    if window.span is not None and window.span < 2 * width:
        return "its window is shorter than two tiles"
    return None if engine.unites(cell.partial.kind) else "its state is a sketch, which backfilled tiles do not hold"


def tiled(ctes: Ctes, table: TileTable, cells: Iterable[Cell], base: str, reach: Iterable[str], out: Cells) -> None:
    """Computes `cells` from `table` and the rows of `base`, of which `reach` says what the spine can need."""
    wanted = list(cells)
    windows = tuple(dict.fromkeys(c.window for c in wanted))
    spans = _spans(ctes, table, windows)
    days = _days(ctes, table, spans, wanted, windows)
    whole = _whole(ctes, table, days, wanted)
    rows = _rows(ctes, table, wanted, base, reach)
    pairs = _pairs(ctes, table, (spans, days, rows), windows)
    ends = _ends(ctes, table, pairs, wanted)
    for cell in wanted:
        names = engine.fields(cell.partial.kind, quoted(cell.name))
        parts = (tuple(f"{alias}.{n}" for n in names) for alias in (WHOLE, ENDS))
        out.fields[cell] = engine.merge(cell.partial.kind, *parts)
    out.join(whole, WHOLE)
    out.join(ends, ENDS)


def reach_sql(table: TileTable, windows: Iterable[Window], closed: Closed) -> str:
    """Which rows the ends of windows can need: those of the days where a window of some spine row begins or ends, and
    of the days that some spine row may see unsettled."""
    first, last = (f"(SELECT {which}({AS_OF}) FROM spine_rows)" for which in ("min", "max"))
    ranges = []
    for window in windows:
        for edge in (upto_sql, after_sql):
            at_first, at_last = edge(window, first, closed), edge(window, last, closed)
            if at_first is None or at_last is None:
                continue
            low, high = (floor_to_sql(at, table.width) for at in (at_first, at_last))
            ranges.append(f"{TIME} >= {low} AND {TIME} < {high} + {table.width}")
    open_days = f"SELECT {START} FROM {table.relation} WHERE {SETTLED} > {horizon_sql(first, closed)}"
    ranges.append(f"{floor_to_sql(TIME, table.width)} IN ({open_days})")
    return "(\n    " + "\n    OR ".join(dict.fromkeys(ranges)) + "\n)"


def _first(window: Window) -> str:
    return quoted(f"_first_{window_suffix(window)}")


def _past(window: Window) -> str:
    return quoted(f"_past_{window_suffix(window)}")


def _spans(ctes: Ctes, table: TileTable, windows: tuple[Window, ...]) -> str:
    closed = table.view.closed
    items = []
    for window in windows:
        after = after_sql(window, AS_OF, closed)
        if after is not None:
            items.append(f"{floor_to_sql(f'{after} + {table.width}', table.width)} AS {_first(window)}")
        items.append(f"{floor_to_sql(f'{upto_sql(window, AS_OF, closed)} + 1', table.width)} AS {_past(window)}")
    name = table.view.name
    return ctes.add(
        quoted(f"{name}_spans"),
        select([ROW, AS_OF, *begin_columns(windows), *table.keys, *items], "FROM spine_rows"),
        f"{name}: the whole days of each spine row's windows, from the first to the one past the last",
    )


def _inside(window: Window, start: str) -> str:
    """Whether the day that begins at `start` lies in the window as a whole."""
    upper = f"{start} < {_past(window)}"
    return upper if not window.bounded else f"{start} >= {_first(window)} AND {upper}"


def _days(ctes: Ctes, table: TileTable, spans: str, cells: list[Cell], windows: tuple[Window, ...]) -> str:
    name, closed = table.view.name, table.view.closed
    columns = dict.fromkeys(c for cell in cells for c in table.part(cell.partial).columns)
    on = "".join(f"s.{k} = d.{k} AND " for k in table.keys)
    past = _outer("greatest", [_past(w) for w in windows])
    bounds = [f"d.{START} < {past}"]
    if all(w.bounded for w in windows):
        bounds.insert(0, f"d.{START} >= {_outer('least', [_first(w) for w in windows])}")
    settled = f"d.{SETTLED} <= {horizon_sql(f's.{AS_OF}', closed)}"
    ends = [e for w in windows for e in ([_first(w)] if w.bounded else []) + [_past(w)]]
    body = select(
        [f"s.{ROW}", *dict.fromkeys(f"s.{e}" for e in ends), f"d.{START}", f"{settled} AS _settled", *columns],
        f"FROM {spans} s\nJOIN {table.relation} d ON {on}{' AND '.join(bounds)}",
    )
    return ctes.add(quoted(f"{name}_days"), body, f"{name}: the days that the windows hold whole", materialized=True)


def _outer(function: str, items: list[str]) -> str:
    found = [f"s.{i}" for i in dict.fromkeys(items)]
    return found[0] if len(found) == 1 else f"{function}({', '.join(found)})"


def _whole(ctes: Ctes, table: TileTable, days: str, cells: list[Cell]) -> str:
    items = []
    for cell in cells:
        kind, part = cell.partial.kind, table.part(cell.partial)
        tail = f" FILTER (WHERE _settled AND {_inside(cell.window, START)})"
        names = engine.fields(kind, quoted(cell.name))
        items += [f"{sql} AS {n}" for sql, n in zip(engine.united(kind, part.columns, tail), names, strict=True)]
    name = table.view.name
    body = select([ROW, *items], f"FROM {days}\nGROUP BY {ROW}")
    return ctes.add(quoted(f"{name}_day_windows"), body, f"{name}: what those days bring to each window")


def _rows(ctes: Ctes, table: TileTable, cells: list[Cell], base: str, reach: Iterable[str]) -> str:
    view, source = table.view, table.source
    superseded = src.identity(source, view) is not None
    relation = versions(ctes, source, view, base)
    slots = slot_columns(view, table.parts)
    used = dict.fromkeys(s for c in cells for s in c.partial.slots)
    items = [named(src.key_sql(k), quoted(k.name)) for k in view.keys]
    items += [TIME, f"greatest({TIME}, {ARRIVAL}) AS {ENTER}"]
    items += [SUPERSEDED] if superseded else []
    items += [f"{floor_to_sql(TIME, table.width)} AS {DAY}", *(named(slot_sql(view, s), slots[s]) for s in used)]
    body = select(items, f"FROM {relation}\n{conjunction([*event_conditions(source, view), *reach])}")
    return ctes.add(quoted(f"{view.name}_end_rows"), body, f"{view.name}: rows of the other days they touch")


def _pairs(ctes: Ctes, table: TileTable, found: tuple[str, str, str], windows: tuple[Window, ...]) -> str:
    spans, days, rows = found
    view, closed = table.view, table.view.closed
    superseded = f"r.{SUPERSEDED}" if src.identity(table.source, view) is not None else None
    edges = []
    for window in windows:
        ends = [upto_sql(window, f"s.{AS_OF}", closed), after_sql(window, f"s.{AS_OF}", closed)]
        edges += [floor_to_sql(e, table.width) for e in ends if e is not None]
    items = ",\n    ".join(dict.fromkeys(edges))
    at_ends = select([f"s.{ROW}", f"unnest([\n    {items}\n]) AS {DAY}"], f"FROM {spans} s")
    body = f"{at_ends}\nUNION\n" + select([ROW, START], f"FROM {days}\nWHERE NOT _settled")
    touched = ctes.add(
        quoted(f"{view.name}_open_days"), body, f"{view.name}: days to be read row by row, for each spine row"
    )
    on = "".join(f" AND r.{k} = s.{k}" for k in table.keys)
    pairs = select(
        ["s.*", "r.* EXCLUDE (" + ", ".join(table.keys) + ")" if table.keys else "r.*",
         "coalesce(d._settled, false) AS _settled"],
        f"FROM {touched} o\nJOIN {spans} s USING ({ROW})\nJOIN {rows} r ON r.{DAY} = o.{DAY}{on}\n"
        f"LEFT JOIN {days} d ON d.{ROW} = s.{ROW} AND d.{START} = r.{DAY}\n"
        + conjunction([visible_sql(f"r.{ENTER}", superseded, f"s.{AS_OF}", closed)]),
    )
    return ctes.add(quoted(f"{view.name}_end_pairs"), pairs, f"{view.name}: which of their rows each spine row sees")


def _ends(ctes: Ctes, table: TileTable, pairs: str, cells: list[Cell]) -> str:
    view = table.view
    slots = slot_columns(view, table.parts)
    flags: Mapping[Window, str] = {w: quoted(f"_in_{w.name}") for w in dict.fromkeys(c.window for c in cells)}
    given = [
        f"{inside_sql(w, view.closed)} AND NOT (_settled AND {_inside(w, DAY)}) AS {flag}" for w, flag in flags.items()
    ]
    items = []
    for cell in cells:
        partial, names = cell.partial, engine.fields(cell.partial.kind, quoted(cell.name))
        tail = f" FILTER (WHERE {flags[cell.window]})"
        spelled = engine.partial(partial.kind, [slots[s] for s in partial.slots], partial.types, "", TIME, tail)
        items += [f"{sql} AS {n}" for sql, n in zip(spelled, names, strict=True)]
    inner = select(["*", *given], f"FROM {pairs}").replace("\n", "\n    ")
    body = select([ROW, *items], f"FROM (\n    {inner}\n)\nGROUP BY {ROW}")
    return ctes.add(quoted(f"{view.name}_end_windows"), body, f"{view.name}: what those rows bring to each window")

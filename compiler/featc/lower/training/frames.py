"""The frame shape: rows and spine on one numbered time line, and windows as ROWS frames between places on it.

One ASOF join finds the places of all edges; the rows of the source themselves get an empty frame
(docs/decisions/0002).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featc.algebra import LAWS
from featc.decompose import Cell
from featc.lower.ctes import Ctes, indent, select
from featc.lower.source import TIME, quoted
from featc.lower.training.cells import INSTANT, PLACE, ROW, Cells, bound_sql
from featc.lower.training.edges import edges_of, on_keys_and, points_sql
from featc.lower.training.rows import REGULAR, ViewRows
from featc.lower.training.running import differences, totals_at, totals_of
from featc.resolve.model import Window
from featc.visibility import AS_OF, after_sql
from featc_dialects import duckdb as engine

EDGES = "e"
LAST = "_last"  # whether a row of the source is the last one of its instant


def frame_sql(rows: ViewRows, window: Window, edges: Mapping[str, str]) -> str:
    """A window over the numbered stream. Rows of the source themselves get an empty frame, as cheap as can be."""
    upper = edges[bound_sql(rows, window, AS_OF)]
    after = after_sql(window, AS_OF, rows.view.closed)
    lower = (
        f"CASE WHEN {ROW} IS NULL THEN 0 ELSE {PLACE} - {edges[after]} - 1 END" if after is not None else "UNBOUNDED"
    )
    keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
    nothing = 1 if after is not None else PLACE  # as many rows back as there are leave none
    end = f"CASE WHEN {ROW} IS NULL THEN {nothing} ELSE {PLACE} - {upper} END PRECEDING"
    if window.is_ahead:  # where no row is ahead, the frame ends at the spine row itself, which is no event
        end = f"CASE WHEN {ROW} IS NULL THEN 0 ELSE greatest({upper} - {PLACE}, 0) END FOLLOWING"
    return f"(\n    {keys}ORDER BY {PLACE}\n    ROWS BETWEEN {lower} PRECEDING\n    AND {end}\n)"


def _stream(ctes: Ctes, rows: ViewRows, columns: Iterable[str], totals: Mapping[str, str]) -> str:
    """The CTE of a view's rows and the spine on one time line, numbered; rows stand before the spine at an instant.

    Running totals are taken on the way, as they need the same order.
    """
    view = rows.view
    events = select(
        [*rows.keys, f"{TIME} AS {INSTANT}", f"NULL AS {ROW}", "true AS _event", *columns],
        f"FROM {rows.relation}" + (f"\nWHERE {REGULAR}" if rows.irregular else ""),
    )
    spine = select([*rows.keys, f"{AS_OF} AS {INSTANT}", ROW], f"FROM {rows.spine}")
    keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
    numbered = select(
        [
            "*",
            f"row_number() OVER so_far AS {PLACE}",
            f"{ROW} IS NULL AND lead(CASE WHEN {ROW} IS NULL THEN {INSTANT} END) OVER so_far"
            f" IS DISTINCT FROM {INSTANT} AS {LAST}",
            *(f"{sql} AS {name}" for name, sql in totals.items()),
        ],
        f"FROM (\n{indent(f'{events}{chr(10)}UNION ALL BY NAME{chr(10)}{spine}')}\n)"
        f"\nWINDOW so_far AS ({keys}ORDER BY {INSTANT}, {ROW} NULLS FIRST ROWS UNBOUNDED PRECEDING)",
    )
    return ctes.add(
        quoted(f"{view.name}_stream"),
        numbered,
        f"{view.name}: its rows and the spine on one numbered time line",
        materialized=True,
    )


def _places(ctes: Ctes, rows: ViewRows, stream: str, edges: Mapping[str, str], totals: Mapping[str, str]) -> str:
    """The CTE with the place of the last row at or before each edge of each spine row's windows, 0 for none, and the
    running totals there.

    One ASOF join finds all edges, so that the frames need no search: that is what keeps a hot entity cheap.
    """
    marks = select([*rows.keys, INSTANT, PLACE, *totals], f"FROM {stream}\nWHERE {LAST}")
    found = [f"coalesce(max(r.{PLACE}) FILTER (WHERE s._edge = '{name}'), 0) AS {name}" for name in edges.values()]
    body = select(
        [f"s.{ROW}", *found, *totals_at(totals, edges)],
        f"FROM (\n{indent(points_sql(rows, edges))}\n) s\nASOF LEFT JOIN (\n{indent(marks)}\n) r"
        f" ON {on_keys_and(rows)}r.{INSTANT} <= s._at\nGROUP BY s.{ROW}",
    )
    return ctes.add(
        quoted(f"{rows.view.name}_edges"),
        body,
        f"{rows.view.name}: where on that line each window begins and ends",
        materialized=bool(totals),
    )


def frames(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], summed: Iterable[Cell], out: Cells) -> None:
    """Computes `cells` by window frames over regular rows, and `summed` by running totals along the same line."""
    wanted, running = list(cells), list(summed)
    view = rows.view
    used = dict.fromkeys(s for c in (*wanted, *running) for s in c.partial.slots)
    ranks = dict.fromkeys(rows.ranks[c.partial.slots] for c in wanted if LAWS[c.partial.kind].ordered)
    windows = tuple(dict.fromkeys(c.window for c in wanted))
    edges = edges_of(rows, dict.fromkeys(c.window for c in (*wanted, *running)))
    totals = totals_of(rows, running, "_event")
    stream = _stream(ctes, rows, [*ranks, *(rows.slots[s] for s in used)], totals)
    places = _places(ctes, rows, stream, edges, totals)
    if running:
        differences(ctes, rows, running, totals, edges, (places, EDGES), out)
    items = []
    for cell in wanted:
        p = cell.partial
        sql = engine.partial(
            p.kind,
            [rows.slots[s] for s in p.slots],
            p.types,
            rows.ranks.get(p.slots, ""),
            "_event",
            f" OVER {quoted(cell.window.name)}",
            None if rows.irregular else cell.share,  # what is late is added to whole states
        )
        names = engine.fields(p.kind, quoted(cell.name))
        items += [f"{s} AS {n}" for s, n in zip(sql, names, strict=True)]
        out.fields[cell] = tuple(f"w.{n}" for n in names)
    clause = ",\n".join(f"{quoted(w.name)} AS {frame_sql(rows, w, edges)}" for w in windows)
    body = select(
        [ROW, *items],
        f"FROM {stream} LEFT JOIN {places} USING ({ROW})\nWINDOW\n{indent(clause)}\nQUALIFY {ROW} IS NOT NULL",
    )
    out.join(
        ctes.add(quoted(f"{view.name}_windows"), body, f"{view.name}: what each window holds at each spine row"),
        "w",
    )

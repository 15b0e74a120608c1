"""The rows shape: each spine row with the n newest rows before it, in event order."""

from __future__ import annotations

from collections.abc import Iterable

from featc.decompose import Cell, Finish, window_suffix
from featc.lower.ctes import Ctes, conjunction, indent, select
from featc.lower.source import TIME, quoted
from featc.lower.training.cells import ROW, Cells, bound_sql, on_keys
from featc.lower.training.pairs import grouped, inside_sql, late_rows
from featc.lower.training.rows import REGULAR, ViewRows
from featc.resolve.model import Window
from featc.visibility import AS_OF, after_sql


def last_rows(ctes: Ctes, rows: ViewRows, finish: Iterable[Finish], out: Cells) -> None:
    """Computes cells of `rows: N` windows; aggregations of one window and one event order share the choice of rows."""
    groups: dict[tuple[Window, tuple[str, ...]], list[Cell]] = {}
    for f in finish:
        cells = groups.setdefault((f.aggregation.window, f.aggregation.slots), [])
        cells += [c for c in f.states.values() if c not in cells]
    for number, ((window, slots), cells) in enumerate(groups.items()):
        suffix = "" if number == 0 else f"_{number + 1}"
        alias = quoted(f"{rows.view.name}_{window_suffix(window)}{suffix}")
        chosen = _chosen(ctes, rows, window, rows.ranks[slots], alias)
        comment = f"{rows.view.name}: over the {window.rows} last rows"
        name, found = grouped(ctes, rows, chosen, alias, cells, comment, whole=True)
        for cell, names in found.items():
            out.fields[cell] = tuple(f"{name}.{n}" for n in names)
        out.join(name, name)


def _chosen(ctes: Ctes, rows: ViewRows, window: Window, rank: str, alias: str) -> str:
    """The CTE of (spine row, row) pairs: each spine row with its `window.rows` newest rows."""
    relation, place = rows.relation, rank
    base = alias.strip('"')
    if rows.irregular:
        keys = ", ".join([*rows.keys, REGULAR])
        numbered = select(
            ["*", f"row_number() OVER (PARTITION BY {keys} ORDER BY {rank}) AS _place"],
            f"FROM {rows.relation}",
        )
        relation = ctes.add(
            quoted(f"{base}_numbered"), numbered, f"{rows.view.name}: regular rows numbered among themselves"
        )
        place = "_place"
    only = f"\nWHERE {REGULAR}" if rows.irregular else ""
    newest = select([*rows.keys, TIME, f"max({place}) AS _newest"], f"FROM {relation}{only}\nGROUP BY ALL")
    bound = bound_sql(rows, window, f"s.{AS_OF}")
    spine = select(
        [
            f"s.{ROW}",
            f"s.{AS_OF}",
            *(f"s.{k}" for k in rows.keys),
            f"unnest(generate_series(r._newest - {(window.rows or 1) - 1}, r._newest)) AS _at",
        ],
        f"FROM {rows.spine} s\nASOF JOIN (\n{indent(newest)}\n) r ON {on_keys(rows, 's', 'r')} AND r.{TIME} <= {bound}",
    )
    after = after_sql(window, f"s.{AS_OF}", rows.view.closed)
    inside = [f"r.{TIME} > {after}"] if after is not None else []
    pairs = select(
        [
            f"s.{ROW}",
            f"s.{AS_OF}",
            f"r.* EXCLUDE ({', '.join([*rows.keys, *(['_place'] if rows.irregular else [])])})"
            if rows.keys or rows.irregular
            else "r.*",
        ],
        f"FROM (\n{indent(spine)}\n) s\nJOIN {relation} r ON {on_keys(rows, 's', 'r')} AND r.{place} = s._at\n"
        + conjunction(inside + ([f"r.{REGULAR}"] if rows.irregular else [])),
    )
    chosen = quoted(f"{base}_rows")
    if not rows.irregular:
        return ctes.add(chosen, pairs, f"{rows.view.name}: the {window.rows} last rows before each spine row")
    late = late_rows(ctes, rows, [Window("lifetime")])
    edges = [inside_sql(window, rows.view.closed)]
    newest_of_all = f"QUALIFY row_number() OVER (PARTITION BY {ROW} ORDER BY {rank} DESC) <= {window.rows}"
    both = f"{pairs}\nUNION ALL BY NAME\nSELECT * FROM {late}\n{conjunction(edges)}"
    return ctes.add(
        chosen,
        f"SELECT * FROM (\n{indent(both)}\n)\n{newest_of_all}",
        f"{rows.view.name}: the {window.rows} last rows before each spine row",
    )

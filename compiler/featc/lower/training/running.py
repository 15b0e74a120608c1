"""The running shape: counts and exact sums as differences of running totals, found at all edges by one ASOF join.

Only for states a row can be taken out of again exactly: a difference of running DOUBLE sums would lose a small window
behind a large history (semantics.md, "What “equal” means").
"""

from __future__ import annotations

from collections.abc import Iterable

from featc.algebra import Kind
from featc.decompose import Cell, Partial
from featc.lower.ctes import Ctes, indent, select
from featc.lower.source import TIME, quoted
from featc.lower.training.cells import AS_OF, ROW, Cells, bound_sql
from featc.lower.training.edges import edges_of, on_keys_and, points_sql
from featc.lower.training.rows import REGULAR, ViewRows
from featc.visibility import after_sql
from featc_dialects import duckdb as engine

TOTALS = "t"


def running(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], out: Cells) -> None:
    """Computes `cells` of ROWS, COUNT and SUM by running totals over regular rows."""
    wanted = list(cells)
    if not wanted:
        return
    view = rows.view
    totals = _totals(rows, wanted)
    edges = edges_of(rows, dict.fromkeys(c.window for c in wanted))
    keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
    only = f"\nWHERE {REGULAR}" if rows.irregular else ""
    # the default frame takes in all rows of one instant, so that whichever of them the join meets will do
    summed = select(
        [*rows.keys, TIME, *(f"{sql} AS {name}" for name, sql in totals.items())],
        f"FROM {rows.relation}{only}\nWINDOW so_far AS ({keys}ORDER BY {TIME})",
    )
    relation = ctes.add(quoted(f"{view.name}_running"), summed, f"{view.name}: running totals of each entity")
    at = {(t, e): quoted(f"{t}{e}") for t in totals for e in edges.values()}
    found = [f"max(r.{t}) FILTER (WHERE s._edge = '{e}') AS {name}" for (t, e), name in at.items()]
    body = select(
        [f"s.{ROW}", *found],
        f"FROM (\n{indent(points_sql(rows, edges))}\n) s\nASOF LEFT JOIN {relation} r"
        f" ON {on_keys_and(rows)}r.{TIME} <= s._at\nGROUP BY s.{ROW}",
    )
    comment = f"{view.name}: those totals where each window begins and ends"
    out.join(ctes.add(quoted(f"{view.name}_totals"), body, comment), TOTALS)
    for cell in wanted:
        after = after_sql(cell.window, AS_OF, view.closed)
        ends = [edges[bound_sql(rows, cell.window, AS_OF)]] + ([edges[after]] if after is not None else [])
        out.fields[cell] = (_difference(cell, [{t: f"{TOTALS}.{at[t, e]}" for t in totals} for e in ends]),)


def _counted(cell: Cell) -> str:
    """The running count that says whether a sum has members."""
    return f"_n_{cell.partial.slots[0]}"


def _totals(rows: ViewRows, cells: Iterable[Cell]) -> dict[str, str]:
    """Running totals by name: the aggregate calls, in the engine's spelling."""
    totals: dict[str, str] = {}

    def total(name: str, kind: Kind, partial: Partial) -> None:
        slots = [rows.slots[s] for s in partial.slots]
        (totals[name],) = engine.partial(kind, slots, partial.types, "", TIME, " OVER so_far")

    for cell in cells:
        kind = cell.partial.kind
        if kind is Kind.ROWS:
            total("_rows", kind, cell.partial)
            continue
        total(_counted(cell), Kind.COUNT, cell.partial)
        if kind is Kind.SUM:
            total(f"_sum_{cell.partial.slots[0]}", kind, cell.partial)
    return totals


def _difference(cell: Cell, ends: list[dict[str, str]]) -> str:
    """A state from the totals at its window's end and, where it has one, before its beginning."""
    upto, before = ends[0], ends[1] if len(ends) > 1 else None
    count = "_rows" if cell.partial.kind is Kind.ROWS else _counted(cell)
    if cell.partial.kind is not Kind.SUM:
        if before is None:
            return f"coalesce({upto[count]}, 0)"
        return f"greatest(coalesce({upto[count]}, 0) - coalesce({before[count]}, 0), 0)"
    total = f"_sum_{cell.partial.slots[0]}"
    if before is None:
        return upto[total]
    members = f"{upto[count]} > coalesce({before[count]}, 0)"
    return f"CASE WHEN {members} THEN {upto[total]} - coalesce({before[total]}, 0) END"

"""The running shape: counts and exact sums as differences of running totals, found at all edges by one ASOF join.

Only for states a row can be taken out of again exactly: a difference of running DOUBLE sums would lose a small window
behind a large history (semantics.md, "What “equal” means").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featc.algebra import Kind
from featc.decompose import Cell, Partial
from featc.lower.ctes import Ctes, indent, select
from featc.lower.source import TIME, quoted
from featc.lower.training.cells import ROW, Cells, bound_sql
from featc.lower.training.edges import edges_of, on_keys_and, points_sql
from featc.lower.training.rows import REGULAR, ViewRows
from featc.visibility import AS_OF, after_sql
from featc_dialects import duckdb as engine

TOTALS, BETWEEN = "t", "b"


def running(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], out: Cells) -> None:
    """Computes `cells` of ROWS, COUNT and SUM by running totals over regular rows."""
    wanted = list(cells)
    if not wanted:
        return
    view = rows.view
    totals = totals_of(rows, wanted, TIME)
    edges = edges_of(rows, dict.fromkeys(c.window for c in wanted))
    keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
    only = f"\nWHERE {REGULAR}" if rows.irregular else ""
    # the default frame takes in all rows of one instant, so that whichever of them the join meets will do
    summed = select(
        [*rows.keys, TIME, *(f"{sql} AS {name}" for name, sql in totals.items())],
        f"FROM {rows.relation}{only}\nWINDOW so_far AS ({keys}ORDER BY {TIME})",
    )
    relation = ctes.add(quoted(f"{view.name}_running"), summed, f"{view.name}: running totals of each entity")
    found = totals_at(totals, edges)
    body = select(
        [f"s.{ROW}", *found],
        f"FROM (\n{indent(points_sql(rows, edges))}\n) s\nASOF LEFT JOIN {relation} r"
        f" ON {on_keys_and(rows)}r.{TIME} <= s._at\nGROUP BY s.{ROW}",
    )
    comment = f"{view.name}: those totals where each window begins and ends"
    at_edges = ctes.add(quoted(f"{view.name}_totals"), body, comment)
    differences(ctes, rows, wanted, totals, edges, (at_edges, TOTALS), out)


def totals_at(totals: Mapping[str, str], edges: Mapping[str, str]) -> list[str]:
    """The totals at each edge, over points `s` joined to rows `r`."""
    return [
        f"max(r.{total}) FILTER (WHERE s._edge = '{edge}') AS {quoted(f'{total}{edge}')}"
        for total in totals
        for edge in edges.values()
    ]


def differences(
    ctes: Ctes,
    rows: ViewRows,
    cells: Iterable[Cell],
    totals: Mapping[str, str],
    edges: Mapping[str, str],
    found: tuple[str, str],
    out: Cells,
) -> None:
    """The states of `cells` from the totals at each edge, which `found`, a CTE and its alias, holds.

    Where late rows are to be added they get a CTE, so that each is written once.
    """
    relation, alias = found
    prefix = "" if rows.irregular else f"{alias}."
    states = {}
    for cell in cells:
        after = after_sql(cell.window, AS_OF, rows.view.closed)
        ends = [edges[bound_sql(rows, cell.window, AS_OF)]] + ([edges[after]] if after is not None else [])
        there = [{total: f"{prefix}{quoted(f'{total}{edge}')}" for total in totals} for edge in ends]
        states[cell] = _difference(cell, there, rows.irregular or rows.delay > 0)
    if not rows.irregular:
        out.join(relation, alias)
        out.fields |= {cell: (sql,) for cell, sql in states.items()}
        return
    body = select([ROW, *(f"{sql} AS {quoted(c.name)}" for c, sql in states.items())], f"FROM {relation}")
    comment = f"{rows.view.name}: what each window holds, as differences of them"
    out.join(ctes.add(quoted(f"{rows.view.name}_between"), body, comment), BETWEEN)
    out.fields |= {cell: (f"{BETWEEN}.{quoted(cell.name)}",) for cell in states}


def _counted(cell: Cell) -> str:
    """The running count that says whether a sum has members."""
    return f"_n_{cell.partial.slots[0]}"


def totals_of(rows: ViewRows, cells: Iterable[Cell], present: str) -> dict[str, str]:
    """Running totals by name: the aggregate calls over the window `so_far`, in the engine's spelling.

    `present` is a column that is NULL on what is no row of the source.
    """
    totals: dict[str, str] = {}

    def total(name: str, kind: Kind, partial: Partial) -> None:
        slots = [rows.slots[s] for s in partial.slots]
        (totals[name],) = engine.partial(kind, slots, partial.types, "", present, " OVER so_far")

    for cell in cells:
        kind = cell.partial.kind
        if kind is Kind.ROWS:
            total("_rows", kind, cell.partial)
            continue
        total(_counted(cell), Kind.COUNT, cell.partial)
        if kind is Kind.SUM:
            total(f"_sum_{cell.partial.slots[0]}", kind, cell.partial)
    return totals


def _difference(cell: Cell, ends: list[dict[str, str]], lagging: bool) -> str:
    """A state from the totals at its window's end and, where it has one, before its beginning.

    With `lagging`, the end of what is settled may lie before the window's beginning.
    """
    upto, before = ends[0], ends[1] if len(ends) > 1 else None
    count = "_rows" if cell.partial.kind is Kind.ROWS else _counted(cell)
    if cell.partial.kind is not Kind.SUM:
        if before is None:
            return upto[count]
        counted = f"{upto[count]} - coalesce({before[count]}, 0)"
        return f"greatest({counted}, 0)" if lagging else counted
    total = f"_sum_{cell.partial.slots[0]}"
    if before is None:
        return upto[total]
    members = f"{upto[count]} > coalesce({before[count]}, 0)"
    return f"CASE WHEN {members}\n     THEN {upto[total]} - coalesce({before[total]}, 0)\nEND"

"""The latest shape: the last value before an instant, by ASOF join."""

from __future__ import annotations

from collections.abc import Iterable

from featc.decompose import Cell, window_suffix
from featc.lower.ctes import Ctes, indent, select
from featc.lower.source import TIME, quoted
from featc.lower.training.cells import ROW, Cells, bound_sql, on_keys
from featc.lower.training.rows import REGULAR, ViewRows
from featc.visibility import AS_OF, after_sql


def latest(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], out: Cells) -> None:
    """Computes cells of LAST by ASOF joins, one per slot and upper edge."""
    seen: dict[tuple[str, str], str] = {}
    for cell in cells:
        bound = bound_sql(rows, cell.window, f"s.{AS_OF}")
        (slot,) = cell.partial.slots
        column, rank = rows.slots[slot], rows.ranks[cell.partial.slots]
        if (slot, bound) not in seen:
            name = f"{rows.view.name}_{cell.partial.name}" + (
                f"_{window_suffix(cell.window)}" if any(k[0] == slot for k in seen) else ""
            )
            only = f" AND {REGULAR}" if rows.irregular else ""
            picked = select(
                [*rows.keys, TIME, f"arg_max({column}, {rank}) AS _value", f"max({rank}) AS _nth"],
                f"FROM {rows.relation}\nWHERE {column} IS NOT NULL{only}\nGROUP BY ALL",
            )
            body = select(
                [f"s.{ROW}", f"r.{TIME}", "r._value", "r._nth"],
                f"FROM {rows.spine} s\nASOF LEFT JOIN (\n{indent(picked)}\n) r"
                f" ON {on_keys(rows, 's', 'r')} AND r.{TIME} <= {bound}",
            )
            seen[slot, bound] = ctes.add(
                quoted(name),
                body,
                f"{rows.view.name}: the last {slot} before each spine row, and when it was",
            )
        alias = seen[slot, bound]
        out.join(alias, alias)
        after = after_sql(cell.window, f"s.{AS_OF}", rows.view.closed)
        fields: tuple[str, ...] = (f"{alias}._value", f"{alias}._nth")
        if after is not None:
            fields = tuple(f"CASE WHEN {alias}.{TIME} > {after} THEN {f} END" for f in fields)
        out.fields[cell] = fields

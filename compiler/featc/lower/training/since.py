"""The rows shape of `since` windows: each spine row with the rows from the last one on that satisfies the condition.

Which row that is depends on what is visible at the instant, and not on the instant alone. So it is looked for first,
among the rows that satisfy the condition, and then the rows from its place in event order on are joined by key.
"""

from __future__ import annotations

from collections.abc import Iterable

from featc.decompose import Cell, Finish, window_suffix
from featc.lower.ctes import Ctes, conjunction, select
from featc.lower.source import ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training.cells import ROW, Cells, known_by, on_keys, settled_sql
from featc.lower.training.pairs import before, columns_of, grouped
from featc.lower.training.rows import ViewRows, chosen_by
from featc.resolve.model import Window
from featc.visibility import AS_OF, visible_sql


def rows_since(ctes: Ctes, rows: ViewRows, finishes: Iterable[Finish], out: Cells) -> None:
    """Computes cells of `since` windows; aggregations of one window and one event order share the choice of rows."""
    groups: dict[tuple[Window, tuple[str, ...]], list[Cell]] = {}
    for f in finishes:
        cells = groups.setdefault((f.aggregation.window, chosen_by(f.aggregation)), [])
        cells += [c for c in f.states.values() if c not in cells]
    for number, ((window, order), cells) in enumerate(groups.items(), 1):
        name = f"{rows.view.name}_{window_suffix(window)}" + (f"_{number}" if number > 1 else "")
        chosen = _chosen(ctes, rows, window, rows.ranks[order], name)
        comment = f"{rows.view.name}: over those rows"
        relation, found = grouped(ctes, rows, chosen, quoted(name), cells, comment, whole=True)
        for cell, names in found.items():
            out.fields[cell] = tuple(f"{relation}.{n}" for n in names)
        out.join(relation, relation)


def _seen(rows: ViewRows) -> str:
    """Whether a row `r` is visible to the spine row `s`."""
    seen = f"r.{TIME} <= {settled_sql(rows, f's.{AS_OF}')}"
    if rows.irregular:
        seen = visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", known_by(rows, f"s.{AS_OF}"), rows.view.closed)
    return " AND ".join((seen, *before(rows)))


def _chosen(ctes: Ctes, rows: ViewRows, window: Window, rank: str, name: str) -> str:
    """The CTE of (spine row, row) pairs from the last row on that begins the window."""
    begins = rows.slots[window.since or ""]
    asked = [AS_OF, *([rows.known] if rows.known else []), *rows.keys]
    first = select(
        [f"s.{ROW}", *(f"any_value(s.{c}) AS {c}" for c in asked), f"max(r.{rank}) AS _first"],
        f"FROM {rows.spine} s\nJOIN {rows.relation} r ON {on_keys(rows, 's', 'r')}\n"
        + conjunction([f"r.{begins}", _seen(rows)])
        + f"\nGROUP BY s.{ROW}",
    )
    comment = f"{rows.view.name}: where {window.name} begins, for each spine row"
    at = ctes.add(quoted(f"{name}_first"), first, comment)
    pairs = select(
        [f"s.{ROW}", f"s.{AS_OF}", columns_of(rows)],
        f"FROM {at} s\nJOIN {rows.relation} r ON {on_keys(rows, 's', 'r')} AND r.{rank} >= s._first\n"
        + conjunction([_seen(rows)]),
    )
    return ctes.add(quoted(f"{name}_rows"), pairs, f"{rows.view.name}: the rows from there on")

"""The edges of windows: where on an entity's time line each begins and ends, for every spine row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featc.decompose import window_suffix
from featc.lower.ctes import select
from featc.lower.source import quoted
from featc.lower.training.cells import ROW, bound_sql
from featc.lower.training.rows import ViewRows
from featc.resolve.model import Window
from featc.visibility import AS_OF, after_sql


def edges_of(rows: ViewRows, windows: Iterable[Window]) -> dict[str, str]:
    """Every distinct edge of the windows: SQL of the last τ at or before it, at `_as_of` → a readable column name."""
    found: dict[str, str] = {}
    for window in windows:
        suffix = window_suffix(window)
        bound = bound_sql(rows, window, AS_OF)
        if bound not in found:
            found[bound] = _free("_upto" if "_upto" not in found.values() else f"_upto_{suffix}", found)
        after = after_sql(window, AS_OF, rows.view.closed)
        if after is not None and after not in found:
            found[after] = _free(f"_before_{suffix}", found)
    return {sql: quoted(name) for sql, name in found.items()}


def _free(name: str, taken: Mapping[str, str]) -> str:
    free, number = name, 1
    while free in taken.values():
        number += 1
        free = f"{name}_{number}"
    return free


def points_sql(rows: ViewRows, edges: Mapping[str, str]) -> str:
    """A row per spine row and edge: `_edge` names it, `_at` is the greatest τ at or before it."""
    listed = ",\n".join(f"    {{'_edge': '{name}', '_at': {sql}}}" for sql, name in edges.items())
    return select([ROW, *rows.keys, f"unnest([\n{listed}\n], recursive := true)"], f"FROM {rows.spine}")


def on_keys_and(rows: ViewRows) -> str:
    """The equalities of an ASOF join between points `s` and rows `r`, before its inequality."""
    return "".join(f"s.{k} = r.{k} AND " for k in rows.keys)

"""State lookups: the row that holds at each spine row (semantics.md, "State and snapshot sources")."""

from __future__ import annotations

from featc.lower.ctes import Ctes, indent, select
from featc.lower.source import TIME, quoted
from featc.lower.training.cells import ROW, bound_sql
from featc.lower.training.pairs import late_rows
from featc.lower.training.rows import HOLDS, NTH, REGULAR, UNTIL, ViewRows
from featc.resolve.model import View, Window
from featc.visibility import AS_OF, after_sql, horizon_sql


def lookup(ctes: Ctes, rows: ViewRows, window: Window) -> str:
    """The CTE with the state that holds at each spine row: the visible row with the greatest τ, or NULLs."""
    view = rows.view
    kept = [
        TIME,
        NTH,
        *([HOLDS] if rows.holds else []),
        *([UNTIL] if rows.source.valid_to is not None else []),
        *rows.slots.values(),
    ]
    packed = f"struct_pack({', '.join(f'{c} := {c}' for c in kept)})"
    newest = ""
    if rows.source.id or rows.source.key or view.beside:
        newest = f"\nQUALIFY row_number() OVER (PARTITION BY {', '.join([*rows.keys, TIME])} ORDER BY {NTH} DESC) = 1"
    regular = select(
        [*rows.keys, TIME, f"{packed} AS _state"],
        f"FROM {rows.relation}" + (f"\nWHERE {REGULAR}" if rows.irregular else "") + newest,
    )
    on = " AND ".join(
        [
            *(f"s.{k} = r.{k}" for k in rows.keys),
            f"r.{TIME} <= {bound_sql(rows, Window('lifetime'), f's.{AS_OF}')}",
        ]
    )
    body = select(
        [f"s.{ROW}", f"s.{AS_OF}", "r._state"],
        f"FROM {rows.spine} s\nASOF LEFT JOIN (\n{indent(regular)}\n) r ON {on}",
    )
    latest = ctes.add(quoted(f"{view.name}_latest"), body, f"{view.name}: the latest state before each {whose(view)}")
    relation = latest
    if rows.irregular:
        late = _late_states(ctes, rows, packed)
        newer = f"l._state.{NTH} > s._state.{NTH} OR s._state IS NULL"
        both = select(
            [ROW, AS_OF, f"CASE WHEN {newer} THEN l._state ELSE s._state END AS _state"],
            f"FROM {latest} s\nLEFT JOIN {late} l USING ({ROW})",
        )
        relation = ctes.add(quoted(f"{view.name}_newest"), both, f"{view.name}: the newer of both")
    after = after_sql(window, AS_OF, view.closed)
    holds = [f"_state.{HOLDS}"] if rows.holds else []
    holds += (
        [f"(_state.{UNTIL} IS NULL OR _state.{UNTIL} > {horizon_sql(AS_OF, view.closed)})"]
        if rows.source.valid_to is not None
        else []
    )
    holds += [f"_state.{TIME} > {after}"] if after is not None else []
    condition = " AND ".join(holds)
    items = []
    for column, name in rows.slots.items():
        value = f"CASE WHEN {condition} THEN _state.{name} END" if holds else f"_state.{name}"
        items.append(f"{value} AS {quoted(column)}")
    return ctes.add(
        quoted(f"{view.name}_state"),
        select([ROW, *items], f"FROM {relation}"),
        f"{view.name}: what holds at each {whose(view)}",
    )


def whose(view: View) -> str:
    """What a lookup is for, in words: a row of the spine, or where it belongs to a join, an event."""
    return "event" if view.beside else "spine row"


def _late_states(ctes: Ctes, rows: ViewRows, packed: str) -> str:
    late = late_rows(ctes, rows, [Window("lifetime")])
    body = select([ROW, f"arg_max({packed}, {NTH}) AS _state"], f"FROM {late}\nGROUP BY {ROW}")
    return ctes.add(quoted(f"{rows.view.name}_late_latest"), body, f"{rows.view.name}: the latest of those")

"""The current shape: the rows of a state source that hold at each spine row (semantics.md, "State and snapshot
sources").

At an instant a key's row is the visible one with the greatest τ. So a row holds from when it enters until a later one
of its key does, whichever entity that one is about: it has a stretch of time, `_from` up to but not `_until` (NULL:
for ever), in terms of the last instant that is known at t. A row that others made way for again has several.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from featc.decompose import Cell, Parts
from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import ARRIVAL, DELETED, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training.cells import Cells, on_keys
from featc.lower.training.dumps import (
    DUMP,
    FROM,
    UNTIL,
    dump_conditions,
    dump_rows,
    dumps,
    entered,
    holding,
    of_entities,
)
from featc.lower.training.pairs import columns_of, grouped
from featc.lower.training.rows import (
    AtT,
    Known,
    ViewRows,
    decided,
    is_irregular,
    ranked,
    row_conditions,
    slot_columns,
    slot_sql,
    versions,
)
from featc.resolve.model import Source, View, Window
from featc.visibility import AS_OF, after_sql, visible_sql

TURN = "_turn"


def of_windows(parts: Parts, *, current: bool) -> Parts:
    """The part of a view's aggregations over `current`, or of those over other windows."""
    finishes = tuple(f for f in parts.finishes if f.aggregation.window.current is current)
    cells = tuple(c for c in parts.cells if c.window.current is current)
    return replace(parts, finishes=finishes, cells=cells, partials=tuple(dict.fromkeys(c.partial for c in cells)))


def current_rows(
    ctes: Ctes, parts: Parts, source: Source, base: str, spine: str, reach: Sequence[str], known: Known
) -> ViewRows:
    """The CTE of the rows that can hold, with their stretches. `reach` prunes by the keys of `spine`."""
    view = parts.view
    items = [named(src.key_sql(k), quoted(k.name)) for k in view.keys]
    irregular = is_irregular(source) and isinstance(known, AtT) and not source.in_dumps
    if source.in_dumps:
        relation = dump_rows(ctes, source, view, base, dumps(ctes, source, base, known), reach)
        items += [TIME, f"{entered(known)} AS {ENTER}", DUMP]
        items += [] if source.valid_to is None else [f"{src.instant(source, source.valid_to)} AS {UNTIL}"]
    else:
        relation = stretches(ctes, source, view, versions(ctes, source, view, base), reach, known)
        ends = [] if source.valid_to is None else [src.instant(source, source.valid_to)]
        items += [TIME, FROM, f"least({UNTIL}, {ends[0]}) AS {UNTIL}" if ends else UNTIL]
        items += [ENTER, SUPERSEDED] if irregular else []
    slots = slot_columns(view, parts)
    ranks = {names: column for names, column, _ in ranked(parts, source)}
    items += [item for _, _, item in ranked(parts, source)]
    items += [named(slot_sql(view, s), c) for s, c in slots.items()]
    body = select(items, f"FROM {relation}\n{conjunction([*holding(source, view), *reach])}")
    name = ctes.add(quoted(f"{view.name}_current"), body, f"{view.name}: the rows that hold, each with its stretch")
    keys = tuple(quoted(k.name) for k in view.keys)
    return ViewRows(view, source, name, spine, keys, slots, ranks, irregular, 0, "")


def current(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], out: Cells, asked: str | None = None) -> None:
    """Computes cells of `current`: each spine row with the rows that hold at its instant. `asked` is the CTE of the
    spine with the dump in force, where rows come in dumps."""
    view = rows.view
    at = f"s.{AS_OF}"
    if asked is not None:
        conditions = dump_conditions(rows)
    else:
        conditions = [visible_sql(f"r.{FROM}", f"r.{UNTIL}", at, view.closed)]
        if rows.irregular:  # which its stretch implies, and a reader of the SQL cannot see
            conditions.append(visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", at, view.closed))
        if view.ttl is not None:
            conditions.append(f"r.{TIME} > {after_sql(Window('ttl', length=view.ttl), at, view.closed)}")
    pairs = select(
        ["s._row", at, columns_of(rows)],
        f"FROM {asked or rows.spine} s\nJOIN {rows.relation} r ON {on_keys(rows, 's', 'r')}\n{conjunction(conditions)}",
    )
    members = ctes.add(quoted(f"{view.name}_holding"), pairs, f"{view.name}: the rows that hold at each spine row")
    comment = f"{view.name}: over the rows that hold"
    name, found = grouped(ctes, rows, members, quoted(f"{view.name}_over_current"), cells, comment, whole=True)
    for cell, names in found.items():
        out.fields[cell] = tuple(f"{name}.{n}" for n in names)
    out.join(name, name)


# ── stretches ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _places(source: Source, view: View) -> tuple[str, ...]:
    """The names of the columns of a row's key beside it."""
    return tuple(f"_place_{n}" for n, _ in enumerate(src.place(source, view), 1))


def stretches(
    ctes: Ctes, source: Source, view: View, relation: str, reach: Sequence[str], known: Known
) -> str:
    """The CTE of the rows that are a key's own for some time, `_from` and `_until` beside them."""
    superseded = src.identity(source, view) is not None
    conditions = row_conditions(source, view) + src.place_conditions(source, view)
    conditions += [f"NOT {DELETED}"] if source.deleted is not None and source.id else []
    conditions += decided(source, view, superseded, known) + of_entities(source, view, relation, reach)
    if is_irregular(source) and isinstance(known, AtT):
        return _turns(ctes, source, view, _visible(ctes, source, view, relation, conditions, superseded))
    enters = f"{TIME} + {source.delay}" if source.delay and isinstance(known, AtT) else TIME
    order = ", ".join(f"{c} NULLS FIRST" for c in src.state_order(source))
    partition = ", ".join(src.place(source, view))
    over = f"{f'PARTITION BY {partition} ' if partition else ''}ORDER BY {order}"
    inner = select(["*", f"{enters} AS {FROM}"], f"FROM {relation}\n{conjunction(conditions)}")
    body = select(["*", f"lead({FROM}) OVER ({over}) AS {UNTIL}"], f"FROM (\n{indent(inner)}\n)")
    comment = f"{view.name}: each row, and when the next of its key takes over"
    return ctes.add(quoted(f"{view.name}_stretches"), body, comment)


def _visible(
    ctes: Ctes, source: Source, view: View, relation: str, conditions: Sequence[str], superseded: bool
) -> str:
    """The CTE of the rows that are seen at some instant, numbered in the order of which the last is a key's own."""
    gone = SUPERSEDED if superseded else "NULL::BIGINT"
    places = src.place(source, view)
    partition = f"PARTITION BY {', '.join(places)} " if places else ""
    order = ", ".join(f"{c} NULLS FIRST" for c in src.state_order(source))
    items = ["*" if not superseded else f"* EXCLUDE ({SUPERSEDED})", f"{gone} AS {SUPERSEDED}"]
    items += [f"{sql} AS {name}" for sql, name in zip(places, _places(source, view), strict=True)]
    items += [f"greatest({TIME}, {ARRIVAL}) AS {ENTER}", f"row_number() OVER ({partition}ORDER BY {order}) AS {TURN}"]
    seen = f"{SUPERSEDED} > greatest({TIME}, {ARRIVAL})"
    also = [f"({SUPERSEDED} IS NULL OR {seen})"] if superseded else []
    body = select(items, f"FROM {relation}\n{conjunction([*conditions, *also])}")
    return ctes.add(quoted(f"{view.name}_seen"), body, f"{view.name}: the rows that are seen at some instant")


def _turns(ctes: Ctes, source: Source, view: View, seen: str) -> str:
    """The CTE of rows with their stretches where rows come late, and go again: between two instants at which a row of
    a key enters or goes, the key's own is the last of those that are there."""
    places = _places(source, view)
    listed = ", ".join(places)
    columns = [*places, f"{ENTER} AS {FROM}"]
    instants = (
        select(columns, f"FROM {seen}")
        + "\nUNION\n"
        + select([*places, SUPERSEDED], f"FROM {seen}\nWHERE {SUPERSEDED} IS NOT NULL")
    )
    over = f"{f'PARTITION BY {listed} ' if places else ''}ORDER BY {FROM}"
    cut = select(
        [*places, FROM, f"lead({FROM}) OVER ({over}) AS {UNTIL}"],
        f"FROM (\n{indent(instants)}\n)",
    )
    turns = ctes.add(quoted(f"{view.name}_turns"), cut, f"{view.name}: the instants at which a key's row can change")
    same = " AND ".join(f"c.{p} = r.{p}" for p in places) or "true"
    there = visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", f"c.{FROM}", "right")
    own = select(
        [*(f"c.{p}" for p in places), f"c.{FROM}", f"c.{UNTIL}", f"max(r.{TURN}) AS {TURN}"],
        f"FROM {turns} c\nJOIN {seen} r ON {same}\nWHERE {there}\nGROUP BY ALL",
    )
    taken = ctes.add(quoted(f"{view.name}_own"), own, f"{view.name}: which row is a key's own between two of them")
    met = " AND ".join([*(f"o.{p} = r.{p}" for p in places), f"o.{TURN} = r.{TURN}"])
    body = select(["r.*", f"o.{FROM}", f"o.{UNTIL}"], f"FROM {taken} o\nJOIN {seen} r ON {met}")
    comment = f"{view.name}: each row with the times at which it is its key's own"
    return ctes.add(quoted(f"{view.name}_stretches"), body, comment)

"""Snapshot sources: the dump in force at each spine row, and its rows (semantics.md, "State and snapshot sources").

Rows of one τ and α are one dump. At an instant the dump with the greatest (τ, α) among those that have entered is in
force: what it does not hold has ended, and a dump that is older than a visible one changes nothing. So dumps are in
force one after the other, each once, and a spine row finds its dump by one ASOF join.
"""

from __future__ import annotations

from collections.abc import Sequence

from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import ARRIVAL, DELETED, ENTER, TIME, quoted
from featc.lower.training.cells import ROW, on_keys
from featc.lower.training.rows import AtT, Known, ViewRows, in_time, row_conditions
from featc.resolve.model import ColumnRef, Source, View, Window
from featc.visibility import AS_OF, after_sql, horizon_sql
from featc_dialects import duckdb as engine

FROM, UNTIL, DUMP = "_from", "_until", "_dump"


def dumps(ctes: Ctes, source: Source, base: str, known: Known) -> str:
    """The CTE of the dumps that are in force for some time: τ, α, a number, and `_from` when each begins to be."""
    relation = in_time(ctes, source, base)
    listed = select(
        [TIME, ARRIVAL, f"{entered(known)} AS {FROM}"],
        f"FROM {relation}\nWHERE {TIME} IS NOT NULL AND {ARRIVAL} IS NOT NULL",
        distinct=True,
    )
    later = f"min({FROM}) OVER (ORDER BY {TIME}, {ARRIVAL} ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    body = select(
        [TIME, ARRIVAL, FROM, f"row_number() OVER (ORDER BY {TIME}, {ARRIVAL}) AS {DUMP}"],
        f"FROM (\n{indent(listed)}\n)\nQUALIFY coalesce({FROM} < {later}, true)",
    )
    comment = f"{source.name}: its dumps, without those that a later one preceded"
    return ctes.add(quoted(f"{source.name}_dumps"), body, comment)


def entered(known: Known) -> str:
    """When a row enters, as SQL over its instants."""
    return f"greatest({TIME}, {ARRIVAL})" if isinstance(known, AtT) else TIME


def dump_rows(
    ctes: Ctes, source: Source, view: View, base: str, listed: str, reach: Sequence[str]
) -> str:
    """The CTE of the rows of these dumps, one of each key: the last in the order of versions. `reach` prunes."""
    conditions = list(dict.fromkeys([*row_conditions(source, view), *src.place_conditions(source, view)]))
    parts = ", ".join([DUMP, *src.place(source, view)])
    own = f"row_number() OVER (PARTITION BY {parts} ORDER BY {', '.join(src.dump_order(source))}) = 1"
    relation = in_time(ctes, source, base)
    conditions += of_entities(source, view, relation, reach)
    origin = f"FROM {relation} r JOIN {listed} d USING ({TIME}, {ARRIVAL})"
    body = select(["r.*", f"d.{DUMP}"], f"{origin}\n{conjunction(conditions)}\nQUALIFY {own}")
    return ctes.add(quoted(f"{view.name}_dumped"), body, f"{view.name}: the rows of each dump, one of each key")


def of_entities(source: Source, view: View, relation: str, reach: Sequence[str]) -> list[str]:
    """Pruning: only keys that are about the spine's entities at some time, whichever entity their other rows are about.
    `reach` are the conditions that a row is about one of them."""
    parts = [k.expr.parts[0] for k in view.keys if k.expr is not None and k.expr.is_bare]
    bare = {p.column for p in parts if isinstance(p, ColumnRef)}
    if not reach or not source.key or (len(bare) == len(view.keys) and bare <= set(source.key)):
        return list(reach)
    place = ", ".join(src.place(source, view))
    one = f"({place})" if len(source.key) > 1 else place
    return [f"{one} IN (SELECT {one} FROM {relation} WHERE {' AND '.join(reach)})"]


def in_force(ctes: Ctes, view: View, listed: str, spine: str) -> str:
    """The CTE of the spine's rows with the number of the dump that is in force at each."""
    keys = [quoted(k.name) for k in view.keys]
    body = select(
        [f"s.{ROW}", f"s.{AS_OF}", *(f"s.{k}" for k in keys), f"d.{DUMP}"],
        f"FROM {spine} s\nASOF JOIN {listed} d ON d.{FROM} <= {horizon_sql(f's.{AS_OF}', view.closed)}",
    )
    return ctes.add(quoted(f"{view.name}_in_force"), body, f"{view.name}: the dump in force at each spine row")


def dump_conditions(rows: ViewRows) -> list[str]:
    """When a row `r` of the dump in force holds at the spine row `s`."""
    view, at = rows.view, f"s.{AS_OF}"
    # the dump in force has entered, which a reader of the SQL can see of the row alone
    found = [f"r.{DUMP} = s.{DUMP}", f"r.{ENTER} <= {horizon_sql(at, view.closed)}"]
    if rows.source.valid_to is not None:
        found.append(f"(r.{UNTIL} IS NULL OR r.{UNTIL} > {horizon_sql(at, view.closed)})")
    if view.ttl is not None:
        found.append(f"r.{TIME} > {after_sql(Window('ttl', length=view.ttl), at, view.closed)}")
    return found


def dump_lookup(
    ctes: Ctes, source: Source, view: View, base: str, spine: str, reach: Sequence[str], known: Known
) -> str:
    """The CTE with the state columns of the row that holds at each spine row; without the rows where none does."""
    listed = dumps(ctes, source, base, known)
    relation = dump_rows(ctes, source, view, base, listed, reach)
    taken = {k.name.lower() for k in view.keys}
    columns = {c: quoted(f"{c}_value" if c.lower() in taken else c) for c in view.state_columns}
    items = [named(src.key_sql(k), quoted(k.name)) for k in view.keys] + [TIME, f"{entered(known)} AS {ENTER}", DUMP]
    if source.valid_to is not None:
        items.append(f"{src.instant(source, source.valid_to)} AS {UNTIL}")
    items += [named(engine.canonical(quoted(c), source.column(c).type), name) for c, name in columns.items()]
    held = conjunction([*holding(source, view), *reach])
    states = ctes.add(
        quoted(f"{view.name}_states"),
        select(items, f"FROM {relation}\n{held}"),
        f"{view.name}: the states it looks up",
    )
    keys = tuple(quoted(k.name) for k in view.keys)
    rows = ViewRows(view, source, states, spine, keys, columns, {}, False, 0, "")
    asked = in_force(ctes, view, listed, spine)
    on = on_keys(rows, "s", "r")
    body = select(
        [f"s.{ROW}", *(named(f"r.{name}", quoted(c)) for c, name in columns.items())],
        f"FROM {asked} s\nJOIN {states} r ON {on}\n{conjunction(dump_conditions(rows))}",
    )
    return ctes.add(quoted(f"{view.name}_state"), body, f"{view.name}: what holds at each spine row")


def holding(source: Source, view: View) -> list[str]:
    """What a row has to be to hold anything: it passes `where`, and is no tombstone."""
    found = [] if view.where is None else [f"({src.render(view.where)})"]
    return found + ([f"NOT {DELETED}"] if source.deleted is not None and not source.id else [])

"""Training, first stage: the rows a view sees, each with its instants, order numbers and lifted slots.

A row is *regular* when serving learns of it no later than the source's usual lag after it happened and nothing ever
supersedes it. Whether a regular row is in a window depends on `t` alone, so the fast shapes hold for regular rows;
the others go through a join on the entity's key (architecture.md, performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from featc.algebra import LAWS
from featc.decompose import Parts
from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import DELETED, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training.lags import attributed_lag, usual_lag
from featc.lower.union_words import made_words, union_words
from featc.resolve.model import Aggregation, ColumnRef, Expr, Source, View
from featc.visibility import known_sql
from featc_dialects import duckdb as engine

REGULAR = "_regular"
BUCKET = "_bucket"
NTH, HOLDS, UNTIL = "_nth", "_holds", "_until"
ENTERED = f"greatest({TIME}, {src.ARRIVAL})"


@dataclass(frozen=True, slots=True)
class ViewRows:
    """What later stages need to know about a view's rows.

    `relation` names the CTE. `slots` maps slot → column; `ranks` maps the slots an order depends on → the column that
    numbers an entity's rows in that event order. `irregular`: rows may be late or superseded, so `_regular` and
    `_enter`, `_superseded` are there and `lag` is SQL for the usual lag in µs; else `delay` is every row's lag, 0 where
    rows do not count by what is known at t.
    `holds`: there is a column `_holds`, false on states that hold nothing. `spine` names the CTE of the spine's rows
    with the keys at which the view is asked; `known` is its column with the instants by which rows count, where that
    is not the spine's own.
    """

    view: View
    source: Source
    relation: str
    spine: str
    keys: tuple[str, ...]
    slots: dict[str, str]
    ranks: dict[tuple[str, ...], str]
    irregular: bool
    delay: int
    lag: str
    holds: bool = False
    known: str | None = None


@dataclass(frozen=True, slots=True)
class AtT:
    """Rows count by what is known at each spine row's own instant; or, with `column`, at the instant in that column
    of the spine, which is no earlier."""

    column: str | None = None


@dataclass(frozen=True, slots=True)
class KnownBy:
    """Rows count by what is known at `k` µs (None: all there is), the same for every spine row: one version of each
    event, so that all rows are regular (semantics.md, "Observation")."""

    k: int | None


Known = AtT | KnownBy


def decided(source: Source, view: View, superseded: bool, known: Known) -> list[str]:
    """The conditions on what decides once, for every spine row, which version of an event there is."""
    if isinstance(known, KnownBy):
        arrival = src.ARRIVAL if view.attributed is None else ENTER
        return known_sql(arrival, SUPERSEDED if superseded else None, known.k, view.closed)
    decided = superseded and view.attributed is None and not is_irregular(source)
    return [f"{SUPERSEDED} IS NULL"] if decided else []


def is_irregular(source: Source) -> bool:
    """Whether visibility can depend on more than τ. A state source without id and arrival column resolves its
    corrections at once: two rows of one key and time have the same arrival."""
    return source.available_at is not None or bool(source.id)


def columns_used(view: View, source: Source, parts: Parts, *, states: bool = True) -> tuple[str, ...]:
    """The source columns that the parts of a view read, in the data's order; with `states`, a lookup's too."""
    used: dict[str, None] = {}

    def note(expr: Expr | None) -> None:
        if expr is not None:
            used.update((r.column, None) for r in expr.refs if isinstance(r, ColumnRef))

    for key in view.keys:
        note(key.expr)
    note(view.where)
    for name in dict.fromkeys(s for p in parts.partials for s in p.slots):
        note(view.slot(name).value)
        note(view.slot(name).filter)
    used.update((c, None) for c in view.state_columns if states)
    for expr in (source.time, source.available_at, source.deleted, source.valid_to):
        note(expr)
    used.update((c, None) for c in (*source.told_by, *source.tie_break, *source.key))
    return tuple(c.name for c in source.columns if c.name in used)


def source_rows(
    ctes: Ctes, source: Source, columns: frozenset[str], *, shared: bool, raw: Sequence[str] = ()
) -> str:
    """The CTE of a source's rows with normalised columns and instants. Rows without τ or α still supersede.

    `raw` are conditions over the data's own columns, where a reader of files can use them to skip parts.
    """
    names = [c.name for c in source.columns if c.name in columns]
    inner = [named(src.normalised_column(source, n), quoted(n)) for n in names]
    times = [f"{sql} AS {name}" for sql, name in src.instants_select(source, tuple(names))]
    relation = f"{src.relation_of(source)}\n{conjunction(raw)}".rstrip("\n")
    plain = all(item == quoted(n) for item, n in zip(inner, names, strict=True))
    # the instants are computed over normalised columns, so these are named first where normalising changes any
    origin = f"FROM {relation}" if plain else f"FROM (\n{indent(select(inner, f'FROM {relation}'))}\n)"
    what = {"event": "events", "state": "states", "snapshot": "rows of dumps"}[source.kind]
    if source.members:
        what = union_words(source)
    return ctes.add(
        quoted(f"{source.name}_source"),
        select([*(quoted(n) for n in names), *times], origin),
        f"{source.name}: {what} with their instants in microseconds: τ (_time) and α (_arrival)"
        + made_words(source, names),
        materialized=shared,
    )


def versions(ctes: Ctes, source: Source, view: View, relation: str) -> str:
    """The CTE that adds `_superseded`: α of the next version of the same event (semantics.md, "Events and versions").

    Only events with more than one row are sorted. Of identical rows all but the last are superseded on arrival. With
    `final_after` rows that came too late are left out.
    """
    relation = in_time(ctes, source, relation)
    if src.identity(source, view) is None:
        return relation
    repeated = repeated_ids(ctes, source, view, relation)
    several = several_select(source, view, relation, repeated)
    body = several + "\nUNION ALL\n" + single_select(source, view, relation, repeated)
    comment = f"{source.name}: each version and the instant the next one supersedes it"
    return ctes.add(quoted(versions_name(source, view)), body, comment)


def in_time(ctes: Ctes, source: Source, relation: str) -> str:
    """The CTE of the rows that arrived within `final_after` of their own time, where the source has one."""
    final = src.in_time(source)
    if final is None:
        return relation
    comment = f"{source.name}: the rows that arrived before their event was final"
    return ctes.add(quoted(f"{source.name}_in_time"), select(["*"], f"FROM {relation}\nWHERE {final}"), comment)


def versions_name(source: Source, view: View) -> str:
    """What the versions of a source are called; they are a view's where its keys are part of the identity."""
    by_view = source.kind == "state" and not source.id and not source.key
    return f"{view.origin if by_view else source.name}_versions"


def _identity(source: Source, view: View) -> tuple[tuple[str, ...], str]:
    """SQL of a row's identity, and the condition that it has one and an arrival."""
    identity = src.identity(source, view)
    if identity is None:
        raise AssertionError(f"rows of {source.name} have no identity")
    return identity, " AND ".join(f"{i} IS NOT NULL" for i in (*identity, src.ARRIVAL))


def repeated_ids(ctes: Ctes, source: Source, view: View, relation: str) -> str:
    """The CTE of the identities (`_id_1` …) that more than one row has."""
    which = repeated_select(source, view, relation)
    name = f"{versions_name(source, view)}_repeated"
    return ctes.add(quoted(name), which, f"{source.name}: which events came more than once")


def repeated_select(source: Source, view: View, relation: str) -> str:
    """SELECT of the identities that more than one row has."""
    _, given = _identity(source, view)
    items, having = identity_items(source, view), "GROUP BY ALL\nHAVING count(*) > 1"
    return select(items, f"FROM {relation}\nWHERE {given}\n{having}")


def identity_items(source: Source, view: View) -> list[str]:
    """A row's identity as the columns `_id_1` …"""
    return [f"{sql} AS _id_{n}" for n, sql in enumerate(_identity(source, view)[0], 1)]


def _matched(identity: tuple[str, ...]) -> str:
    return " AND ".join(f"{sql} = m._id_{n}" for n, sql in enumerate(identity, 1))


def several_select(
    source: Source, view: View, relation: str, repeated: str, items: Sequence[str] = ("r.*",), order: str = ""
) -> str:
    """SELECT of the rows of repeated identities with `_superseded`, as far as they came before the event was final."""
    identity, given = _identity(source, view)
    ordered = _listed(f"{c} NULLS FIRST" for c in src.version_order(source))
    history = f"PARTITION BY {', '.join(identity)} ORDER BY{ordered}"
    rows = f"FROM {relation} r SEMI JOIN {repeated} m ON {_matched(identity)}\nWHERE {given}"
    if source.id and source.final_after is not None:  # else τ is part of the identity, and the same for all versions
        first = f"min({TIME}) OVER ({history} ROWS UNBOUNDED PRECEDING)"
        final = f"QUALIFY coalesce({src.ARRIVAL} <= {first} + {source.final_after}, true)"
        rows = f"FROM (\n{indent(select(['r.*'], f'{rows}{chr(10)}{final}'))}\n) r"
    return select([*items, f"lead({src.ARRIVAL}) OVER ({history}) AS {SUPERSEDED}"], f"{rows}{order}")


def single_select(
    source: Source,
    view: View,
    relation: str,
    repeated: str,
    items: Sequence[str] = ("r.*",),
    where: Sequence[str] = (),
) -> str:
    """SELECT of the rows whose identity is theirs alone, or that have none: nothing supersedes them."""
    identity, given = _identity(source, view)
    return select(
        [*items, f"NULL AS {SUPERSEDED}"],
        f"FROM {relation} r ANTI JOIN {repeated} m ON {_matched(identity)} AND {given}\n{conjunction(where)}",
    )


def left_out_sql(source: Source, view: View) -> str:
    """How many rows of a source `final_after` leaves out, as DuckDB SQL; `view` is any that reads it."""
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=True)
    kept = versions(ctes, source, view, base)
    given = f"count(*) FILTER (WHERE {TIME} IS NULL OR {src.ARRIVAL} IS NOT NULL)"
    return ctes.query(f"SELECT (SELECT {given} FROM {base}) - (SELECT count(*) FROM {kept})")


def _listed(items: Iterable[str]) -> str:
    """The items behind a space, or one a line where there are many."""
    found = list(items)
    return f" {', '.join(found)}" if len(found) < 4 else "\n" + indent(",\n".join(found)) + "\n"


def _rank_keys(parts: Parts) -> tuple[tuple[str, ...], ...]:
    """The slot lists that event orders depend on: one per ordered partial and per aggregation whose window chooses by
    event order."""
    wanted: dict[tuple[str, ...], None] = {}
    for partial in parts.partials:
        if LAWS[partial.kind].ordered:
            wanted[partial.slots] = None
    for finish in parts.finishes:
        if finish.aggregation.window.in_order:
            wanted[chosen_by(finish.aggregation)] = None
    return tuple(wanted)


def ranked(parts: Parts, source: Source) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """For each event order that is needed the slots it goes by, the column that numbers an entity's rows in it, and
    that column's item."""
    view = parts.view
    partition = f"PARTITION BY {', '.join(src.key_sql(k) for k in view.keys)} " if view.keys else ""
    for number, names in enumerate(_rank_keys(parts)):
        column = "_nth" if number == 0 else f"_nth_{number + 1}"
        order = ", ".join(f"{c} NULLS FIRST" for c in (*src.event_order(source), *(slot_sql(view, s) for s in names)))
        yield names, column, f"row_number() OVER ({partition}ORDER BY {order}) AS {column}"


def chosen_by(aggregation: Aggregation) -> tuple[str, ...]:
    """The slots that the event order of an aggregation's window goes by: its arguments, then what begins a `since`."""
    since = aggregation.window.since
    return aggregation.slots if since is None else (*aggregation.slots, since)


def slot_columns(view: View, parts: Parts) -> dict[str, str]:
    """Slot → column name; a slot named like a key gets a suffix."""
    taken = {k.name.lower() for k in view.keys}
    names = dict.fromkeys(s for f in parts.finishes for s in chosen_by(f.aggregation))
    return {s: quoted(f"{s}_value" if s.lower() in taken else s) for s in names}


def slot_sql(view: View, name: str) -> str:
    """A slot's value: NULL where its FILTER does not hold, in one canonical representation."""
    slot = view.slot(name)
    raw = src.render(slot.value)
    cast = f"({raw})::{slot.type}" if slot.value.type != slot.type else raw
    text = engine.canonical(
        f"({cast})" if not slot.value.is_bare and slot.type in ("FLOAT", "DOUBLE") else cast, slot.type
    )
    return text if slot.filter is None else f"CASE WHEN {src.render(slot.filter)} THEN {text} END"


def _instant_items(irregular: bool, superseded: bool, lag: str, enter: str = ENTERED) -> list[str]:
    """τ, and where rows may be irregular what tells which are."""
    if not irregular:
        return [TIME]
    regular = f"{enter} - {TIME} <= (SELECT us FROM {lag})"
    return [
        TIME,
        named(enter, ENTER),
        SUPERSEDED if superseded else f"NULL::BIGINT AS {SUPERSEDED}",
        f"{regular}{f' AND {SUPERSEDED} IS NULL' if superseded else ''} AS {REGULAR}",
        f"{TIME} // greatest((SELECT us FROM {lag}), 1) AS {BUCKET}",
    ]


def row_conditions(source: Source, view: View) -> list[str]:
    """What a row needs to be visible at any instant: keys, τ and α (semantics.md, "Events and versions")."""
    found = [f"{src.key_sql(k)} IS NOT NULL" for k in view.keys] + [f"{TIME} IS NOT NULL"]
    return found + ([f"{src.ARRIVAL} IS NOT NULL"] if source.available_at is not None else [])


def event_conditions(source: Source, view: View) -> list[str]:
    """What a row needs to count in the view's windows at any instant."""
    found = [] if view.where is None else [f"({src.render(view.where)})"]
    found += row_conditions(source, view)
    return found if source.deleted is None else [*found, f"NOT {DELETED}"]


def view_rows(
    ctes: Ctes,
    parts: Parts,
    source: Source,
    base: str,
    spine: str,
    reach: Sequence[str],
    known: Known,
    beside: Callable[[str], str] = str,
) -> ViewRows:
    """The CTE of the rows one event view sees. `reach` are pruning conditions over `_time` and keys of `spine`;
    `beside` gives the CTE of the versions with the columns that joins bring."""
    view = parts.view
    relation = beside(versions(ctes, source, view, base))
    matched = view.attributed is not None
    irregular = (matched or is_irregular(source)) and isinstance(known, AtT)
    keys = tuple(quoted(k.name) for k in view.keys)
    slots = slot_columns(view, parts)
    lag = "" if not irregular else attributed_lag(ctes, view, relation) if matched else usual_lag(ctes, source, base)
    superseded = matched or src.identity(source, view) is not None
    items = [named(src.key_sql(k), quoted(k.name)) for k in view.keys]
    items += _instant_items(irregular, superseded, lag, ENTER if matched else ENTERED)
    ranks = {names: column for names, column, _ in ranked(parts, source)}
    items += [item for _, _, item in ranked(parts, source)]
    items += [named(slot_sql(view, s), c) for s, c in slots.items()]
    conditions = [*event_conditions(source, view), *decided(source, view, superseded, known), *reach]
    body = select(items, f"FROM {relation}\n{conjunction(conditions)}")
    name = ctes.add(quoted(f"{view.name}_rows"), body, f"{view.name}: the rows it aggregates, and what each brings")
    delay = source.delay if isinstance(known, AtT) else 0
    usual = f"(SELECT us FROM {lag})"
    by = known.column if isinstance(known, AtT) else None
    return ViewRows(view, source, name, spine, keys, slots, ranks, irregular, delay, usual, known=by)


def state_rows(
    ctes: Ctes, view: View, source: Source, base: str, spine: str, reach: Sequence[str], known: Known
) -> ViewRows:
    """The CTE of the rows a state lookup chooses from (semantics.md, "State and snapshot sources").

    `where`, tombstones and `valid_to` do not remove a row: while it is the newest one, nothing older resurfaces.
    """
    relation = versions(ctes, source, view, base)
    irregular = is_irregular(source) and isinstance(known, AtT)
    lag = usual_lag(ctes, source, base) if irregular else ""
    superseded = src.identity(source, view) is not None
    items = [named(src.key_sql(k), quoted(k.name)) for k in view.keys]
    items += _instant_items(irregular, superseded, lag)
    holds = [] if view.where is None else [f"({src.render(view.where)})"]
    conditions = row_conditions(source, view)
    if source.deleted is not None:
        (conditions if source.id or source.kind != "state" else holds).append(f"NOT {DELETED}")
    conditions += decided(source, view, superseded, known)
    partition = f"PARTITION BY {', '.join(src.key_sql(k) for k in view.keys)} " if view.keys else ""
    order = ", ".join(f"{c} NULLS FIRST" for c in src.state_order(source))
    items.append(f"row_number() OVER ({partition}ORDER BY {order}) AS {NTH}")
    if holds:
        items.append(f"coalesce({' AND '.join(holds)}, false) AS {HOLDS}")
    if source.valid_to is not None:
        items.append(f"{src.instant(source, source.valid_to)} AS {UNTIL}")
    taken = {k.name.lower() for k in view.keys}
    columns = {c: quoted(f"{c}_value" if c.lower() in taken else c) for c in view.state_columns}
    for name, column in columns.items():
        items.append(named(engine.canonical(quoted(name), source.column(name).type), column))
    body = select(items, f"FROM {relation}\n{conjunction([*conditions, *reach])}")
    name = ctes.add(quoted(f"{view.name}_states"), body, f"{view.name}: the states it looks up")
    keys = tuple(quoted(k.name) for k in view.keys)
    usual = f"(SELECT us FROM {lag})"
    delay = source.delay if isinstance(known, AtT) else 0
    by = known.column if isinstance(known, AtT) else None
    return ViewRows(view, source, name, spine, keys, columns, {}, irregular, delay, usual, bool(holds), by)


__all__ = ["ViewRows", "is_irregular", "left_out_sql", "slot_sql", "source_rows", "state_rows", "versions", "view_rows"]
